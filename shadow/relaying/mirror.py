"""The copies to one side: through a bounded lane, past a circuit breaker, heard by nobody."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from pyingest.crowd import SLICE
from shadow.breaker import Breaker
from shadow.dualrun import DualRun, Ended
from shadow.exchange import Failed, NotMirrored, Reason
from shadow.lane import Lane
from shadow.relaying.link import Link, Passage
from shadow.relaying.raw import RawAnswer, RawRequest

REST = 0.004
"""Seconds between two moments in which copies leave that had to wait. They are some more than come
meanwhile, but not so many that clients would notice a side that comes back."""
IN_HAND = 8
"""Copies that may leave as soon as the side takes one more, since so many came while it did not."""


class Server(Protocol):
    """A side, as the proxy sees it."""

    def send(self, request: RawRequest, passage: Passage) -> None:
        """Send *request*; *passage* is told what becomes of it. Never raises."""


class Mirror:
    """The way of the copies to one side."""

    def __init__(
        self,
        clock: Any,
        server: Server,
        lane: Lane[DualRun],
        breaker: Breaker,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lane = lane
        self.breaker = breaker
        self.server = server
        self.sent: Callable[[], None]
        """Called for each copy that is handed to the side. The proxy sets these two."""
        self.ended: Callable[[DualRun, Ended | NotMirrored], None]
        """Called with what became of a copy that was offered and taken."""
        self._clock = clock
        self._seconds = seconds
        self._fresh = 0
        self._rest = REST
        self._rested = float("-inf")
        self._timer: Any = None
        self._pumping = False

    def offer(self, run: DualRun) -> bool:
        """Take the copy of *run*'s request, if there is room; :meth:`pump` sends it."""
        taken = self.lane.offer(run, run.weight)
        self._fresh += taken
        return taken

    def pump(self) -> None:
        """Give the side what it may have: as many as were offered, and now and then for a moment.

        So those of a long line leave a few at a time, and still a line does not get longer only
        because there are many clients.
        """
        if self._pumping:
            return
        self._pumping = True
        fresh, self._fresh = self._fresh, 0
        now = self._seconds()
        rested, until = now >= self._rested, now + SLICE
        try:
            while (fresh or rested) and (waiting := self.lane.next()) is not None:
                self._out_of_lane(*waiting)
                if fresh:
                    fresh -= 1
                else:
                    self._rested = now + self._rest
                    rested = self._seconds() < until
        finally:
            self._pumping = False
        if len(self.lane):
            self._fresh += min(fresh, IN_HAND)
            if not rested:
                self._pump_in(self._rested - now)

    def hurry(self) -> None:
        """Rest no more: there are no clients left to be spared."""
        self._rest, self._rested = 0.0, float("-inf")
        self.pump()

    def _pump_in(self, seconds: float) -> None:
        """Go on in so many seconds, or as soon as somebody asked for."""
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._pump_now)
        elif seconds == 0.0:
            self._timer.reset(0.0)

    def _pump_now(self) -> None:
        self._timer = None
        self.pump()

    def abandon(self, why: Reason = Reason.ABANDONED) -> None:
        """Give up what waits; it is counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for run in self.lane.abandon():
            self.ended(run, NotMirrored(why))

    def _out_of_lane(self, run: DualRun, size: int) -> None:
        """Send a copy, unless the circuit is open; it may have opened while this waited."""
        ticket = self.breaker.allows(self._clock.seconds())
        if ticket:
            self.sent()
            self.server.send(run.request, _Copy(self, run, size, ticket))
        else:
            self.lane.done(size)
            self.ended(run, NotMirrored(Reason.BROKEN_CIRCUIT))

    def done(self, run: DualRun, size: int, ended: Ended, ticket: int) -> None:
        """Take what became of a copy that the breaker let through with *ticket*."""
        self.lane.done(size)
        kind, status = (ended.kind, 0) if isinstance(ended, Failed) else (None, ended.status)
        self.breaker.ended(kind, ended.seconds, status, self._clock.seconds(), ticket)
        self.ended(run, ended)
        if len(self.lane) and not self._pumping:
            self._pump_in(0.0 if self._fresh else max(self._rested - self._seconds(), 0.0))


class _Copy:
    """One copy under way. Of its answer only the end matters, and what was kept."""

    __slots__ = ("_mirror", "_run", "_size", "_ticket", "begun", "link", "told")

    def __init__(self, mirror: Mirror, run: DualRun, size: int, ticket: int) -> None:
        self._mirror = mirror
        self._run = run
        self._size = size
        self._ticket = ticket
        self.link: Link | None = None
        self.begun = self.told = False

    def piece(self, data: bytes) -> None:
        """Drop it."""

    def answered(self, data: bytes, answer: RawAnswer) -> None:
        """Take the answer."""
        self._mirror.done(self._run, self._size, answer, self._ticket)

    def failed(self, failed: Failed) -> None:
        """Take it that there is none."""
        self._mirror.done(self._run, self._size, failed, self._ticket)

    def ready(self) -> None:
        """Nothing to do: what is copied is whole."""
