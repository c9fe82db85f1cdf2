"""A recorded run of legacy against legacy, read for calibration: its pairs, and how it fared."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from compare.differing.canonical import Content, digest
from compare.differing.responses import response_differences
from compare.judging.latency import Windows
from compare.pairing.item import Item, Pair, said_by
from compare.pairing.pairing import Leftovers, Pairing
from compare.stages.requests import Reading, read
from shadow.exchange import Answered, Exchange, Outcome
from shadow.recording import RunReader


@dataclass(slots=True)
class Asked:
    """The requests of the run, and how both sides answered them."""

    windows: Windows
    headers: Sequence[str]
    requests: int = 0
    """Requests that both sides got."""
    answers: Counter[str] = field(default_factory=Counter)
    """Differences between the answers, by kind."""
    _distinct: set[bytes] = field(default_factory=set)
    _keys: set[bytes] = field(default_factory=set)
    _held_back: Counter[bytes] = field(default_factory=Counter)
    """Events of requests that only the first side got, by link key."""
    _aliases: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def distinct(self) -> int:
        """Distinct requests among them."""
        return len(self._distinct)

    def add(self, exchange: Exchange) -> None:
        """Take one exchange."""
        reading, outcomes = read(exchange.request), exchange.outcomes
        self._aliases.update({one.key: one.alias_of for one in reading.carried if one.alias_of})
        if outcomes is None:
            self._held_back.update(_all_keys(reading))
            return
        self._keys.update(_all_keys(reading))
        self.requests += 1
        request = exchange.request
        self._distinct.add(digest(b"%b %b\r\n%b" % (request.method, request.target, request.body)))
        self.windows.add(exchange.at, *map(_seconds, outcomes))
        found = response_differences(*outcomes, self.headers)
        self.answers.update(one.kind.value for one in found)

    def link(self, said: Content) -> bytes | None:
        """Return the link key of an event that says this; ``None`` if no request carries it."""
        for key in (said.bare + said.time, said.bare):
            key = self._aliases.get(key, key)
            if key in self._keys or key in self._held_back:
                return key
        return None

    def was_held_back(self, link: bytes | None) -> bool:
        """Say whether a lone event of the first side is of a request that the other never got."""
        if link is None or not self._held_back[link]:
            return False
        self._held_back[link] -= 1
        return True


def asked(run: RunReader, windows: Windows, headers: Sequence[str]) -> Asked:
    """Return the requests of *run*."""
    requests = Asked(windows, headers)
    for number in run.partitions:
        for exchange in run.exchanges(number):
            requests.add(exchange)
    return requests


def pairs_of(
    run: RunReader, requests: Asked, seconds: float
) -> Iterator[tuple[Pair | None, Leftovers | None]]:
    """Yield the pairs of events of *run*; at last, without a pair, what found no partner.

    *seconds* is how far apart times may lie that the services set.
    """
    pairing = Pairing(seconds)
    known: dict[bytes, tuple[Content, bytes | None]] = {}
    for number in run.partitions:
        items: list[Item] = []
        for event in run.events(number):
            if event.body not in known:
                said = said_by(event.body)
                known[event.body] = said, requests.link(said)
            items.append(Item(event, *known[event.body]))
        known.clear()
        for pair in pairing.add(items):
            yield pair, None
    pairs, left = pairing.finish()
    for pair in pairs:
        yield pair, None
    for lone in (left.missing, left.duplicate_lost):
        lone[:] = [item for item in lone if not requests.was_held_back(item.link)]
    yield None, left


def _all_keys(reading: Reading) -> tuple[bytes, ...]:
    return tuple(one.key for one in reading.carried if one.alias_of is None)


def _seconds(outcome: Outcome) -> float | None:
    return outcome.seconds if isinstance(outcome, Answered) else None
