"""One file that is read while it grows, and where the files before and behind it are."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

CHUNK = 256 * 1024
"""Bytes read at once; a line may be longer."""
HEAD = 512
OTHERS = (".cursor", ".partial", ".gz", ".zst", ".xz", ".bz2")
"""Ends of names beside a file that are not the file under a former name."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read, and what it is known by: an inode may be given out again."""

    inode: int
    at: int
    head: str
    """Digest of how it begins, as far as it was read."""


class Followed:
    """A file, and how far it was read.

    :raises OSError: it cannot be opened.
    """

    def __init__(self, path: Path, at: int = 0) -> None:
        self.path = path
        """As it was called when it was opened."""
        self.at = at
        """Bytes read, in whole lines."""
        self._file = path.open("rb")
        self.inode = os.fstat(self._file.fileno()).st_ino
        self._size = at
        self._grown = time.monotonic()

    def mark(self) -> Mark:
        """Return what the file is known by, and how far it was read."""
        return Mark(self.inode, self.at, _head(self._file, self.at))

    def to_end(self) -> None:
        """Pass over what is there, up to the last end of a line."""
        size, step = self._now(), CHUNK
        while size:
            start = max(0, size - step)
            self._file.seek(start)
            end = self._file.read(size - start).rfind(b"\n") + 1
            if end or not start:
                self.at = start + end
                return
            step *= 2

    def lines(self, limit: int) -> list[bytes]:
        """Return the next whole lines, at most *limit*, without their ends."""
        size = CHUNK
        while True:
            self._file.seek(self.at)
            data = self._file.read(size)
            cut = data.rfind(b"\n") + 1
            if cut or len(data) < size:
                break
            size *= 2  # a line that is longer
        lines = data[:cut].split(b"\n")[:-1][:limit]
        self.at += sum(len(line) + 1 for line in lines)
        return lines

    def ahead(self, most: int) -> list[bytes]:
        """Return the next whole lines within *most* bytes, and stay before them."""
        self._file.seek(self.at)
        return self._file.read(most).split(b"\n")[:-1]

    def left(self) -> int:
        """Return how many bytes lie ahead."""
        return self._now() - self.at

    def shrunk(self) -> int:
        """Return how much was read of a file that is shorter now, and read it anew; else 0."""
        if self._now() >= self.at:
            return 0
        lost, self.at = self.at, 0
        return lost

    def quiet_for(self, now: float) -> float:
        """Return for how many seconds the file has not grown; 0 while whole lines lie ahead."""
        size = self._now()
        if size != self._size or self.ahead(CHUNK):
            self._size, self._grown = size, now
        return now - self._grown

    @property
    def changed(self) -> float:
        """When it was last written, in epoch seconds."""
        return os.fstat(self._file.fileno()).st_mtime

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def _now(self) -> int:
        return os.fstat(self._file.fileno()).st_size


def found_again(path: Path, mark: Mark) -> Path | None:
    """Return how the file that was called *path* is called now; ``None`` if it is gone."""
    for place in [path, *_beside(path)]:
        try:
            with place.open("rb") as file:
                same = os.fstat(file.fileno()).st_ino == mark.inode
                if same and _head(file, mark.at) == mark.head:
                    return place
        except FileNotFoundError:
            continue
    return None


def _head(file: BinaryIO, at: int) -> str:
    file.seek(0)
    return blake2b(file.read(min(at, HEAD)), digest_size=8).hexdigest()


def successors(path: Path, known: Sequence[Followed]) -> list[Path]:
    """Return the files that were begun under the name *path* after *known*, oldest first.

    Usually that is none, or the one that has the name now. Those between, which had it for a
    while that nobody looked, are found by their time.
    """
    try:
        newest = path.stat()
    except FileNotFoundError:
        return []
    inodes = {file.inode for file in known}
    if newest.st_ino in inodes:
        return []
    between: list[tuple[float, Path]] = []
    if known:
        since = known[-1].changed
        for place in _beside(path):
            told = place.stat()
            if told.st_ino not in inodes and told.st_mtime >= since:
                between.append((told.st_mtime, place))
    return [*(place for _, place in sorted(between)), path]


def _beside(path: Path) -> list[Path]:
    """Return what may be former files of the name *path*: ``PATH.1``, ``PATH-20260101``."""
    return [
        place
        for place in path.parent.glob(f"{path.name}[.-]*")
        if place.is_file() and not place.name.endswith(OTHERS)
    ]
