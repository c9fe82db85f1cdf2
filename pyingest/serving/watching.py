"""Who looks on while the quick way answers: most only want sums, and get them now and then."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyingest.event import Event
from pyingest.ingest import Decision
from pyingest.message import Response
from pyingest.queues.interface import Outcome
from pyingest.serving.parts import Observed, Observer, Totalling, Totals
from pyingest.serving.tokens import tokens_of

AT_LAST = 1.0
"""Seconds after which sums are told, however small they are."""
TOGETHER = 512
"""Requests whose sums are told at once."""
_STORED = Response(200)


class Watching:
    """Tells observers of requests that the quick way answered.

    :param endpoints: the name of the endpoint that a path leads to.
    :param tokens: whether an observer wants to know each event's project.
    """

    def __init__(
        self,
        reactor: Any,
        observers: Sequence[Observer],
        endpoints: Mapping[bytes, str],
        tokens: bool,
    ) -> None:
        self._reactor = reactor
        self._totalling = [one for one in observers if isinstance(one, Totalling)]
        self._detailed = [one for one in observers if not isinstance(one, Totalling)]
        self._endpoints = endpoints
        self._tokens = tokens
        self._totals: dict[str, Totals] = {}
        self._timer: Any = None
        self.note = self._note_all if self._detailed else self._count
        """Take note of one request: the bytes that came, whose they are, endpoint and size, its
        events, what became of each, and in how many seconds."""

    def _count(
        self,
        data: bytes,
        peer: str,
        endpoint: str,
        size: int,
        events: Sequence[Event],
        outcome: Outcome | None,
        outcomes: Sequence[Outcome],
        seconds: float,
    ) -> None:
        totals = self._totals.get(endpoint)
        if totals is None:
            totals = self._begin(endpoint)
        totals.size += size
        totals.seconds.append(seconds)
        if outcome is Outcome.STORED:
            totals.stored += len(events)
        else:
            each = outcomes if outcome is None else [outcome] * len(events)
            totals.stored += each.count(Outcome.STORED)
            totals.others += [one for one in each if one is not Outcome.STORED]
        if totals.others or len(totals.seconds) >= TOGETHER:
            self._tell(endpoint)

    def _note_all(
        self,
        data: bytes,
        peer: str,
        endpoint: str,
        size: int,
        events: Sequence[Event],
        outcome: Outcome | None,
        outcomes: Sequence[Outcome],
        seconds: float,
    ) -> None:
        self._count(data, peer, endpoint, size, events, outcome, outcomes, seconds)
        line, _, rest = data.partition(b"\r\n")
        method, target, _ = line.split(b" ", 2)
        path, _, query = target.partition(b"?")
        body = rest.partition(b"\r\n\r\n")[2]
        decision = Decision(tuple(events), _STORED, _STORED)
        if self._tokens:
            decision = Decision(decision.events, _STORED, _STORED, (), tokens_of(decision))
        each = outcomes if outcome is None else [outcome] * len(events)
        seen = Observed(
            peer, endpoint, method, path, body or query, size, 200, decision, each, seconds
        )
        for observer in self._detailed:
            observer.observe(seen)

    async def close(self) -> None:
        """Tell what is not told yet."""
        self.settle()

    def _begin(self, endpoint: str) -> Totals:
        if self._timer is None:
            self._timer = self._reactor.callLater(AT_LAST, self.settle)
        totals = self._totals[endpoint] = Totals()
        return totals

    def settle(self) -> None:
        """Tell what is not told yet: before somebody asks for the counts."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        for endpoint in list(self._totals):
            self._tell(endpoint)

    def _tell(self, endpoint: str) -> None:
        totals = self._totals.pop(endpoint)
        for observer in self._totalling:
            observer.observe_many(endpoint, totals)


Watch = Callable[
    [bytes, str, str, int, Sequence[Event], Outcome | None, Sequence[Outcome], float], None
]
"""What :attr:`Watching.note` is."""
