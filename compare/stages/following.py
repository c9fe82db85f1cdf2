"""A run that is still being recorded, compared as it grows.

The same stages as in ``engine``, fed with what was appended since the last time. What could still
find its partner is left out, so that a look counts only what is final; when the run has ended, a
last look gives what ``engine.summarise`` gives, to the last byte.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from compare.differing.paths import Paths
from compare.pairing.finding import STRANGERS, Finding
from compare.pairing.linking import Links, Tie
from compare.pairing.matching import FINDINGS, Matched, settle
from compare.pairing.sequence import Sequence
from compare.pairing.settling import settle_left
from compare.pairing.sieve import Sieve
from compare.stages import scanning
from compare.stages.engine import summary_of
from compare.stages.explained import Explained
from compare.stages.explained import merged as merged_explained
from compare.stages.explaining import explain_partition, explain_strangers
from compare.stages.rules import Rules
from compare.stages.scanning import TIES, Scan, Scanned
from compare.stages.shuffle import Outbox, inbox
from compare.stages.tally import Summary
from shadow.exchange import Exchange
from shadow.lines import read_exchange
from shadow.partitions import segment_name
from shadow.recording import RunReader
from shadow.runs.part import Part, renumbered
from shadow.segments import Cut, SegmentReader


class Following:
    """Reads a growing run, and says at any time what is final of it.

    :param work: a directory for what goes from stage to stage.
    :raises RecordingError: there is no run.
    """

    def __init__(self, directory: Path, rules: Rules, work: Path) -> None:
        self._directory = directory
        self._rules = rules
        self._work = work
        numbers = RunReader(directory).partitions
        self._ties: Outbox[Tie] = Outbox(work, TIES, 0)
        self._rounds = 0
        self._partitions = [
            Partition(number, len(numbers), rules, self._ties) for number in numbers
        ]
        self.newest = -math.inf
        """Epoch seconds of the latest request or event that was read."""
        self.until = -math.inf
        """Epoch seconds up to which the last look counted."""

    def poll(self) -> None:
        """Read what was appended, to new parts, too.

        :raises RecordingError: the run is not there any more.
        """
        parts = RunReader(self._directory).parts
        for partition in self._partitions:
            self.newest = max(self.newest, partition.read(parts))

    def look(self, final: bool = False, known: float | None = None) -> Summary:
        """Return what was found so far.

        :param final: the run has ended: nothing can come any more, and everything counts.
        :param known: epoch seconds up to which everything is known to have been read, where
            somebody can tell; by itself, the run can tell only how old its newest record is.
        """
        newest = self.newest if known is None else known
        # What once counted counts.
        self.until = max(self.until, newest - self._rules.late_after)
        until = math.inf if final else self.until
        for partition in self._partitions:
            partition.scan(until)
        self._ties.close()
        self._rounds += 1
        self._ties.begin(self._rounds)
        run = RunReader(self._directory)
        scanned = scanning.merged((one.scanned() for one in self._partitions), self._rules)
        matched = Matched()
        for partition in self._partitions:
            matched.merge(partition.match(run, self._work, until, self._rules))
        matched.merge(settle_left(matched.left, self._rules, self._work))
        if final:
            scanned.damage |= {line for one in self._partitions for line in one.damage(run)}
        summary = summary_of(
            run, self._rules, scanned, matched, self._explained(scanned, matched, until)
        )
        if not final:
            # That it has not ended, and that its taps still read, is no damage to a growing run.
            cuts = {line for one in self._partitions for line in one.cuts()}
            summary.damage = sorted(scanned.damage | matched.damage | cuts)
        return summary

    def _explained(self, scanned: Scanned, matched: Matched, until: float) -> Explained:
        paths = Paths()
        paths.merge(scanned.paths)
        paths.merge(matched.paths)
        wanted = sorted((scanned.differing | matched.differing) - {STRANGERS})
        parts = [
            explain_partition(self._directory, number, self._rules, paths, self._work, until)
            for number in wanted
        ]
        return merged_explained([*parts, explain_strangers(self._rules, paths, self._work)])


class Partition:
    """One partition's segments, two of each part, read as they grow."""

    def __init__(self, number: int, partitions: int, rules: Rules, ties: Outbox[Tie]) -> None:
        self._number = number
        self._scan = Scan(number, partitions, rules, ties)
        self._sieve = Sieve(rules.late_after, Sequence() if rules.order else None)
        self._young: deque[Exchange] = deque()
        self._parts: dict[Path, Segments] = {}

    def read(self, parts: Iterable[Part]) -> float:
        """Read what was appended to *parts*; return the latest time in it, in epoch seconds."""
        newest = -math.inf
        for part in parts:
            segments = self._parts.get(part.directory)
            if segments is None:
                segments = self._parts[part.directory] = Segments(part, self._number)
            for exchange in segments.exchanges():
                self._young.append(exchange)
                newest = max(newest, exchange.at)
            lines = segments.events()
            self._sieve.add(lines)
            newest = max(newest, _latest(lines))
        return newest

    def scan(self, until: float) -> None:
        """Take up the exchanges up to *until*, in the order of the recording.

        They are recorded as they end, and by several processes, so that one which is still too
        young may lie before older ones; of those, the events count already.
        """
        still: deque[Exchange] = deque()
        for exchange in self._young:
            if exchange.at <= until:
                self._scan.add(exchange)
            else:
                still.append(exchange)
        self._young = still

    def scanned(self) -> Scanned:
        """Return what the exchanges amount to so far."""
        return self._scan.finish()

    def match(self, run: RunReader, work: Path, until: float, rules: Rules) -> Matched:
        """Return what the events amount to so far; leave the findings in *work*."""
        box: Outbox[Finding] = Outbox(work, FINDINGS, self._number)
        links = Links(inbox(work, TIES, self._number, Tie))
        found = settle(self._sieve, links, run, self._number, rules, box, until)
        box.close()
        return found

    def cuts(self) -> set[str]:
        """Return which segments could not be read on, and why."""
        return {line for segments in self._parts.values() for line in segments.cuts()}

    def damage(self, run: RunReader) -> set[str]:
        """Return what of the segments is missing, when the run has ended."""
        known = [part for part in run.parts if part.directory in self._parts]
        return {line for part in known for line in self._parts[part.directory].damage(part)}


class Segments:
    """The two segments that one part has of one partition."""

    def __init__(self, part: Part, number: int) -> None:
        self._number = number
        self._where = part.where
        self._base = part.manifest.base
        self._exchanges = SegmentReader(part.directory / segment_name("exchanges", number))
        self._events = SegmentReader(part.directory / segment_name("events", number))
        self._bad = 0
        self._cuts: dict[str, str] = {}

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the exchanges that were appended."""
        for line in self._lines(self._exchanges):
            try:
                exchange = read_exchange(line)
            except (msgspec.DecodeError, ValueError):
                self._bad += 1
                continue
            yield renumbered(exchange, self._base) if self._base else exchange

    def events(self) -> list[bytes]:
        """Return the lines of the events that were appended."""
        return self._lines(self._events)

    def cuts(self) -> set[str]:
        """Return which of the two could not be read on, and why."""
        return {f"{self._where}{name}: {what}" for name, what in self._cuts.items()}

    def damage(self, part: Part) -> set[str]:
        """Return what is missing, now that nothing will come any more."""
        told = self.cuts()
        if self._bad:
            name = self._exchanges.path.name
            told.add(f"{self._where}{name}: {self._bad} lines could not be read")
        for reader, counts in (
            (self._exchanges, part.manifest.exchanges),
            (self._events, part.manifest.events),
        ):
            name = f"{self._where}{reader.path.name}"
            missing = counts[self._number] - reader.lines if self._number < len(counts) else 0
            if missing > 0:
                told.add(f"{name}: {missing} of {counts[self._number]} lines are missing")
            if reader.is_in_frame and reader.path.name not in self._cuts:
                told.add(f"{name}: cut short: the last frame is not whole")
        return told

    def _lines(self, reader: SegmentReader) -> list[bytes]:
        lines: list[bytes] = []
        if reader.path.name in self._cuts:
            return lines
        try:
            while more := reader.more():
                lines += more
        except Cut as error:
            self._cuts[reader.path.name] = f"cut short: {error}"
        return lines


def _latest(lines: list[bytes]) -> float:
    """Return the time of the last line that has one; a tap's lines are in order of time."""
    for line in reversed(lines):
        try:
            return float(line[1:].partition(b" ")[0])
        except ValueError:
            continue
    return -math.inf
