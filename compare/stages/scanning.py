"""The exchanges of one partition: counted, read, and their answers compared."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from compare.differing.canonical import digest
from compare.differing.paths import Paths
from compare.differing.responses import is_success, response_differences
from compare.judging.latency import Windows
from compare.pairing.linking import Tie, Visit
from compare.stages.requests import Reading, dialect, read, stratum
from compare.stages.rules import Rules
from compare.stages.shuffle import Outbox
from compare.stages.tally import UnitCounts
from pyingest.message import Request
from shadow.exchange import Answered, Exchange, Failed, Outcome, Side
from shadow.partitions import partition
from shadow.recording import RunReader

TIES = "ties"
"""The stage's name in the shuffle: ties, each to the partition of its event."""


@dataclass(slots=True)
class Scanned:
    """What the exchanges of a partition amount to; parts merge in any order."""

    windows: Windows
    counts: UnitCounts = field(default_factory=UnitCounts)
    failed: int = 0
    """Mirrored exchanges that the candidate did not answer."""
    differing: set[int] = field(default_factory=set)
    """Partitions in which some answers differ."""
    endpoints: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    mirrored_tokens: set[str] = field(default_factory=set)
    strata: Counter[str] = field(default_factory=Counter)
    """Events that legacy is due to queue for mirrored requests, by their batch size."""
    attributes: Counter[tuple[str, str]] = field(default_factory=Counter)
    dialects: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Mirrored exchanges by what tells sorts of requests apart; see ``requests.DIALECT``."""
    paths: Paths = field(default_factory=Paths)
    damage: set[str] = field(default_factory=set)

    def merge(self, other: "Scanned") -> None:
        """Add what *other* counted."""
        self.windows.merge(other.windows)
        self.counts.merge(other.counts)
        self.failed += other.failed
        self.differing |= other.differing
        self.endpoints += other.endpoints
        self.tokens += other.tokens
        self.mirrored_tokens |= other.mirrored_tokens
        self.strata += other.strata
        self.attributes += other.attributes
        self.dialects += other.dialects
        self.paths.merge(other.paths)
        self.damage |= other.damage


class Scan:
    """Takes the exchanges of one partition, in any portions."""

    def __init__(self, segment: int, partitions: int, rules: Rules, ties: Outbox[Tie]) -> None:
        self.found = Scanned(Windows(rules.window_seconds))
        self._segment = segment
        self._partitions = partitions
        self._headers = rules.headers
        self._ties = ties
        self._units = Units()
        self._answered: set[int] = set()
        """Distinct requests that legacy answered at least once."""
        self._failing: tuple[set[int], set[int]] = set(), set()

    def add(self, exchange: Exchange) -> None:
        """Take up one exchange."""
        reading, found = read(exchange.request), self.found
        found.counts.exchanges += 1
        found.endpoints[reading.endpoint] += 1
        if reading.token:
            found.tokens[reading.token] += 1
        found.attributes.update(reading.attributes.described())
        self._tie(exchange, reading)
        if exchange.outcomes is not None:
            found.counts.mirrored += 1
            found.dialects[dialect(exchange.request, reading)] += 1
            if reading.token:
                found.mirrored_tokens.add(reading.token)
            found.strata[stratum(reading.attributes)] += len(reading.keys)
            self._compare(self._units.of(exchange), exchange.at, *exchange.outcomes)

    def finish(self) -> Scanned:
        """Return what was found in all."""
        counts = self.found.counts
        counts.distinct = len(self._answered)
        counts.set_aside = len(self._units) - len(self._answered)
        counts.legacy_errors, counts.candidate_errors = map(len, self._failing)
        return self.found

    def _tie(self, exchange: Exchange, reading: Reading) -> None:
        if not reading.carried:
            return
        visit = visit_of(self._segment, exchange)
        for one in reading.carried:
            tie = Tie(one.key, visit, one.ported, one.alias_of)
            self._ties.put(partition(one.body, self._partitions), tie)

    def _compare(self, unit: int, at: float, legacy: Outcome, candidate: Outcome) -> None:
        found = self.found
        if _is_timed(legacy) and _is_timed(candidate):
            found.windows.add(at, _seconds(legacy), _seconds(candidate))
        else:
            found.windows.saw(at)
        found.failed += isinstance(candidate, Failed)
        if isinstance(legacy, Failed):
            return
        self._answered.add(unit)
        if is_error(legacy):
            self._failing[0].add(unit)
        elif is_error(candidate):
            self._failing[1].add(unit)
        differences = response_differences(legacy, candidate, self._headers)
        if differences:
            found.differing.add(self._segment)
            found.paths.add(difference.path for difference in differences)


def scan(directory: Path, number: int, rules: Rules, work: Path) -> Scanned:
    """Return what the exchanges of partition *number* amount to; leave their ties in *work*."""
    run = RunReader(directory)
    ties: Outbox[Tie] = Outbox(work, TIES, number)
    task = Scan(number, len(run.partitions), rules, ties)
    for exchange in run.exchanges(number):
        task.add(exchange)
    ties.close()
    found = task.finish()
    found.damage = {f"{damage.where}: {damage.what}" for damage in run.damage}
    return found


class Units:
    """Distinct requests of one partition, each by the number of an exchange that had it first."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}

    def of(self, exchange: Exchange) -> int:
        """Return the distinct request of *exchange*."""
        return self._first.setdefault(request_digest(exchange.request), exchange.number)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._first)


def request_digest(request: Request) -> bytes:
    """Return 16 bytes for what makes a request distinct: method, target and body."""
    return digest(b"%b %b\r\n%b" % (request.method, request.target, request.body))


def visit_of(segment: int, exchange: Exchange) -> Visit:
    """Return what pairing needs of an exchange."""
    # The copy's events are in quarantine, those of the side that answered in production.
    ours, copy = exchange.legacy, exchange.candidate
    if exchange.owner is Side.CANDIDATE:
        ours, copy = copy, ours
    mirrored = exchange.outcomes is not None
    claims = is_success(copy)
    doubtful = claims is False or is_success(ours) is False
    alone = exchange.owner is Side.CANDIDATE and not mirrored and is_success(ours) is True
    return Visit(segment, exchange.number, mirrored, claims, doubtful, alone)


def is_error(outcome: Outcome) -> bool:
    """Say whether a side gave no answer, or one that blames itself."""
    return isinstance(outcome, Failed) or outcome.response.status >= 500


def _is_timed(outcome: Outcome) -> bool:
    """Say whether it is known how long a side took: a log may not tell."""
    return outcome.seconds >= 0


def _seconds(outcome: Outcome) -> float | None:
    return outcome.seconds if isinstance(outcome, Answered) else None


def merged(parts: Iterable[Scanned], rules: Rules) -> Scanned:
    """Return what all *parts* amount to together."""
    whole = Scanned(Windows(rules.window_seconds))
    for part in parts:
        whole.merge(part)
    return whole
