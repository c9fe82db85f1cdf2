"""One directory of a spool for each process, and those of the dead for who comes next."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from pyingest.queues.interface import QueueError

NAME = "spool-"
MOST = 1000
"""Processes that may share a root."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A directory that is this process's until :meth:`release`."""

    directory: Path
    lock: int

    def release(self) -> None:
        """Leave the directory to others."""
        os.close(self.lock)

    def remove(self) -> None:
        """Remove what this module and an empty log left in it, then the directory, if it can be.

        What a person must see (events set aside, damaged bytes) keeps it there.
        """
        ours = ("position", "lock")
        if all(path.name in ours for path in self.directory.iterdir()):
            for name in ours:
                (self.directory / name).unlink(missing_ok=True)
            self.directory.rmdir()
        self.release()


def claim(root: Path) -> Claim:
    """Return the directory with the lowest number below *root* that no process holds.

    It may hold what a process left that is gone.

    :raises QueueError: none can be made or locked.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(MOST):
            if (mine := _try(root / f"{NAME}{number:03d}")) is not None:
                return mine
    except OSError as error:
        raise QueueError(
            f"spool {root}: {error.strerror}; name a directory that may be written"
        ) from None
    raise QueueError(f"spool {root}: {MOST} processes use it; name another directory")


def orphans(root: Path, mine: Path) -> list[Claim]:
    """Return the directories below *root*, but *mine*, that no living process holds."""
    try:
        found = sorted(path for path in root.glob(f"{NAME}[0-9][0-9][0-9]") if path != mine)
        return [each for path in found if (each := _try(path, new=False)) is not None]
    except OSError:
        return []


def _try(directory: Path, new: bool = True) -> Claim | None:
    """Lock a directory; ``None`` when another process has it, or just removed it."""
    if new:
        directory.mkdir(exist_ok=True)
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who removed the directory meanwhile left us a lock on a file without a name.
        same = os.path.samestat(os.fstat(lock), (directory / "lock").stat())
    except (BlockingIOError, FileNotFoundError):
        same = False
    if not same:
        os.close(lock)
        return None
    return Claim(directory, lock)
