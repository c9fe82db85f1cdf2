"""Records on their way from the tasks that find them to the tasks that need them, over disk.

Each task of one stage writes one file, in which the records for one task of the next stage lie
together; a table of contents stands at its end. So a stage holds no more in memory than its own
output, and tasks on other machines need nothing but the directory.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

Record = TypeVar("Record")
Given = TypeVar("Given", contravariant=True)
_TAIL = 8
"""Bytes at the end of a file that say how long its table of contents is."""


class Sink(Protocol[Given]):
    """Takes records, each for one task of the next stage."""

    def put(self, destination: int, record: Given) -> None:
        """Send *record* to the task number *destination*."""
        ...


class Outbox(Generic[Record]):
    """Collects one task's records by their destination, and writes them when it is closed."""

    def __init__(self, directory: Path, stage: str, source: int) -> None:
        self._directory = directory
        self._stage = stage
        self.begin(source)
        self._encode = msgspec.msgpack.Encoder().encode
        self._boxes: dict[int, bytearray] = defaultdict(bytearray)

    def begin(self, source: int) -> None:
        """Write under another number from now on, since the last file is closed."""
        self._path = self._directory / f"{self._stage}-{source:04d}"

    def put(self, destination: int, record: Record) -> None:
        """Send *record* to the task number *destination* of the next stage."""
        data = self._encode(record)
        box = self._boxes[destination]
        box += len(data).to_bytes(4, "big")
        box += data

    def close(self) -> None:
        """Write everything, if there is anything. A task that is run again writes it again."""
        if not self._boxes:
            self._path.unlink(missing_ok=True)
            return
        contents: dict[int, tuple[int, int]] = {}
        # Written aside and renamed: another worker may be doing the same task.
        partial = self._path.with_suffix(f".{id(self):x}")
        with partial.open("wb") as file:
            for destination in sorted(self._boxes):
                box = self._boxes[destination]
                contents[destination] = file.tell(), len(box)
                file.write(box)
            table = self._encode(contents)
            file.write(table)
            file.write(len(table).to_bytes(_TAIL, "big"))
        partial.replace(self._path)
        self._boxes.clear()


def inbox(directory: Path, stage: str, destination: int, kind: type[Record]) -> Iterator[Record]:
    """Yield what all tasks of *stage* sent to the task number *destination*, in their order."""
    decode = msgspec.msgpack.Decoder(kind).decode
    for path in sorted(directory.glob(f"{stage}-????")):
        data = _box(path, destination)
        at, end = 0, len(data)
        while at < end:
            size = int.from_bytes(data[at : at + 4], "big")
            yield decode(data[at + 4 : at + 4 + size])
            at += 4 + size


def _box(path: Path, destination: int) -> bytes:
    with path.open("rb") as file:
        end = file.seek(-_TAIL, 2)
        size = int.from_bytes(file.read(_TAIL), "big")
        file.seek(end - size)
        contents: dict[int, Any] = msgspec.msgpack.decode(file.read(size), strict=False)
        start, length = contents.get(destination, (0, 0))
        file.seek(start)
        return file.read(length)
