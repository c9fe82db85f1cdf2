"""A count that a killed process leaves behind, exact to the last request.

It lives in a page of a file that is mapped into memory: counting is an assignment, no system call,
and what was counted belongs to the kernel when the process is gone (mmap(2), ``MAP_SHARED``).
"""

import mmap
import os
from pathlib import Path

from shadow.ledger import Ledger

BYTES = 8
SUFFIX = ".received"


class Odometer:
    """One count, which begins at 0; without room on the disk it is kept in memory only."""

    def __init__(self, path: Path) -> None:
        page = _page(path)
        self._cell = memoryview(page if page is not None else bytearray(BYTES)).cast("Q")

    @property
    def value(self) -> int:
        """The count."""
        return self._cell[0]

    @value.setter
    def value(self, count: int) -> None:
        self._cell[0] = count


def _page(path: Path) -> mmap.mmap | None:
    """Return the mapped file. Its room is taken beforehand: a full disk would be a SIGBUS."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError:
        return None
    try:
        os.posix_fallocate(file, 0, BYTES)
        return mmap.mmap(file, BYTES)
    except OSError:
        return None
    finally:
        os.close(file)


def last_value(path: Path) -> int | None:
    """Return what a process that is gone had counted; ``None`` if it left nothing."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return memoryview(data).cast("Q")[0] if len(data) == BYTES else None


class KeptLedger(Ledger):
    """A ledger whose ``received`` outlives the process."""

    def __init__(self, odometer: Odometer) -> None:
        self._odometer = odometer
        super().__init__()

    @property
    def received(self) -> int:
        """Whole requests that came."""
        return self._odometer.value

    @received.setter
    def received(self, count: int) -> None:
        self._odometer.value = count
