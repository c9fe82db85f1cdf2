"""A local spool that lasts: one thread, one file sync for all that waits."""

from pathlib import Path
from typing import Any

LIMIT = 1 << 30
"""Bytes that a spool may take on disk, unless told otherwise."""


class Spool:
    """Events on disk, of this process; :func:`open_spool` makes it."""

    async def close(self) -> None:
        """Sync what waits and let go of the directory."""


def open_spool(reactor: Any, root: Path, limit: int = LIMIT) -> Spool:
    """Return a spool of this process below *root*, which any number of processes may share.

    Its directory is made, or taken over from a process that is gone.

    :param limit: bytes on disk; beyond them the spool is full.
    :raises QueueError: the directory cannot be made, read or written.
    """
    return Spool()
