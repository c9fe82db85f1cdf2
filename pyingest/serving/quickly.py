"""The quick way through the classic contract, with observers that look on.

Requests that it leaves to others, and those with a record that is no good, go the ordinary way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.event import Event
from pyingest.http import QuickHandler
from pyingest.ingest import Decision
from pyingest.later import Answer, Later
from pyingest.message import Response
from pyingest.queues.interface import Outcome, Queue
from pyingest.quick import Sink
from pyingest.serving.parts import Observed, Observer
from pyingest.serving.tokens import tokens_of

_STORED = Response(200)


@dataclass(slots=True)
class _Waiting:
    """A request whose events are on their way."""

    later: Later
    data: bytes
    peer: str
    begun: float
    events: Sequence[Event]
    stored: bytes
    refused: bytes


class Quickly:
    """Publishes what comes in one turn of the event loop together, and tells observers of each.

    :param clock: seconds of a clock that never goes back.
    :param tokens: whether an observer wants to know each event's project.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        queue: Queue,
        clock: Callable[[], float],
        observers: Sequence[Observer],
        endpoints: Mapping[bytes, str],
        tokens: bool,
        at_once: int,
    ) -> None:
        self._reactor = reactor
        self._queue = queue
        self._clock = clock
        self._observers = observers
        self._endpoints = endpoints
        self._tokens = tokens
        self._at_once = at_once
        self._in_flight = 0
        self._waiting: list[_Waiting] = []
        self._data = b""
        self._peer = ""
        self._begun = 0.0
        self._quick: QuickHandler | None = None

    def around(self, make: Callable[[Sink], QuickHandler]) -> QuickHandler:
        """Return the quick handler that *make* gives, watched."""
        self._quick = make(self._take)
        return self._answer

    def _answer(self, data: bytes, peer: str) -> Answer:
        assert self._quick is not None
        if self._at_once and self._in_flight >= self._at_once:
            return None  # the ordinary way turns it away
        self._data, self._peer, self._begun = data, peer, self._clock()
        return self._quick(data, peer)

    def _take(self, events: Sequence[Event], stored: bytes, refused: bytes) -> Answer:
        if not self._waiting:
            self._reactor.callLater(0, self._flush)
        self._in_flight += 1
        later = Later()
        self._waiting.append(
            _Waiting(later, self._data, self._peer, self._begun, events, stored, refused)
        )
        return later

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        events = [event for one in waiting for event in one.events]
        coming = Deferred.fromCoroutine(self._queue.publish(events))
        coming.addErrback(self._failed)
        coming.addCallback(self._settle, waiting)
        coming.addErrback(self._broken)

    def _failed(self, failure: Failure) -> list[Outcome]:
        self.log.failure("events could not be published", failure=failure)
        return []

    def _broken(self, failure: Failure) -> None:
        self.log.failure("a request could not be counted", failure=failure)

    def _settle(self, outcomes: list[Outcome], waiting: list[_Waiting]) -> None:
        end = 0
        self._in_flight -= len(waiting)
        seen: list[list[Outcome]] = []
        for one in waiting:
            start, end = end, end + len(one.events)
            mine = outcomes[start:end]
            good = len(mine) == len(one.events) == mine.count(Outcome.STORED)
            one.later.deliver(one.stored if good else one.refused)
            seen.append(mine)
        for one, mine in zip(waiting, seen, strict=True):
            self._tell(one, mine)

    def _tell(self, one: _Waiting, outcomes: Sequence[Outcome]) -> None:
        line, _, rest = one.data.partition(b"\r\n")
        method, target, _ = line.split(b" ", 2)
        path, _, query = target.partition(b"?")
        body = rest.partition(b"\r\n\r\n")[2]
        decision = Decision(tuple(one.events), _STORED, _STORED)
        if self._tokens:
            decision = Decision(decision.events, _STORED, _STORED, (), tokens_of(decision))
        seen = Observed(
            one.peer,
            self._endpoints.get(path, "other"),
            method,
            path,
            body or query,
            len(target) + len(body),
            200,
            decision,
            outcomes,
            self._clock() - one.begun,
        )
        for observer in self._observers:
            observer.observe(seen)
