"""What a tap has read and the run may not hold yet: no gap when it is killed.

A queue is told that a batch was read when the next is asked for. By then the batch must outlive
this process, and the run's segments are flushed only about once a second. So each batch is first
appended here, with the reader's position behind it, by one write, which survives the end of the
process (not that of the machine). Lines are those of events (``shadow.lines``); a line that begins
with ``P`` ends a batch: side, tab, position.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from shadow.exchange import Side, TappedEvent
from shadow.lines import event_line, read_event
from shadow.segments import Cut, SegmentReader

NOW, BEFORE, REPORTS = "journal.tsv", "journal.before.tsv", "reports.json"
_decode_reports = msgspec.json.Decoder(dict[Side, dict[str, Any]]).decode
Key = tuple[Side, str, int]


class Journal:
    """Keeps batches until two flushes of the whole run are over.

    What a predecessor left in *directory* is :attr:`left`, and stays until then, too.

    :raises OSError: the files cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _drop_half(directory / NOW)
        self.left = left_in(directory)
        self._positions = dict(self.left.positions)
        self._reports = dict(self.left.reports)
        self._file = self._begun()

    def add(self, side: Side, events: Iterable[TappedEvent], position: str) -> None:
        """Keep a batch, and the position behind it.

        :raises OSError: the disk does not take it; then nothing of it counts.
        """
        self._positions[side] = position
        lines = [event_line(event) for event in events]
        _write(self._file, b"".join(line + b"\n" for line in (*lines, _mark(side, position))))

    def note(self, side: Side, report: Mapping[str, Any]) -> None:
        """Keep how a tap fares, for what its successor has to tell.

        :raises OSError: the disk does not take it.
        """
        self._reports[side] = dict(report)
        partial = self._directory / f"{REPORTS}.partial"
        partial.write_bytes(msgspec.json.encode(self._reports))
        partial.replace(self._directory / REPORTS)

    def turn(self) -> None:
        """Forget what was added before the last turn: call it when all that is on disk.

        :raises OSError: the files cannot be written.
        """
        self._file.close()
        (self._directory / NOW).replace(self._directory / BEFORE)
        self._file = self._begun()

    def close(self) -> None:
        """Let go of the file, and leave it as it is."""
        self._file.close()

    def end(self) -> None:
        """Remove the journal: everything is in the run."""
        self.close()
        for name in (BEFORE, NOW, REPORTS):
            (self._directory / name).unlink(missing_ok=True)
        with suppress(OSError):  # somebody else's file lies there
            self._directory.rmdir()

    def _begun(self) -> BinaryIO:
        file = (self._directory / NOW).open("ab", buffering=0)
        _write(file, b"".join(_mark(*known) + b"\n" for known in self._positions.items()))
        return file


@dataclass(slots=True)
class Left:
    """What a killed tap left in its journal."""

    events: list[TappedEvent] = field(default_factory=list)
    """Of whole batches, in the order in which they were read."""
    positions: dict[Side, str] = field(default_factory=dict)
    """Behind the last whole batch of each side."""
    reports: dict[Side, dict[str, Any]] = field(default_factory=dict)
    """How each side's tap fared up to about a second before its end."""


def left_in(directory: Path) -> Left:
    """Return what the journal in *directory* holds; a batch that was half written does not count.

    :raises OSError: it is there and cannot be read.
    """
    left = Left()
    for name in (BEFORE, NOW):
        data = b""
        with suppress(FileNotFoundError):
            data = (directory / name).read_bytes()
        batch: list[TappedEvent] = []
        for line in data.split(b"\n")[:-1]:
            if not line.startswith(b"P"):
                batch.append(read_event(line))
                continue
            side, _, position = line[1:].partition(b"\t")
            left.positions[Side(side.decode())] = position.decode()
            left.events += batch
            batch = []
    with suppress(FileNotFoundError):
        left.reports = _decode_reports((directory / REPORTS).read_bytes())
    return left


def unrecorded(events: Sequence[TappedEvent], part: Path) -> list[TappedEvent]:
    """Return those of *events* that the segments in the directory *part* do not hold."""
    if not events:
        return []
    recorded = set(_keys(part))
    return [event for event in events if _key(event) not in recorded]


def _drop_half(path: Path) -> None:
    """Remove a batch that was half written: its events are had again."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        at = end = 0
        for line in file:
            at += len(line)
            if line.startswith(b"P") and line.endswith(b"\n"):
                end = at
        file.truncate(end)


def _keys(part: Path) -> Iterator[Key]:
    for path in sorted(part.glob("events-*.tsv.zst")):
        reader = SegmentReader(path)
        with suppress(Cut):  # what comes behind a cut is not recorded
            while lines := reader.more():
                yield from (_key(read_event(line)) for line in lines)


def _key(event: TappedEvent) -> Key:
    return event.side, event.queue, event.offset


def _mark(side: Side, position: str) -> bytes:
    return b"P%b\t%b" % (side.value.encode(), position.replace("\n", " ").encode())


def _write(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
