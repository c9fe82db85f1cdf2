"""Writes to a queue that end in time, whatever the queue does."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue

Late = Callable[[list[Outcome]], None]


class _Attempt:
    """One write under way."""

    __slots__ = ("count", "expires", "late", "over", "result")

    def __init__(self, count: int, expires: float, late: Late | None) -> None:
        self.count = count
        self.expires = expires
        self.late = late
        self.over = False
        self.result: Deferred[list[Outcome]] = Deferred()

    def answered(self, outcomes: list[Outcome]) -> None:
        """Take the queue's word; one outcome too few says nothing of its event."""
        outcomes = [*outcomes, *[Outcome.UNKNOWN] * (self.count - len(outcomes))]
        if not self.over:
            self.over = True
            self.result.callback(outcomes)
        elif self.late is not None:
            self.late(outcomes)

    def expire(self) -> None:
        """Say that the time is over."""
        self.over = True
        self.result.callback([Outcome.TIMED_OUT] * self.count)


class Attempts:
    """Gives events to *backend*, and waits for it no longer than *patience* seconds.

    All have the same patience, so those that began first end first: one timer serves all.
    """

    log = Logger()

    def __init__(self, reactor: Any, backend: Queue, patience: float) -> None:
        self._reactor = reactor
        self._backend = backend
        self._patience = patience
        self._under_way: deque[_Attempt] = deque()
        self._timer: Any = None

    async def publish(self, events: Sequence[Event], late: Late | None = None) -> list[Outcome]:
        """Write *events*; ``TIMED_OUT`` for all after the patience. Never raises.

        :param late: told the outcomes that come after that.
        """
        attempt = _Attempt(len(events), self._reactor.seconds() + self._patience, late)
        work = Deferred.fromCoroutine(self._backend.publish(events))
        work.addErrback(self._broken).addCallback(attempt.answered)
        if not attempt.over:
            self._watch(attempt)
        return await attempt.result

    async def close(self) -> None:
        """Close the backend, and wait no longer than the patience for that."""
        ended: list[object] = []
        closing = Deferred.fromCoroutine(self._backend.close())
        closing.addErrback(self._broken).addCallback(ended.append)
        until = self._reactor.seconds() + self._patience
        while not ended and self._reactor.seconds() < until:
            await deferLater(self._reactor, 0.01)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _broken(self, failure: Failure) -> list[Outcome]:
        """A queue never raises; one that does has an error of its own."""
        self.log.failure("the queue raised", failure)
        return []

    def _watch(self, attempt: _Attempt) -> None:
        while self._under_way and self._under_way[0].over:
            self._under_way.popleft()
        self._under_way.append(attempt)
        if self._timer is None or not self._timer.active():
            self._timer = self._reactor.callLater(self._patience, self._sweep)

    def _sweep(self) -> None:
        now = self._reactor.seconds()
        while self._under_way and (self._under_way[0].over or self._under_way[0].expires <= now):
            first = self._under_way.popleft()
            if not first.over:
                first.expire()
        if self._under_way and not self._timer.active():
            wait = max(0.0, self._under_way[0].expires - now)
            self._timer = self._reactor.callLater(wait, self._sweep)
