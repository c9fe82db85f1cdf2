"""Live traffic in, legacy's answer out; a copy to the candidate, later and apart."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyingest.http import Reply as HttpReply
from pyingest.message import Request
from shadow.breaker import Breaker
from shadow.dualrun import Command, DualRun, Record, Reply, Send
from shadow.exchange import Answered, Exchange, Failed, NotMirrored, Outcome, Reason, Side
from shadow.forwarding import outbound, reply
from shadow.lane import Lane
from shadow.ledger import Ledger
from shadow.sampling import is_sampled


class Server(Protocol):
    """A side, as the proxy sees it."""

    async def send(self, request: Request) -> Outcome:
        """Send *request*; return what became of it. Never raises."""


class Proxy:
    """Carries out what the rules of a dual run say.

    *keep* takes every finished exchange. *share* is the part of the requests that is mirrored.
    """

    log = Logger()

    def __init__(
        self,
        clock: Any,
        sides: dict[Side, Server],
        lane: Lane[DualRun],
        breaker: Breaker,
        keep: Callable[[Exchange], None],
        share: float = 1.0,
    ) -> None:
        self.ledger = Ledger()
        self.mirroring = True
        self._clock = clock
        self._sides = sides
        self.lane = lane
        self._breaker = breaker
        self._keep = keep
        self._share = share

    async def answer(self, request: Request, peer: str) -> HttpReply:
        """Return what the client gets: legacy's answer."""
        self.ledger.received += 1
        onward = outbound(request, peer)
        skip = None if is_sampled(request, self._share) else Reason.NOT_SAMPLED
        run = DualRun(self.ledger.received, time.time(), onward, skip)
        outcome = await self._sides[Side.LEGACY].send(onward)
        self.ledger.legacy_ended(outcome)
        # The rest waits for the next turn of the loop: the client's answer is out by then.
        self._clock.callLater(0, self._carry_on, run, run.legacy_ended(outcome))
        return HttpReply(reply(outcome, request.method))

    def abandon(self) -> None:
        """Give up what waits for the candidate; it is counted."""
        for run in self.lane.abandon():
            self._skip(run, Reason.ABANDONED)

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
        size = len(run.request.body) + len(run.request.target)
        if not self.mirroring:
            self._skip(run, Reason.FILTERED)
        elif not self.lane.has_room(size):
            self._skip(run, Reason.SHED)
        elif not self._breaker.allows(self._clock.seconds()):
            self._skip(run, Reason.BROKEN_CIRCUIT)
        else:
            self.lane.offer(run, size)
            self._pump()

    def _pump(self) -> None:
        while (run := self.lane.next()) is not None:
            self.ledger.mirrored += 1
            sending = Deferred.fromCoroutine(self._send_copy(run))
            sending.addErrback(lambda failure: self.log.failure("mirror", failure=failure))

    async def _send_copy(self, run: DualRun) -> None:
        outcome = await self._sides[Side.CANDIDATE].send(run.request)
        self.lane.done()
        match outcome:
            case Answered():
                self._breaker.succeeded()
            case Failed():
                self._breaker.failed(self._clock.seconds())
        self._carry_on(run, run.candidate_ended(outcome))
        self._pump()

    def _skip(self, run: DualRun, reason: Reason) -> None:
        self._carry_on(run, run.candidate_ended(NotMirrored(reason)))

    def _record(self, exchange: Exchange) -> None:
        self.ledger.candidate_ended(exchange.candidate)
        self._keep(exchange)
