"""The exchanges of a run: counted, read, and their answers compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from compare.canonical import digest
from compare.difference import Difference
from compare.latency import Windows
from compare.linking import Links, Visit
from compare.requests import described, read
from compare.responses import is_success, response_differences
from compare.tally import UnitCounts
from pyingest.message import Request
from shadow.exchange import Answered, Exchange, Failed, NotMirrored, Outcome

_WRITERS = (b"GET", b"POST")
BUSIEST = 100
"""Tokens that are told one by one."""


@dataclass(slots=True)
class Answering:
    """Takes exchanges one by one."""

    windows: Windows
    headers: Sequence[str]
    links: Links = field(default_factory=Links)
    counts: UnitCounts = field(default_factory=UnitCounts)
    differing: dict[int, tuple[Difference, ...]] = field(default_factory=dict)
    """How the answers to an exchange differ, by its place in the recording."""
    failed: set[int] = field(default_factory=set)
    """Places of the exchanges that the candidate did not answer."""
    failing_units: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    """Distinct requests that legacy failed, and that the candidate failed and legacy did not."""
    endpoints: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    attributes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _units: dict[bytes, int] = field(default_factory=dict)

    def add(self, exchange: Exchange) -> None:
        """Take up one exchange."""
        place = len(self.links.visits)
        reading = read(exchange.request)
        self.counts.exchanges += 1
        self.endpoints[reading.endpoint] += 1
        if reading.token:
            self.tokens[reading.token] += 1
        self.attributes.update(described(reading.attributes))
        candidate = exchange.candidate
        mirrored = not isinstance(candidate, NotMirrored)
        visit = Visit(
            number=exchange.number,
            unit=self._unit(exchange.request) if mirrored else 0,
            endpoint=reading.endpoint,
            attributes=reading.attributes,
            mirrored=mirrored,
            writes=reading.endpoint != "other" and exchange.request.method in _WRITERS,
            claims=is_success(candidate),
        )
        self.links.add(visit, reading)
        if not isinstance(candidate, NotMirrored):
            self._compare(place, visit.unit, exchange, candidate)

    def finish(self) -> None:
        """Settle what needs all exchanges."""
        self.links.settle()
        self.counts.distinct = len(self._units)
        self.counts.legacy_errors, self.counts.candidate_errors = map(len, self.failing_units)

    def busiest_tokens(self) -> dict[str, int]:
        """Return the exchanges of the hundred busiest tokens, the busiest first."""
        order = sorted(self.tokens.items(), key=lambda item: (-item[1], item[0]))
        return dict(order[:BUSIEST])

    def _unit(self, request: Request) -> int:
        key = digest(b"%b %b\r\n%b" % (request.method, request.target, request.body))
        return self._units.setdefault(key, len(self._units))

    def _compare(self, place: int, unit: int, exchange: Exchange, candidate: Outcome) -> None:
        self.counts.mirrored += 1
        self.windows.add(exchange.at, _seconds(exchange.legacy), _seconds(candidate))
        if isinstance(candidate, Failed):
            self.failed.add(place)
        if is_error(exchange.legacy):
            self.failing_units[0].add(unit)
        elif is_error(candidate):
            self.failing_units[1].add(unit)
        found = response_differences(exchange.legacy, candidate, self.headers)
        if found:
            self.differing[place] = tuple(found)


def is_error(outcome: Outcome) -> bool:
    """Say whether a side gave no answer, or one that blames itself."""
    return isinstance(outcome, Failed) or outcome.response.status >= 500


def _seconds(outcome: Outcome) -> float | None:
    return outcome.seconds if isinstance(outcome, Answered) else None
