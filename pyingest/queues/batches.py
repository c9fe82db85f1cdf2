"""Publishes gathered into batches, each with its own deadline."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.event import Event
from pyingest.queues.interface import Outcome

MOST = 2000
"""Events in one batch, unless a single publish has more."""


@dataclass(slots=True)
class _Publish:
    """One call of ``publish`` on its way."""

    events: Sequence[Event]
    expires: float
    done: "Deferred[list[Outcome]]" = field(default_factory=Deferred)
    sent: bool = False
    timer: Any = None


class Batches:
    """Hands events to an engine in batches, in order, and keeps the deadline whatever it does.

    What waits for its turn when its deadline comes was never sent, so it is ``REFUSED``; what
    was handed over is ``TIMED_OUT``, and a later answer is not heard.

    :param send: takes events and the seconds left for them; gives one outcome per event.
    :param deadline: seconds for one publish as a whole.
    :param lanes: how many batches may be under way at once.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        send: Callable[[list[Event], float], "Deferred[list[Outcome]]"],
        deadline: float,
        lanes: int = 1,
    ) -> None:
        self._reactor = reactor
        self._send = send
        self._deadline = deadline
        self._lanes = lanes
        self._waiting: deque[_Publish] = deque()
        self._under_way = 0
        self._turn: Any = None
        self._idle: list[Deferred[None]] = []
        self.closed = False

    def publish(self, events: Sequence[Event]) -> "Deferred[list[Outcome]]":
        """Send *events* with the next batch; fires by the deadline, and never fails."""
        publish = _Publish(events, self._reactor.seconds() + self._deadline)
        if self.closed or not events:
            publish.done.callback([Outcome.REFUSED] * len(events))
            return publish.done
        publish.timer = self._reactor.callLater(self._deadline, self._late, publish)
        self._waiting.append(publish)
        self._schedule()
        return publish.done

    def close(self) -> "Deferred[None]":
        """Take nothing more; fires when what was taken has its outcomes."""
        self.closed = True
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        self._tell_idle()
        return done

    def _schedule(self) -> None:
        """Hand over at the end of this turn of the reactor: what else it brings goes along."""
        if self._turn is None and self._waiting and self._under_way < self._lanes:
            self._turn = self._reactor.callLater(0, self._hand_over)

    def _hand_over(self) -> None:
        self._turn = None
        batch: list[_Publish] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].events) <= MOST):
            publish = self._waiting.popleft()
            publish.sent = True
            size += len(publish.events)
            batch.append(publish)
        if not batch:
            return
        self._under_way += 1
        events = [event for publish in batch for event in publish.events]
        left = batch[-1].expires - self._reactor.seconds()
        self._send(events, left).addErrback(self._broke, size).addCallback(self._settle, batch)
        self._schedule()

    def _settle(self, outcomes: list[Outcome], batch: list[_Publish]) -> None:
        self._under_way -= 1
        start = 0
        for publish in batch:
            end = start + len(publish.events)
            self._finish(publish, outcomes[start:end])
            start = end
        self._schedule()
        self._tell_idle()

    def _broke(self, failure: Failure, size: int) -> list[Outcome]:
        self.log.failure("a queue client broke; its events are in doubt", failure)
        return [Outcome.UNKNOWN] * size

    def _late(self, publish: _Publish) -> None:
        if publish.sent:
            self._finish(publish, [Outcome.TIMED_OUT] * len(publish.events))
            return
        self._waiting.remove(publish)
        self._finish(publish, [Outcome.REFUSED] * len(publish.events))
        self._tell_idle()

    def _finish(self, publish: _Publish, outcomes: list[Outcome]) -> None:
        if publish.done.called:
            return
        if publish.timer.active():
            publish.timer.cancel()
        publish.done.callback(outcomes)

    def _tell_idle(self) -> None:
        if self.closed and not self._under_way and not self._waiting:
            idle, self._idle = self._idle, []
            for done in idle:
                done.callback(None)
