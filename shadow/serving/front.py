"""Where clients come in: the proxy on its socket, with the ways to both sides behind it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater

from pyingest.http import HttpFactory
from pyingest.server import family, taken
from shadow.breaker import Breaker
from shadow.exchange import Exchange, Reason, Side
from shadow.lane import Lane
from shadow.ledger import Ledger
from shadow.options import ShadowError, ShadowOptions, address
from shadow.proxy import Proxy
from shadow.sampling import Sampling
from shadow.upstream import Upstream, UpstreamLimits

CANDIDATE_LONGEST = 1024 * 1024
"""Bytes of one answer of the candidate; more is no answer of an ingestion service."""
BACKLOG = 1024
LOOK = 0.02
"""Seconds between two looks at whether all is done."""


class Front:
    """Takes requests until :meth:`stop`.

    :param observers: get every finished exchange.
    :param ledger: counts what becomes of the requests.
    """

    def __init__(
        self,
        reactor: Any,
        options: ShadowOptions,
        observers: Sequence[Callable[[Exchange], None]],
        ledger: Ledger,
    ) -> None:
        self.port = 0
        self._reactor = reactor
        self._options = options
        self._observers = observers
        self.sides = upstreams(reactor, options)
        self.breaker = Breaker(options.breaker, lambda: random.uniform(0.8, 1.2))
        self.proxy = Proxy(
            reactor,
            dict(self.sides),
            Lane(options.lane),
            self.breaker,
            self._finished,
            Sampling(options.share, options.control),
        )
        self.proxy.ledger = ledger
        self.factory = HttpFactory(self.proxy.answer, reactor)
        self._listening: Any = None

    async def check(self) -> None:
        """Look whether legacy is there.

        :raises ShadowError: it is not.
        """
        why = await self.sides[Side.LEGACY].check()
        if why:
            raise ShadowError(f"legacy {self._options.legacy.url}: {why}; start it first")

    def listen(self, inherited: int | None = None) -> None:
        """Take requests from now on; *inherited* is a socket that listens already.

        :raises ShadowError: the address is taken.
        """
        where = self._options
        try:
            if inherited is not None:
                self._listening = self._reactor.adoptStreamPort(
                    inherited, family(where.host), self.factory
                )
            else:
                self._listening = self._reactor.listenTCP(
                    where.port, self.factory, backlog=BACKLOG, interface=where.host
                )
        except CannotListenError as error:
            raise ShadowError(taken(where.host, where.port, error.socketError)) from None
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        """End in order: no new requests, answers, the candidate's copies."""
        patience = self._options.drain_seconds
        began = self._reactor.seconds()
        await maybeDeferred(self._listening.stopListening)
        await self._last_requests()
        await self.factory.drain(patience)
        await self._settled(began + patience - self._reactor.seconds())
        self.proxy.abandon()
        # What a side has already been sent keeps its own time limit: cutting it short would
        # count as a failure of that side.
        await self._settled(self._options.answer_seconds + self._options.connect_seconds)
        self.close()
        await self._settled(1.0)

    def close(self) -> None:
        """Let go of the connections to both sides."""
        for side in self.sides.values():
            side.close()

    def stop_mirroring(self) -> None:
        """Mirror no more; clients are answered as before."""
        self.proxy.closed = Reason.SWITCHED_OFF

    def counted(self) -> Ledger:
        """Return the ledger, up to date."""
        self.proxy.ledger.malformed = self.factory.malformed
        return self.proxy.ledger

    async def _last_requests(self) -> None:
        """Let open connections bring what is on its way; each ends with its next answer.

        Without that, a client whose connection was just accepted would find it closed.
        """
        self.factory.draining = True
        until = self._reactor.seconds() + self._options.grace_seconds
        while self.factory.connections and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)

    async def _settled(self, seconds: float) -> None:
        """Wait until every request has its place in the ledger, for *seconds* at most."""
        deadline = self._reactor.seconds() + seconds
        while not self.proxy.is_settled and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, LOOK)

    def _finished(self, exchange: Exchange) -> None:
        for observe in self._observers:
            observe(exchange)


def upstreams(reactor: Any, options: ShadowOptions) -> dict[Side, Upstream]:
    """Return both sides; what the candidate may take up is bounded more narrowly.

    :raises ShadowError: a URL is wrong.
    """
    legacy = UpstreamLimits(answer=options.answer_seconds, connect=options.connect_seconds)
    limits = {
        Side.LEGACY: legacy,
        Side.CANDIDATE: replace(
            legacy, connections=options.lane.in_flight, longest=CANDIDATE_LONGEST
        ),
    }
    addresses = {side: address(options.side(side).url) for side in Side}
    return {side: Upstream(reactor, *addresses[side], limits[side]) for side in Side}
