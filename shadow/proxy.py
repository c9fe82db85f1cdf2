"""Live traffic in, legacy's answer out; a copy to the candidate, later and apart."""

import random
import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyingest.http import Reply as HttpReply
from pyingest.message import Request
from shadow.breaker import Breaker
from shadow.dualrun import Command, DualRun, Record, Reply, Send
from shadow.exchange import Exchange, Failed, Failure, NotMirrored, Outcome, Reason, Side
from shadow.forwarding import outbound, reply
from shadow.lane import Lane
from shadow.ledger import Ledger
from shadow.sampling import Sampling

TURN = 64
"""Requests of the lane that are dealt with before clients get their turn again."""
_OUTAGES = (Failure.REFUSED, Failure.TIMED_OUT)
Ended = tuple[DualRun, list[Command]]


class Server(Protocol):
    """A side, as the proxy sees it."""

    async def send(self, request: Request) -> Outcome:
        """Send *request*; return what became of it. Never raises."""


class Proxy:
    """Carries out what the rules of a dual run say.

    *keep* takes every finished exchange. *draw* gives random numbers from 0 up to 1.
    """

    log = Logger()

    def __init__(
        self,
        clock: Any,
        sides: dict[Side, Server],
        lane: Lane[DualRun],
        breaker: Breaker,
        keep: Callable[[Exchange], None],
        sampling: Sampling | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.ledger = Ledger()
        self.closed: Reason | None = None
        """Why nothing more is mirrored; ``None`` while all is well."""
        self._clock = clock
        self._sides = sides
        self.lane = lane
        self._breaker = breaker
        self._keep = keep
        self._sampling = sampling or Sampling()
        self._draw = draw
        self._ended: list[Ended] = []
        self._pumping = False

    @property
    def is_settled(self) -> bool:
        """Whether every request that came has its place in the ledger, and its record."""
        return self.ledger.remainder == 0 and self.ledger.pending == 0

    async def answer(self, request: Request, peer: str) -> HttpReply:
        """Return what the client gets: legacy's answer."""
        self.ledger.received += 1
        onward = outbound(request, peer)
        taken = self._sampling.takes(request, self._draw())
        skip = None if taken else Reason.NOT_SAMPLED
        run = DualRun(self.ledger.received, time.time(), onward, skip)
        outcome = await self._sides[Side.LEGACY].send(onward)
        self.ledger.legacy_ended(outcome)
        self._later(run, run.legacy_ended(outcome))
        return HttpReply(reply(outcome, request.method))

    def abandon(self) -> None:
        """Give up what waits for the candidate, and what comes from now on; it is counted."""
        self.closed = Reason.ABANDONED
        for run in self.lane.abandon():
            self._skip(run, Reason.ABANDONED)

    def _later(self, run: DualRun, commands: list[Command]) -> None:
        """Carry on when the client's answer has gone out.

        That takes two turns of the loop: the first begins before sockets are written, the
        second after. One timer serves all requests that end in a turn.
        """
        if not self._ended:
            self._clock.callLater(0, self._next_turn)
        self._ended.append((run, commands))

    def _next_turn(self) -> None:
        ended, self._ended = self._ended, []
        self._clock.callLater(0, self._carry_on_all, ended)

    def _carry_on_all(self, ended: list[Ended]) -> None:
        for run, commands in ended:
            self._carry_on(run, commands)

    def _carry_on(self, run: DualRun, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Reply():
                    pass  # sent already
                case Send():
                    self._mirror(run)
                case Record(exchange):
                    self._record(exchange)

    def _mirror(self, run: DualRun) -> None:
        if self.closed is not None:
            self._skip(run, self.closed)
        elif self.lane.offer(run, _weight(run.request)):
            self._pump()
        else:
            self._skip(run, Reason.SHED)

    def _pump(self) -> None:
        """Give the candidate what it may have; of a long line only a part in one turn."""
        if self._pumping:
            return
        self._pumping = True
        for _ in range(TURN):
            waiting = self.lane.next()
            if waiting is None:
                break
            self._out_of_lane(*waiting)
        else:
            self._clock.callLater(0, self._pump)
        self._pumping = False

    def _out_of_lane(self, run: DualRun, size: int) -> None:
        """Send a request, unless the circuit is open; it may have opened while this waited."""
        if self._breaker.allows(self._clock.seconds()):
            self.ledger.mirrored += 1
            sending = Deferred.fromCoroutine(self._send_copy(run, size))
            sending.addErrback(lambda failure: self.log.failure("mirror", failure=failure))
        else:
            self.lane.done(size)
            self._skip(run, Reason.BROKEN_CIRCUIT)

    async def _send_copy(self, run: DualRun, size: int) -> None:
        outcome = await self._sides[Side.CANDIDATE].send(run.request)
        self.lane.done(size)
        # A reset or garbage is no outage: somebody is there, and what they do is evidence.
        if isinstance(outcome, Failed) and outcome.kind in _OUTAGES:
            self._breaker.failed(self._clock.seconds())
        else:
            self._breaker.succeeded()
        self._carry_on(run, run.candidate_ended(outcome))
        self._pump()

    def _skip(self, run: DualRun, reason: Reason) -> None:
        self._carry_on(run, run.candidate_ended(NotMirrored(reason)))

    def _record(self, exchange: Exchange) -> None:
        self.ledger.candidate_ended(exchange.candidate)
        self._keep(exchange)


def _weight(request: Request) -> int:
    """Return about how many bytes *request* holds."""
    headers = sum(len(name) + len(value) for name, value in request.headers)
    return len(request.target) + len(request.body) + headers
