"""A run on disk: the joint between running and judging.

A run is a directory::

    manifest.json             format, state, counts of lines, ledger, taps, who was run
    exchanges-00.jsonl.zst    one JSON line per exchange, in zstd frames
    events-00.tsv.zst         one line per tapped event, both sides (see ``shadow.lines``)

``zstdcat RUN/events-*.zst`` shows every event. A frame is complete or worthless, so a killed
writer loses at most what it had not flushed; the manifest's counts then tell what is missing.
Events are partitioned by the person they speak of, so that both sides of a pair normally lie
in one partition; exchanges by their request, so that its repeats do. Partitions can be compared
apart, in memory for one of them.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pyingest.message import Request
from shadow.exchange import Exchange, TappedEvent
from shadow.lines import event_line, exchange_line, read_event, read_exchange
from shadow.segments import Cut, Segment, SegmentReader

FORMAT = 2
PARTITIONS = 64
FLUSH_BYTES = 256 * 1024
PERSON = re.compile(rb'"\$?distinct_id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')
"""Finds the person whom a message names, by looking, not by parsing."""


class RecordingError(Exception):
    """A run directory cannot be written or read. The text says which, why, and what to do."""


class Manifest(msgspec.Struct, kw_only=True):
    """What a run directory says about itself."""

    format: int = FORMAT
    state: str = "recording"
    """``recording`` while a writer is at work (or was killed), ``complete`` after a clean end."""
    created: float
    """Epoch seconds."""
    partitions: int = PARTITIONS
    legacy: dict[str, str] = {}
    """What was run on this side: ``url``, ``queue``, ``build``."""
    candidate: dict[str, str] = {}
    exchanges: list[int] = []
    """Lines written to each partition."""
    events: list[int] = []
    ledger: dict[str, int] = {}
    """Counters of the proxy; see ``shadow.ledger``."""
    taps: dict[str, dict[str, Any]] = {}
    """For each side: ``attached``, ``read``, ``backlog`` at the end, ``error`` if it failed."""
    notes: list[str] = []
    """Things a reader of the report must know, such as "legacy was the stand-in"."""
    tax: list[dict[str, Any]] = []
    """What each process with a control arm measured; see ``shadow.isolating.tax``."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is missing or unreadable in a run. A value: the verdict must say it."""

    where: str
    what: str


class RunWriter:
    """Writes a run directory.

    :raises RecordingError: the directory holds a run already, or cannot be written.
    """

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(directory.iterdir()):
                raise RecordingError(
                    f"{directory}: not empty; a run needs a directory of its own, name another"
                )
        except OSError as error:
            raise RecordingError(f"{directory}: cannot write a run here: {error}") from None
        self._exchanges = _segments(directory, "exchanges", manifest.partitions)
        self._events = _segments(directory, "events", manifest.partitions)
        self._turn = 0
        self._write_manifest()

    def add_exchange(self, exchange: Exchange) -> None:
        """Record one exchange; it is on disk after the next flush.

        :raises RecordingError: the disk does not take what was waiting.
        """
        place = request_partition(exchange.request, len(self._exchanges))
        self._add(self._exchanges[place], exchange_line(exchange))

    def add_event(self, event: TappedEvent) -> None:
        """Record one tapped event; it is on disk after the next flush.

        :raises RecordingError: the disk does not take what was waiting.
        """
        segment = self._events[partition(event.body, len(self._events))]
        self._add(segment, event_line(event))

    def flush(self) -> None:
        """Put everything on disk and bring the manifest's counts up to date.

        :raises RecordingError: the disk does not take it.
        """
        for segment in (*self._exchanges, *self._events):
            self._put(segment)
        self._write_manifest()

    def flush_next(self) -> None:
        """Put one segment on disk, the next in turn; with the last, the manifest's counts too.

        Called often, it spreads the work of a flush so that nothing else has to wait for long.

        :raises RecordingError: the disk does not take it.
        """
        segments = (*self._exchanges, *self._events)
        self._put(segments[self._turn])
        self._turn = (self._turn + 1) % len(segments)
        if self._turn == 0:
            self._write_manifest()

    def close(self, ledger: dict[str, int], taps: dict[str, dict[str, Any]]) -> None:
        """Flush, and declare the run complete."""
        self.manifest.ledger = ledger
        self.manifest.taps = taps
        self.manifest.state = "complete"
        self.flush()

    def discard(self) -> None:
        """Take the run back while nothing is recorded: its directory can be used again."""
        (self.directory / "manifest.json").unlink(missing_ok=True)

    def _add(self, segment: Segment, line: bytes) -> None:
        segment.append(line)
        if segment.waiting_bytes >= FLUSH_BYTES:
            self._put(segment)

    def _put(self, segment: Segment) -> None:
        try:
            segment.flush()
        except OSError as error:
            raise RecordingError(f"{self.directory}: {error}") from None

    def _write_manifest(self) -> None:
        self.manifest.exchanges = [segment.lines for segment in self._exchanges]
        self.manifest.events = [segment.lines for segment in self._events]
        text = msgspec.json.format(msgspec.json.encode(self.manifest), indent=2)
        partial = self.directory / "manifest.json.partial"
        try:
            partial.write_bytes(text)
            partial.replace(self.directory / "manifest.json")
        except OSError as error:
            raise RecordingError(f"{self.directory}: {error}") from None


class RunReader:
    """Reads a run directory, whole or damaged.

    What cannot be read is skipped and noted in :attr:`damage`, which is complete once every
    partition has been read through.

    :raises RecordingError: the directory is no run, or of another format.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest = _read_manifest(directory)
        self.damage: list[Damage] = []
        if self.manifest.state != "complete":
            self.damage.append(
                Damage(
                    "manifest.json", f"the run is {self.manifest.state!r}: its writer was killed"
                )
            )

    @property
    def partitions(self) -> range:
        """Numbers of the partitions."""
        return range(self.manifest.partitions)

    def exchanges(self, number: int) -> Iterator[Exchange]:
        """Yield the exchanges of one partition, in the order in which they ended."""
        return self._read("exchanges", number, read_exchange, self.manifest.exchanges)

    def events(self, number: int) -> Iterator[TappedEvent]:
        """Yield the events of one partition, both sides, in the order in which they were read."""
        return self._read("events", number, read_event, self.manifest.events)

    def event_lines(self, number: int) -> Iterator[list[bytes]]:
        """Yield the lines of one partition's events in blocks, unread; see ``shadow.lines``."""
        good = 0
        name = segment_name("events", number)
        for lines in self._blocks(name):
            good += len(lines)
            yield lines
        self._miss(name, good, number, self.manifest.events)

    def _read(self, kind: str, number: int, parse: Any, counts: list[int]) -> Iterator[Any]:
        name = segment_name(kind, number)
        good = bad = 0
        for lines in self._blocks(name):
            for line in lines:
                try:
                    record = parse(line)
                except (msgspec.DecodeError, ValueError):
                    bad += 1
                    continue
                good += 1
                yield record
        if bad:
            self._note(name, f"{bad} lines could not be read")
        self._miss(name, good + bad, number, counts)

    def _blocks(self, name: str) -> Iterator[list[bytes]]:
        reader = SegmentReader(self.directory / name)
        try:
            while lines := reader.more():
                yield lines
        except Cut as error:
            self._note(name, f"cut short: {error}")
            return
        if reader.is_in_frame:
            self._note(name, "cut short: the last frame is not whole")

    def _miss(self, name: str, found: int, number: int, counts: list[int]) -> None:
        promised = counts[number] if number < len(counts) else 0
        if found < promised:
            self._note(name, f"{promised - found} of {promised} lines are missing")

    def _note(self, where: str, what: str) -> None:
        damage = Damage(where, what)
        if damage not in self.damage:
            self.damage.append(damage)


def partition(body: bytes, partitions: int) -> int:
    """Return the partition of an event by the ``distinct_id`` it names.

    Found by looking, not by parsing: an event that no parser takes still has a partition. A
    person has one partition however the id is spelled: with escapes, as UTF-8, or as a number.
    """
    found = PERSON.search(body)
    if found is None:
        return 0
    person = found[1].strip(b'"')
    if b"\\" in person or not person.isascii():
        person = _plain(found[1])
    return zlib.crc32(person) % partitions


def _plain(quoted: bytes) -> bytes:
    try:
        text = msgspec.json.decode(quoted, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return quoted
    return text.encode("utf-8", "surrogatepass")


def request_partition(request: Request, partitions: int) -> int:
    """Return the partition of an exchange: one and the same for all repeats of its request."""
    return zlib.crc32(request.body, zlib.crc32(request.target)) % partitions


def segment_name(kind: str, number: int) -> str:
    """Return the file name of one segment: ``events-00.tsv.zst``."""
    return f"{kind}-{number:02d}.{'tsv' if kind == 'events' else 'jsonl'}.zst"


def _segments(directory: Path, kind: str, partitions: int) -> list[Segment]:
    return [Segment(directory / segment_name(kind, number)) for number in range(partitions)]


class _TapShape(msgspec.Struct):
    """What a tap's entry in a manifest must look like, as far as it is there."""

    attached: bool = False
    read: int = 0
    backlog: int = -1
    errors: int = 0
    error: str = ""
    left_behind: str = ""


def _read_manifest(directory: Path) -> Manifest:
    path = directory / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        msgspec.convert(manifest.taps, dict[str, _TapShape])
    except FileNotFoundError:
        raise RecordingError(
            f"{directory}: no manifest.json, so this is no run directory; "
            "name the directory given to --run"
        ) from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RecordingError(f"{path}: not a manifest: {error}") from None
    if manifest.format != FORMAT:
        raise RecordingError(
            f"{path}: format {manifest.format}, this version reads format {FORMAT}"
        )
    return manifest
