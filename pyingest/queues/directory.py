"""A directory that one process at a time may use."""

import fcntl
import os
from pathlib import Path

from pyingest.queues.interface import QueueError


def locked(directory: Path) -> int:
    """Return a descriptor that holds *directory* for this process until it is closed.

    :raises QueueError: it cannot be made or written, or another process holds it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise QueueError(
            f"queue directory {directory}: {error.strerror}; name a directory that may be written"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise QueueError(
            f"queue directory {directory}: another queue server uses it; stop that one, "
            "or name another directory"
        ) from None
    return descriptor
