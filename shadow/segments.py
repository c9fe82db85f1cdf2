"""One file of a run: lines in zstd frames, written frame by frame and read as they come."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from shadow.runs.private import append_whole

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READ_BYTES = 64 * 1024
"""Compressed bytes that are read at once."""


class Cut(Exception):
    """A segment cannot be read further. The text says why."""


@dataclass(slots=True)
class Segment:
    """One file of a run that is being written."""

    path: Path
    lines: int = 0
    """Lines on disk."""
    size: int = 0
    """Bytes that they take there."""
    waiting: list[bytes] = field(default_factory=list)
    waiting_bytes: int = 0

    def append(self, line: bytes) -> None:
        self.waiting.append(line)
        self.waiting_bytes += len(line)

    def take(self) -> tuple[bytes, int]:
        """Return what waits, as :meth:`put` takes it: the text, and how many lines it has."""
        text, lines = b"\n".join(self.waiting) + b"\n", len(self.waiting)
        self.waiting.clear()
        self.waiting_bytes = 0
        return text, lines

    def put(self, text: bytes, lines: int) -> None:
        """Write *text* as one zstd frame, or nothing of it.

        :raises OSError: the disk does not take it.
        """
        frame = zstd.compress(text, level=3)
        append_whole(self.path, frame)
        self.lines += lines
        self.size += len(frame)

    def flush(self) -> None:
        """Write what waits as one zstd frame.

        :raises OSError: the disk does not take it.
        """
        if self.waiting:
            self.put(*self.take())


class SegmentReader:
    """Reads a segment from its beginning, as far as it is there; again when it has grown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        """Lines given out so far."""
        self._read = 0
        self._decoder: zstd.ZstdDecompressor | None = None
        self._rest = b""

    @property
    def is_in_frame(self) -> bool:
        """Whether what was read ends in the middle of a frame."""
        return self._decoder is not None

    def more(self) -> list[bytes]:
        """Return the next lines, without their ends; none at the end of what is there.

        :raises Cut: what comes next is no zstd frame, or cannot be read.
        """
        while True:
            data = self._more_bytes()
            if not data:
                return []
            lines = self._split(data)
            if lines:
                self.lines += len(lines)
                return lines

    def _more_bytes(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read(READ_BYTES)
        except FileNotFoundError:
            return b""  # nothing was ever written to this segment, unless the manifest says so
        except OSError as error:
            raise Cut(str(error)) from None
        self._read += len(data)
        return data

    def _split(self, data: bytes) -> list[bytes]:
        lines: list[bytes] = []
        while data:
            decoder = self._decoder = self._decoder or zstd.ZstdDecompressor()
            try:
                block = decoder.decompress(data)
            except zstd.ZstdError as error:
                raise Cut(str(error)) from None
            data = b""
            if decoder.eof:
                data, self._decoder = decoder.unused_data, None
            *whole, self._rest = (self._rest + block if self._rest else block).split(b"\n")
            lines += whole
        return lines
