"""A run on disk: the joint between running and judging.

A run is a directory of parts, one for each life of each writer, and each part is a directory::

    manifest.json             format, state, counts of lines, ledger, taps, who was run
    exchanges-00.jsonl.zst    one JSON line per exchange, in zstd frames
    events-00.tsv.zst         one line per tapped event, both sides (see ``shadow.lines``)

A run of a single part may be that part's directory itself. ``shadow.runs`` has what is said of
parts; here is what writes one, and what reads them all as if they were one.

``zstdcat PART/events-*.zst`` shows every event. A frame is complete or worthless, so a killed
writer loses at most what it had not flushed; the manifest's counts then tell what is missing.
Events are partitioned by the person they speak of, so that both sides of a pair normally lie
in one partition; exchanges by their request, so that its repeats do. Partitions can be compared
apart, in memory for one of them.
"""

import copy
import fcntl
import heapq
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import msgspec

from shadow.exchange import Exchange, TappedEvent
from shadow.lines import event_line, exchange_line
from shadow.partitions import partition, request_partition, segment_name
from shadow.runs.background import AtOnce, Hand, Job
from shadow.runs.manifest import (
    COMPLETE,
    RECORDING,
    STOPPED,
    Damage,
    Manifest,
    PartManifest,
    RecordingError,
)
from shadow.runs.part import Part
from shadow.runs.private import take_directory, write_whole
from shadow.runs.room import Room
from shadow.runs.union import NAME, Opened
from shadow.segments import Segment

FLUSH_BYTES = 256 * 1024


class Hider(Protocol):
    """Takes secrets out of what is to be recorded; see ``shadow.runs.redaction``."""

    def exchange(self, exchange: Exchange) -> Exchange:
        """Return *exchange* without secrets."""

    def event(self, event: TappedEvent) -> TappedEvent:
        """Return *event* without secrets."""


class RunWriter:
    """Writes one part of a run, or a run that is one part.

    :param hand: does the work on the disk; without one, it is done at once.
    :param hider: takes out what must not get to the disk.
    :param room: says when the disk is nearly full, and the recording must end.
    :raises RecordingError: the directory holds a run already, or cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        hand: Hand | None = None,
        hider: Hider | None = None,
        room: Room | None = None,
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self._hand = hand or AtOnce()
        self._hider = hider
        self._room = room
        try:
            if not take_directory(directory):
                raise RecordingError(
                    f"{directory}: not empty; a run needs a directory of its own, name another"
                )
        except OSError as error:
            raise RecordingError(
                f"{directory}: cannot write a run here: {error.strerror or error}; name another "
                "directory, one that is empty or not there yet"
            ) from None
        self._exchanges = _segments(directory, "exchanges", manifest.partitions)
        self._events = _segments(directory, "events", manifest.partitions)
        self._turn = 0
        self._first = self._last = 0.0
        self._held = -1
        self._failed = False
        self._write_manifest()

    @property
    def size(self) -> int:
        """Bytes that its segments take on disk."""
        return sum(segment.size for segment in (*self._exchanges, *self._events))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was given to it to record."""
        return not self._first and not self._last

    def hold(self) -> None:
        """Let everybody see that this process writes here, until it is closed or the process ends.

        :raises RecordingError: another process does.
        """
        try:
            self._held = os.open(self.directory, os.O_RDONLY)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecordingError(f"{self.directory}: cannot be locked: {error}") from None

    def begin(self, before: dict[str, int], positions: dict[str, str]) -> None:
        """Begin a part that was prepared; see :class:`PartManifest` for what it is told.

        :raises RecordingError: what was written before failed.
        """
        self.manifest.state = RECORDING
        if isinstance(self.manifest, PartManifest):
            self.manifest.before = before
            self.manifest.positions = positions
        self._write_manifest()

    def add_exchange(self, exchange: Exchange) -> None:
        """Record one exchange; it is on disk after the next flush.

        :raises RecordingError: the disk does not take what was waiting.
        """
        if self._hider is not None:
            exchange = self._hider.exchange(exchange)
        if not self._first or exchange.at < self._first:
            self._first = exchange.at
        place = request_partition(exchange.request, len(self._exchanges))
        self._add(self._exchanges[place], exchange_line(exchange))

    def add_event(self, event: TappedEvent) -> None:
        """Record one tapped event; it is on disk after the next flush.

        :raises RecordingError: the disk does not take what was waiting.
        """
        if self._hider is not None:
            event = self._hider.event(event)
        if event.at > self._last:
            self._last = event.at
        segment = self._events[partition(event.body, len(self._events))]
        self._add(segment, event_line(event))

    def flush(self) -> None:
        """Put everything on disk and bring the manifest's counts up to date.

        :raises RecordingError: the disk does not take it.
        """
        self.flush_all()
        self.finish()

    def flush_next(self, ledger: dict[str, int] | None = None) -> bool:
        """Put one segment on disk, the next in turn; with the last, the manifest too.

        Called often, it spreads the work of a flush so that nothing else has to wait for long.

        :returns: whether that was the last, so that everything has had its turn.
        :raises RecordingError: the disk does not take it, or is nearly full.
        """
        if ledger is not None:
            self.manifest.ledger = ledger
        segments = (*self._exchanges, *self._events)
        self._put(segments[self._turn])
        self._turn = (self._turn + 1) % len(segments)
        if self._turn == 0:
            self._write_manifest()
            self._look_at_disk()
        return self._turn == 0

    def tell_tax(self, tax: dict[str, Any]) -> None:
        """Keep what the control arm of this process says; it stands in the manifest at the end."""
        self.manifest.tax = [tax] if tax else []

    def close(self, ledger: dict[str, int], taps: dict[str, dict[str, Any]]) -> None:
        """Flush, and declare the run complete, when all of it is on disk.

        :raises RecordingError: the disk does not take it.
        """
        self.seal(ledger, taps)
        self.finish()

    def seal(
        self, ledger: dict[str, int], taps: dict[str, dict[str, Any]], at: float = 0.0
    ) -> None:
        """Have everything written, and then the manifest that says ``complete``; do not wait.

        :param at: epoch seconds of the end.
        :raises RecordingError: what was written before failed.
        """
        self.manifest.ledger = ledger
        self.manifest.taps = taps
        self.manifest.state = COMPLETE
        if isinstance(self.manifest, PartManifest):
            self.manifest.ended = at
        self.flush_all()
        self._do(self._release)

    def abandon(self, ledger: dict[str, int], why: str, at: float = 0.0) -> None:
        """Write what can be written, and why that is not all; a run of one part says nothing.

        If not even all that was given can be written, the part stays as one whose writer was
        killed: who owns the run counts what is there.

        :param at: epoch seconds of the end.
        """
        self.manifest.ledger = ledger
        if isinstance(self.manifest, PartManifest):
            self.manifest.why = why
            with suppress(RecordingError):
                self.flush_all()
                self.finish()
                if not self._failed:
                    self.manifest.state, self.manifest.ended = STOPPED, at
            with suppress(OSError):
                self._put_manifest(self._told())
        self._release()

    def finish(self) -> None:
        """Wait until all that was given is on disk.

        :raises RecordingError: the disk does not take it.
        """
        try:
            self._hand.finish()
        except OSError as error:
            raise RecordingError(f"{self.directory}: {error}") from None

    def discard(self) -> None:
        """Take the run back while nothing is recorded: its directory can be used again."""
        self._release()
        (self.directory / NAME).unlink(missing_ok=True)
        with suppress(OSError):  # of a run that is one part, more may lie there
            self.directory.rmdir()

    def _add(self, segment: Segment, line: bytes) -> None:
        segment.append(line)
        if segment.waiting_bytes >= FLUSH_BYTES:
            self._put(segment)

    def flush_all(self) -> None:
        """Have everything put on disk, and the manifest; do not wait.

        :raises RecordingError: what was written before failed.
        """
        for segment in (*self._exchanges, *self._events):
            self._put(segment)
        self._write_manifest()

    def _look_at_disk(self) -> None:
        try:
            if self._room is not None:
                self._room.check()
        except RecordingError:
            self.flush_all()  # while there is room for it
            raise

    def _put(self, segment: Segment) -> None:
        if segment.waiting:
            text, lines = segment.take()
            self._do(lambda: segment.put(text, lines), len(text))

    def _write_manifest(self) -> None:
        """Have the manifest written as it is now, with the counts of what is on disk by then."""
        manifest = self._told()
        self._do(lambda: self._put_manifest(manifest))

    def _told(self) -> Manifest:
        """Return the manifest as it is now, but for what depends on what is on disk."""
        manifest = copy.copy(self.manifest)
        if isinstance(manifest, PartManifest):
            manifest.first, manifest.last = self._first, self._last
        return manifest

    def _put_manifest(self, manifest: Manifest) -> None:
        manifest.exchanges = [segment.lines for segment in self._exchanges]
        manifest.events = [segment.lines for segment in self._events]
        if isinstance(manifest, PartManifest):
            manifest.size = self.size
        self.manifest.exchanges, self.manifest.events = manifest.exchanges, manifest.events
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        write_whole(self.directory / NAME, text, lasting=manifest.state == COMPLETE)

    def _do(self, job: Job, size: int = 0) -> None:
        try:
            self._hand.do(job, size)
        except OSError as error:
            self._failed = True
            raise RecordingError(f"{self.directory}: {error}") from None

    def _release(self) -> None:
        if self._held >= 0:
            os.close(self._held)
            self._held = -1


class RunReader:
    """Reads a run directory, whole or damaged: all its parts as if they were one.

    What cannot be read is skipped and noted in :attr:`damage`, which is complete once every
    partition has been read through.

    :raises RecordingError: the directory is no run, or of another format.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        opened = Opened(directory)
        self.run = opened.run
        """What a run of parts says of itself; ``None`` for a run that is one part."""
        self.parts: list[Part] = opened.parts
        self.manifest = opened.manifest
        self.damage: list[Damage] = opened.damage
        self.since = opened.since
        """Epoch seconds of the first request, if what was before it was deleted; else -infinity."""

    @property
    def partitions(self) -> range:
        """Numbers of the partitions."""
        return range(self.manifest.partitions)

    def exchanges(self, number: int) -> Iterator[Exchange]:
        """Yield the exchanges of one partition: of each part, in the order in which they ended."""
        return chain.from_iterable(part.exchanges(number, self.damage) for part in self.parts)

    def events(self, number: int) -> Iterator[TappedEvent]:
        """Yield the events of one partition, both sides: of each part, in the order of reading."""
        return chain.from_iterable(part.events(number, self.damage) for part in self.parts)

    def event_lines(self, number: int) -> Iterator[list[bytes]]:
        """Yield the lines of one partition's events in blocks, unread; see ``shadow.lines``."""
        return chain.from_iterable(part.event_lines(number, self.damage) for part in self.parts)

    def arrivals(self) -> Iterator[Exchange]:
        """Yield all exchanges in the order in which their requests came, nearly."""
        if self.run is None:
            streams = [self.exchanges(number) for number in self.partitions]
            return heapq.merge(*streams, key=lambda exchange: exchange.number)
        # One writer's parts follow each other; only writers are at work at the same time.
        writers: dict[str, list[Part]] = defaultdict(list)
        for part in self.parts:
            writers[part.manifest.name.rpartition(".")[0]].append(part)
        streams = [
            self._one_after_the_other(parts, number)
            for parts in writers.values()
            for number in self.partitions
            if any(sum(part.manifest.exchanges) for part in parts)
        ]
        return heapq.merge(*streams, key=lambda exchange: exchange.at)

    def _one_after_the_other(self, parts: list[Part], number: int) -> Iterator[Exchange]:
        return chain.from_iterable(part.exchanges(number, self.damage) for part in parts)


def _segments(directory: Path, kind: str, partitions: int) -> list[Segment]:
    return [Segment(directory / segment_name(kind, number)) for number in range(partitions)]
