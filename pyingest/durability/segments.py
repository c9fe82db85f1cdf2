"""A log in segments, on disk: append and sync, read in order, drop what is settled.

Why not SQLite, as the embedded queue: the only reads are in order from one end and the only
deletes are at that end, so a file that is removed whole gives its room back at once and to the
byte; one sync makes a group last; and it is plain which bytes a crash tore.
Everything here blocks, and only one thread at a time may call it.
"""

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyingest.durability.position import Position, PositionFile, Progress
from pyingest.durability.record import MAGIC, Entry, encode, records
from pyingest.queues.interface import Outcome

SEGMENT_BYTES = 8 << 20
SUFFIX = ".log"
SET_ASIDE = "set-aside.bin"
"""Records of events that the queue takes from nobody."""
READ_BYTES = 256 << 10
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(slots=True)
class Waiting:
    """One entry, and where it lies."""

    entry: Entry
    start: Position
    end: Position
    suspicion: int = 0
    """How often the queue refused it beside others that it took, in tenths."""
    suspected: float = 0.0
    """When it did so first, in monotonic seconds."""
    stored: bool = False
    """Whether the queue confirmed it."""


class SegmentLog:
    """The log in *directory*, opened: torn bytes are cut, and what waits is counted.

    :param limit: bytes that its segments may have together.
    :raises OSError: the directory cannot be read or written.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self.directory = directory
        self._limit = limit
        self._segment_bytes = min(SEGMENT_BYTES, max(limit // 8, 4096))
        self._roll_bytes = self._segment_bytes // 2
        """A segment of more that is all settled is removed, though it could take more."""
        self.trouble = ""
        """Why the last write failed; empty when it did not."""
        self.cut_bytes = 0
        """Bytes of torn or damaged records that were found."""
        self.events = 0
        """Entries that were not yet settled when the log was opened."""
        self.oldest = 0
        """Epoch milliseconds of the first of them."""
        self._position = PositionFile(directory / "position")
        self._progress = self._position.progress
        self.bytes = 0
        """What the segments take on disk."""
        self._sizes: dict[int, int] = {}
        """Of the segments by number, ascending."""
        self._last = max(self._progress.settled[0], self._progress.sending[0])
        """The highest number that was ever given; none is given twice."""
        self._tail: int | None = None
        self._recover()
        self._cursor = self._progress.settled

    def append(self, groups: Sequence[Sequence[Entry]]) -> list[Outcome]:
        """Write groups of entries and sync once; each is written whole, or not at all."""
        outcomes, data, room = [], [], self._limit - self.bytes - len(MAGIC)
        for group in groups:
            try:
                block = b"".join(map(encode, group))
            except ValueError as error:
                self.trouble = str(error)
                outcomes.append(Outcome.REFUSED)
                continue
            fits = len(block) <= room
            outcomes.append(Outcome.STORED if fits else Outcome.FULL)
            if fits:
                room -= len(block)
                data.append(block)
        came = self._write(b"".join(data)) if data else Outcome.FULL
        return [came if outcome is Outcome.STORED else outcome for outcome in outcomes]

    def next(self, settled: Position | None, events: int, size: int) -> list[Waiting]:
        """Note that everything before *settled* is on the queue; return what follows in turn.

        Up to *events* entries, of about *size* bytes together but at least one, each only once
        as long as the log is open; they are noted as being sent. Nothing waits when it is empty.

        :raises OSError: the log cannot be read.
        """
        found = self._read(events, size) if events > 0 else []
        self._keep(Progress(settled or self._progress.settled, self._cursor))
        return found

    def set_aside(self, entries: Iterable[Entry]) -> None:
        """Keep entries in a file of their own.

        :raises OSError: they cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.directory / SET_ASIDE, flags, 0o644)
        try:
            # Like a segment: in a directory of its own it is sent again, as a dead process's.
            begin = b"" if os.fstat(descriptor).st_size else MAGIC
            write_all(descriptor, begin + b"".join(map(encode, entries)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the files."""
        self._close_tail()
        self._position.close()

    def remove(self) -> None:
        """Remove the segments of a closed log in which nothing waits.

        :raises OSError: they cannot be removed.
        """
        for number in self._sizes:
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:010d}{SUFFIX}"

    def _recover(self) -> None:
        numbers = sorted(int(path.stem) for path in self.directory.glob(f"[0-9]*{SUFFIX}"))
        settled = self._progress.settled
        for number in numbers:
            if number < settled[0]:
                self._path(number).unlink()
                continue
            after = settled[1] if number == settled[0] else 0
            self._sizes[number] = self._scan(number, after)
        self._last = max([self._last, *numbers])
        self.bytes = sum(self._sizes.values())

    def _scan(self, number: int, after: int) -> int:
        """Count what waits in a segment beyond *after*; cut what is torn; return its size."""
        data = self._path(number).read_bytes()
        end = max(after, len(MAGIC))
        if not data.startswith(MAGIC):
            end = 0
        else:
            for found in records(data, end):
                end = found.end
                if found.entry is None:
                    self.cut_bytes += found.end - found.start
                    continue
                self.oldest = self.oldest or found.entry.milliseconds
                self.events += 1
        if end < len(data):
            self._cut(number, data, end)
        return min(end, len(data))

    def _cut(self, number: int, data: bytes, end: int) -> None:
        """Keep a copy of what cannot be read, for a person, and cut it off."""
        self.cut_bytes += len(data) - end
        kept = self.directory / f"{number:010d}-{end}.damaged"
        kept.write_bytes(data[end:])
        os.truncate(self._path(number), end)

    def _write(self, data: bytes) -> Outcome:
        try:
            tail = self._open_tail(len(data))
            self._append(tail, data)
        except OSError as error:
            self.trouble = f"spool {self.directory}: {error.strerror}"
            return Outcome.FULL if error.errno in _FULL else Outcome.REFUSED
        self._sizes[self._last] += len(data)
        self.bytes += len(data)
        self.trouble = ""
        return Outcome.STORED

    def _append(self, tail: int, data: bytes) -> None:
        """Write and sync, or take back what was written.

        After a sync that failed, the system may have dropped the pages and call the next sync
        a success (Rebello et al., "Can Applications Recover from fsync Failures?", 2020): that
        file is never written to again.
        """
        size = self._sizes[self._last]
        try:
            write_all(tail, data)
        except OSError:
            os.ftruncate(tail, size)
            raise
        try:
            os.fsync(tail)
        except OSError:
            self._close_tail()
            os.truncate(self._path(self._last), size)
            raise

    def _open_tail(self, coming: int) -> int:
        """Return the file to write to: a new one when the last is full, failed, or not ours."""
        if self._tail is not None:
            if self._sizes[self._last] + coming <= self._segment_bytes:
                return self._tail
            self._close_tail()
        number = self._last + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path(number), flags, 0o644)
        try:
            write_all(descriptor, MAGIC)
            sync_directory(self.directory)
        except OSError:
            os.close(descriptor)
            self._path(number).unlink(missing_ok=True)
            raise
        self._tail, self._last = descriptor, number
        self._sizes[number] = len(MAGIC)
        self.bytes += len(MAGIC)
        return descriptor

    def _read(self, events: int, size: int) -> list[Waiting]:
        found: list[Waiting] = []
        number, offset = self._cursor
        while len(found) < events and size > 0:
            end = self._sizes.get(number, 0)
            offset = max(offset, len(MAGIC))
            if offset >= end:
                if number >= self._last:
                    break
                number, offset = number + 1, 0
                continue
            came, offset = self._some(number, offset, end, events - len(found))
            found += came
            size -= sum(len(each.entry.event.body) for each in came)
        self._cursor = number, offset
        return found

    def _some(self, number: int, offset: int, end: int, events: int) -> tuple[list[Waiting], int]:
        """Return some entries of a segment, and where the next one begins."""
        size = READ_BYTES
        while True:
            with self._path(number).open("rb") as file:
                file.seek(offset)
                data = file.read(min(size, end - offset))
            found, after = self._waiting(number, offset, data, events)
            if after > offset:
                return found, after
            if offset + len(data) >= end or len(data) < size:
                # Whole when the log was opened, and not now: the disk changed it.
                self.cut_bytes += end - offset
                return [], end
            size *= 4

    def _waiting(
        self, number: int, base: int, data: bytes, events: int
    ) -> tuple[list[Waiting], int]:
        found: list[Waiting] = []
        after = base
        for each in records(data):
            if len(found) == events:
                break
            start, after = (number, base + each.start), base + each.end
            if each.entry is not None:
                entry = each.entry
                if start < self._position.progress.sending and not entry.doubtful:
                    entry = Entry(entry.event, True, entry.milliseconds)
                found.append(Waiting(entry, start, (number, after)))
        return found, after

    def _keep(self, progress: Progress) -> None:
        """Write the progress down, and remove the segments that are done with."""
        if progress == self._progress:
            return
        self._progress = progress
        try:
            self._position.keep(progress)
        except OSError as error:
            # What was kept before holds: more is sent again after a crash, and nothing is lost.
            self.trouble = f"spool {self.directory}: {error.strerror}"
        done, offset = progress.settled
        if done == self._last and offset == self._sizes.get(done) and offset > self._roll_bytes:
            self._close_tail()
            done += 1
        while self._sizes and (first := next(iter(self._sizes))) < done:
            try:
                self._path(first).unlink(missing_ok=True)
            except OSError as error:
                self.trouble = f"spool {self.directory}: {error.strerror}"
                return
            self.bytes -= self._sizes.pop(first)

    def _close_tail(self) -> None:
        if self._tail is not None:
            os.close(self._tail)
            self._tail = None


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*.

    :raises OSError: it cannot be written; a part of it may be.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* last.

    :raises OSError: they cannot be made to.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
