"""Dead letters as JSON lines in a directory that never grows beyond its limit."""

import os
import time
from pathlib import Path

import msgspec

from pyingest.serving.deadletters import Letter

PARTS = 8
"""The limit is shared out to so many files; the oldest is removed as a whole."""
_ENCODER = msgspec.json.Encoder()


class LetterFiles:
    """A store of letters; any number of processes may share the directory.

    :param limit: bytes of all files together, kept to within a file's share.
    :raises OSError: the directory cannot be made.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._limit = limit
        self._share = max(1, limit // PARTS)
        self._file = -1

    def write(self, letters: list[Letter]) -> None:
        """Append *letters*; see :class:`pyingest.serving.deadletters.Store`."""
        for letter in letters:
            line = _ENCODER.encode(letter) + b"\n"
            self._make_room(len(line))
            os.write(self._file, line)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _make_room(self, size: int) -> None:
        """Begin a new file when this one is full, or another process removed it."""
        if self._file >= 0:
            state = os.fstat(self._file)
            if state.st_nlink and state.st_size + size <= self._share:
                return
            self.close()
        self._remove_oldest()
        name = f"dead-{time.time_ns():020d}-{os.getpid()}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(self._directory / name, flags, 0o600)

    def _remove_oldest(self) -> None:
        sizes: list[tuple[Path, int]] = []
        for path in sorted(self._directory.glob("dead-*.jsonl")):
            try:
                sizes.append((path, path.stat().st_size))
            except FileNotFoundError:
                continue  # another process was quicker
        total = sum(size for _, size in sizes)
        for path, size in sizes:
            if total + self._share <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size
