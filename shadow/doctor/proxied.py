"""The proxy itself, between any two servers, without queues and without a run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater

from shadow.breaker import Breaker, BreakerLimits
from shadow.dualrun import DualRun
from shadow.exchange import Exchange, Side
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy
from shadow.relaying.door import Door, DoorTimes
from shadow.relaying.framing import FramingLimits
from shadow.relaying.mirror import Mirror
from shadow.relaying.pool import Pool, PoolLimits
from shadow.routing import MIRRORED, Route, Seen


@dataclass(frozen=True, slots=True)
class ProxiedLimits:
    """Bounds of a proxy under test; as for a dual run, if nothing else is said."""

    pool: PoolLimits | None = None
    framing: FramingLimits | None = None
    times: DoorTimes | None = None
    clients: int = 20_000
    """Connections at a time."""


class MirrorAll:
    """Legacy owns every request, and the candidate gets a copy of each."""

    def route(self, request: Seen) -> Route:
        """Return the one way there is."""
        return MIRRORED


class Proxied:
    """A proxy that listens on loopback; *take* gets each finished exchange."""

    def __init__(
        self,
        reactor: Any,
        legacy: int,
        candidate: int,
        take: Callable[[Exchange], None],
        limits: ProxiedLimits | None = None,
    ) -> None:
        limits = limits or ProxiedLimits()
        ports = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
        self._reactor = reactor
        self._pools = {
            side: Pool(reactor, "127.0.0.1", port, limits.pool) for side, port in ports.items()
        }
        breaker = Breaker(BreakerLimits(failures=1 << 30), lambda: 1.0)
        lane: Lane[DualRun] = Lane(LaneLimits())
        mirror = Mirror(reactor, self._pools[Side.CANDIDATE], lane, breaker)
        owners = {Side.LEGACY: self._pools[Side.LEGACY]}
        self.proxy = Proxy(reactor, owners, {Side.CANDIDATE: mirror}, MirrorAll(), [take])
        self.door = Door(
            self.proxy.ask,
            self.proxy.refused,
            reactor,
            limits.framing,
            limits.times,
            limits.clients,
        )
        self._listening = reactor.listenTCP(0, self.door, interface="127.0.0.1")
        self.port: int = self._listening.getHost().port

    async def settle(self, seconds: float) -> bool:
        """Return whether every request came to its end within *seconds*."""
        deadline = self._reactor.seconds() + seconds
        while not self.proxy.is_settled and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, 0.001)
        return self.proxy.is_settled

    async def stop(self) -> None:
        """End every connection and stop listening."""
        await maybeDeferred(self._listening.stopListening)
        await self.door.drain(1.0)
        for pool in self._pools.values():
            pool.close()
        await deferLater(self._reactor, 0)
