"""How much of the disk stays free, whatever is recorded."""

import shutil
from collections.abc import Callable
from pathlib import Path

from shadow.runs.manifest import RecordingError


class Room:
    """Watches the disk on which *directory* lies.

    :param least: bytes that must stay free; 0: none.
    :param free: returns how many are.
    """

    def __init__(self, directory: Path, least: int, free: Callable[[], int] | None = None) -> None:
        self._directory = directory
        self._least = least
        self._free = free or (lambda: shutil.disk_usage(directory).free)

    @property
    def short(self) -> int:
        """Bytes to get back so that twice as many are free as must be; 0 when they are."""
        return max(0, 2 * self._least - self._free()) if self._least else 0

    def check(self) -> None:
        """Say that the recording must end, if it must.

        :raises RecordingError: the disk is nearly full.
        """
        if self._least and (free := self._free()) < self._least:
            raise RecordingError(
                f"{self._directory}: {free:,} bytes of the disk are free, {self._least:,} must "
                "stay free: make room, or keep less of the run (keep_bytes), and begin a new run"
            )
