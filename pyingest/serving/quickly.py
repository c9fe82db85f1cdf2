"""The quick way through the classic contract, with observers that look on.

Requests that it leaves to others, and those with a record that is no good, go the ordinary way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.event import Event
from pyingest.http import QuickHandler
from pyingest.later import Answer, Later
from pyingest.queues.interface import Outcome, Queue
from pyingest.quick import Quick, Sink
from pyingest.serving.watching import Watch
from pyingest.sinks import PromptQueue

MakeQuick = Callable[[Sink], Quick]


class Promptly:
    """Writes at once, to a queue that knows at once what becomes of events.

    :param clock: seconds of a clock that never goes back.
    """

    def __init__(self, queue: PromptQueue, clock: Callable[[], float], watch: Watch) -> None:
        self._publish = queue.publish_now
        self._clock = clock
        self._watch = watch
        self._data = b""
        self._peer = ""
        self._begun = 0.0

    def around(self, make: MakeQuick) -> QuickHandler:
        """Return the quick handler that *make* gives, watched."""
        self._quick = make(self._take)
        self._quick_answer = self._quick.answer
        return self._answer

    def _answer(self, data: bytes, peer: str) -> Answer:
        self._data, self._peer, self._begun = data, peer, self._clock()
        return self._quick_answer(data, peer)

    def _take(self, events: Sequence[Event], stored: bytes, refused: bytes) -> Answer:
        good = self._publish(events)
        self._watch(
            self._data,
            self._peer,
            self._quick.endpoint,
            self._quick.size,
            events,
            Outcome.STORED if good else Outcome.REFUSED,
            (),
            self._clock() - self._begun,
        )
        return stored if good else refused


@dataclass(slots=True)
class _Waiting:
    """A request whose events are on their way."""

    later: Later
    data: bytes
    peer: str
    endpoint: str
    size: int
    begun: float
    events: Sequence[Event]
    stored: bytes
    refused: bytes


class Quickly:
    """Publishes what comes in one turn of the event loop together.

    :param clock: seconds of a clock that never goes back.
    :param at_once: requests that may wait for the queue; 0 is no limit.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        queue: Queue,
        clock: Callable[[], float],
        watch: Watch,
        at_once: int,
    ) -> None:
        self._reactor = reactor
        self._queue = queue
        self._clock = clock
        self._watch = watch
        self._at_once = at_once
        self._in_flight = 0
        self._waiting: list[_Waiting] = []
        self._data = b""
        self._peer = ""
        self._begun = 0.0

    def around(self, make: MakeQuick) -> QuickHandler:
        """Return the quick handler that *make* gives, watched."""
        self._quick = make(self._take)
        return self._answer

    def _answer(self, data: bytes, peer: str) -> Answer:
        if self._at_once and self._in_flight >= self._at_once:
            return None  # the ordinary way turns it away
        self._data, self._peer, self._begun = data, peer, self._clock()
        return self._quick.answer(data, peer)

    def _take(self, events: Sequence[Event], stored: bytes, refused: bytes) -> Answer:
        if not self._waiting:
            self._reactor.callLater(0, self._flush)
        self._in_flight += 1
        later, quick = Later(), self._quick
        self._waiting.append(
            _Waiting(
                later,
                self._data,
                self._peer,
                quick.endpoint,
                quick.size,
                self._begun,
                events,
                stored,
                refused,
            )
        )
        return later

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        events = [event for one in waiting for event in one.events]
        coming = Deferred.fromCoroutine(self._queue.publish(events))
        coming.addErrback(self._failed)
        coming.addCallback(self._settle, waiting, len(events))
        coming.addErrback(self._broken)

    def _failed(self, failure: Failure) -> list[Outcome]:
        self.log.failure("events could not be published", failure=failure)
        return []

    def _broken(self, failure: Failure) -> None:
        self.log.failure("a request could not be counted", failure=failure)

    def _settle(self, outcomes: list[Outcome], waiting: list[_Waiting], count: int) -> None:
        all_stored = len(outcomes) == count == outcomes.count(Outcome.STORED)
        end = 0
        self._in_flight -= len(waiting)
        seen: list[Sequence[Outcome]] = []
        for one in waiting:
            start, end = end, end + len(one.events)
            mine = () if all_stored else outcomes[start:end]
            good = all_stored or len(mine) == len(one.events) == mine.count(Outcome.STORED)
            one.later.deliver(one.stored if good else one.refused)
            seen.append(mine)
        self._note(waiting, seen, all_stored)

    def _note(
        self, waiting: list[_Waiting], seen: list[Sequence[Outcome]], all_stored: bool
    ) -> None:
        now, said = self._clock(), Outcome.STORED if all_stored else None
        for one, mine in zip(waiting, seen, strict=True):
            self._watch(
                one.data, one.peer, one.endpoint, one.size, one.events, said, mine, now - one.begun
            )
