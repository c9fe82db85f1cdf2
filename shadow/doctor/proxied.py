"""The proxy itself, between any two servers, without queues and without a run."""

from typing import Any, cast

from twisted.internet.defer import maybeDeferred

from pyingest.http import HttpFactory, Timeouts
from shadow.breaker import Breaker, BreakerLimits
from shadow.dualrun import DualRun
from shadow.exchange import Exchange, Side
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy, Server
from shadow.upstream import Upstream, UpstreamLimits


class Proxied:
    """A proxy that listens on loopback; what it did is in :attr:`exchanges`."""

    def __init__(
        self,
        reactor: Any,
        legacy: int,
        candidate: int,
        limits: UpstreamLimits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        ports = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
        self._sides = {
            side: Upstream(reactor, "127.0.0.1", port, limits) for side, port in ports.items()
        }
        breaker = Breaker(BreakerLimits(failures=1 << 30), lambda: 1.0)
        lane: Lane[DualRun] = Lane(LaneLimits())
        servers = cast(dict[Side, Server], dict(self._sides))
        self.proxy = Proxy(reactor, servers, lane, breaker, self.exchanges.append)
        self._factory = HttpFactory(self.proxy.answer, reactor, timeouts=timeouts)
        self._listening = reactor.listenTCP(0, self._factory, interface="127.0.0.1")
        self.port: int = self._listening.getHost().port

    async def stop(self) -> None:
        """End every connection and stop listening."""
        await maybeDeferred(self._listening.stopListening)
        await self._factory.drain(1.0)
        for side in self._sides.values():
            side.close()
