"""Where clients come in: the proxy behind its door, with the ways to all sides behind it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater

from pyingest.server import family, taken
from pyingest.serving.filelimit import raise_file_limit
from shadow.breaker import Breaker
from shadow.exchange import Exchange, Reason, Side
from shadow.isolating.isolation import Isolation, breaker_limits
from shadow.lane import Lane
from shadow.ledger import Ledger
from shadow.options import ShadowError, ShadowOptions, address
from shadow.proxy import Proxy
from shadow.relaying.door import MOST, Door, DoorTimes, places
from shadow.relaying.framing import FramingLimits
from shadow.relaying.mirror import Mirror
from shadow.relaying.pool import Pool, PoolLimits, reachable
from shadow.relaying.settings import ClientTimes, RequestLimits
from shadow.routing import Router
from shadow.status import LaneStatus

KEPT = 64 * 1024
"""Bytes that are kept of an answer, of either side; more is no answer of an ingestion service."""
LOOK = 0.02
"""Seconds between two looks at whether all is done."""


class Front:
    """Takes requests until :meth:`stop`.

    :param router: says which side answers a request, and whether the other gets a copy.
    :param observers: get every finished exchange.
    :param ledger: counts what becomes of the requests.
    """

    def __init__(
        self,
        reactor: Any,
        options: ShadowOptions,
        isolation: Isolation,
        router: Router,
        observers: Sequence[Callable[[Exchange], None]],
        ledger: Ledger,
    ) -> None:
        self.port = 0
        self._reactor = reactor
        self._options = options
        limits = PoolLimits(
            answer=options.answer_seconds, connect=options.connect_seconds, kept=KEPT
        )
        owners, copies = instances(options)
        self.owners = {side: Pool(reactor, *address(url), limits) for side, url in owners.items()}
        few = replace(limits, connections=isolation.lane_limits.in_flight, aside=True)
        self._shown = {side: Pool(reactor, *address(url), few) for side, url in copies.items()}
        self.mirrors = {
            side: Mirror(
                reactor, pool, Lane(isolation.lane_limits), _breaker(side, isolation, options)
            )
            for side, pool in self._shown.items()
        }
        self.proxy = Proxy(reactor, self.owners, self.mirrors, router, observers)
        self.proxy.ledger = ledger
        self.door = Door(
            self.proxy.ask,
            self.proxy.refused,
            reactor,
            framing_limits(options.relaying.limits),
            door_times(options.relaying.times),
            self._places(),
        )
        self._listening: Any = None

    def _places(self) -> int:
        """Return how many clients there is room for, as open files go."""
        owners = sum(pool.limits.connections for pool in self.owners.values())
        copies = sum(pool.limits.connections for pool in self._shown.values())
        files = raise_file_limit(MOST + owners + copies)
        return places(files, owners, copies)

    async def check(self) -> None:
        """Look whether legacy is there.

        :raises ShadowError: it is not.
        """
        url = self._options.legacy.url
        why = await reachable(self._reactor, *address(url), self._options.connect_seconds)
        if why:
            raise ShadowError(f"legacy {url}: {why}; start it first")

    def listen(self, inherited: int | None = None) -> None:
        """Take requests from now on; *inherited* is a socket that listens already.

        :raises ShadowError: the address is taken.
        """
        where = self._options
        try:
            if inherited is not None:
                self._listening = self._reactor.adoptStreamPort(
                    inherited, family(where.host), self.door
                )
            else:
                self._listening = self._reactor.listenTCP(
                    where.port, self.door, backlog=where.backlog, interface=where.host
                )
        except CannotListenError as error:
            raise ShadowError(taken(where.host, where.port, error.socketError)) from None
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        """End in order: no new requests, answers, the copies."""
        patience = self._options.drain_seconds
        began = self._reactor.seconds()
        await maybeDeferred(self._listening.stopListening)
        await self._last_requests()
        await self.door.drain(patience)
        for mirror in self.mirrors.values():
            mirror.hurry()
        await self._settled(began + patience - self._reactor.seconds())
        self.proxy.abandon()
        # What a side has already been sent keeps its own time limit: cutting it short would
        # count as a failure of that side.
        await self._settled(self._options.answer_seconds + self._options.connect_seconds)
        self.close()
        await self._settled(1.0)

    def close(self) -> None:
        """Let go of the connections to all sides."""
        for pool in (*self.owners.values(), *self._shown.values()):
            pool.close()

    def stop_mirroring(self) -> None:
        """Mirror no more; clients are answered as before."""
        self.proxy.closed = Reason.SWITCHED_OFF

    def switched_off(self) -> None:
        """Give up the copies that wait: nobody wants them sent any more."""
        for mirror in self.mirrors.values():
            mirror.abandon(Reason.SWITCHED_OFF)

    @property
    def is_full(self) -> bool:
        """Whether a lane takes next to nothing more."""
        return any(mirror.lane.is_full for mirror in self.mirrors.values())

    @property
    def waiting(self) -> int:
        """Requests in the lanes."""
        return sum(len(mirror.lane) for mirror in self.mirrors.values())

    def lane(self) -> LaneStatus:
        """Return what is on the way to the sides that get copies."""
        found = LaneStatus()
        for mirror in self.mirrors.values():
            one = mirror.lane.status()
            for name in found.__struct_fields__:
                setattr(found, name, getattr(found, name) + getattr(one, name))
        return found

    def in_flight(self, side: Side) -> int:
        """Return how many requests a side has at this moment, as owner and with copies."""
        pools = (self.owners.get(side), self._shown.get(side))
        return sum(pool.in_flight for pool in pools if pool is not None)

    async def _last_requests(self) -> None:
        """Let open connections bring what is on its way; each ends with its next answer.

        Without that, a client whose connection was just accepted would find it closed.
        """
        self.door.draining = True
        until = self._reactor.seconds() + self._options.grace_seconds
        while self.door.connections and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)

    async def _settled(self, seconds: float) -> None:
        """Wait until every request has its place in the ledger, for *seconds* at most."""
        deadline = self._reactor.seconds() + seconds
        while not self.proxy.is_settled and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, LOOK)


def instances(options: ShadowOptions) -> tuple[dict[Side, str], dict[Side, str]]:
    """Return the URLs of those that answer clients, and of those that get copies, by side.

    The first write to the production queues, the others to quarantined ones.
    """
    owners = {Side.LEGACY: options.legacy.url, Side.CANDIDATE: options.candidate_live}
    copies = {Side.CANDIDATE: options.candidate.url, Side.LEGACY: options.legacy_shadow}
    return (
        {side: url for side, url in owners.items() if url},
        {side: url for side, url in copies.items() if url},
    )


def door_times(settings: ClientTimes) -> DoorTimes:
    """Return the time limits of the clients' connections."""
    return DoorTimes(**msgspec.structs.asdict(settings))


def framing_limits(settings: RequestLimits) -> FramingLimits:
    """Return how much a request may hold."""
    return FramingLimits(**msgspec.structs.asdict(settings))


def _breaker(side: Side, isolation: Isolation, options: ShadowOptions) -> Breaker:
    """Return what stands before the copies to *side*; the isolation watches the candidate's."""
    if side is Side.CANDIDATE:
        return isolation.breaker
    limits = breaker_limits(options.isolating.isolation.breaker)
    return Breaker(limits, lambda: random.uniform(0.8, 1.2))
