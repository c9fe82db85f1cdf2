"""The service on the network: HTTP in, a queue behind, an orderly end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from pyingest.http import HttpFactory, Reply, Timeouts
from pyingest.ingest import ingest
from pyingest.message import Request, Response
from pyingest.queues.interface import Outcome, Queue
from pyingest.quick import Quick
from pyingest.routing import Routes
from pyingest.sinks import sink_for
from pyingest.wire.profile import MOCHIWEB, Profile
from pyingest.wire.requestreader import Limits

HEALTHY = Reply(
    Response(
        200,
        headers=(
            (b"Content-Type", b"text/plain"),
            (b"Content-Length", b"2"),
            (b"Cache-Control", b"no-store"),
        ),
        body=b"ok",
    ).encode()
)


class ListenError(Exception):
    """The address cannot be listened on. The text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the service runs."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free port; :attr:`Server.port` tells which."""
    profile: Profile = MOCHIWEB
    routes: Routes = field(default_factory=Routes)
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    backlog: int = 1024
    """Connections that the system holds until they are accepted."""
    drain: float = 10.0
    """Seconds that requests under way get when the service stops."""
    now: Callable[[], float] = time.time
    """The time in epoch seconds, for the events' ``time``."""


class Server:
    """A service that listens; :func:`start` makes it."""

    def __init__(
        self, listening: IListeningPort, factory: HttpFactory, queue: Queue, drain: float
    ) -> None:
        self._listening = listening
        self._factory = factory
        self._queue = queue
        self._drain = drain
        self.port: int = cast(IPv4Address, listening.getHost()).port
        """The port that is listened on."""

    async def stop(self) -> int:
        """Accept no more, answer what came, close the queue.

        Returns how many connections had to be cut because the time was over.
        """
        await maybeDeferred(self._listening.stopListening)
        cut = await self._factory.drain(self._drain)
        await self._queue.close()
        return cut


class Service:
    """Answers requests; a ``1`` only after the queue confirmed."""

    def __init__(self, options: ServerOptions, queue: Queue) -> None:
        self._options = options
        self._queue = queue

    async def answer(self, request: Request, peer: str) -> Reply:
        """Return the reply to *request*."""
        if request.target == b"/health" and request.method == b"GET":
            return HEALTHY
        options = self._options
        decision = ingest(request, peer, options.now(), options.profile, options.routes)
        if not decision.events:
            return Reply(decision.stored.encode())
        outcomes = await self._queue.publish(decision.events)
        stored = len(outcomes) == len(decision.events) and all(
            outcome is Outcome.STORED for outcome in outcomes
        )
        return Reply((decision.stored if stored else decision.refused).encode())


async def start(reactor: Any, options: ServerOptions, queue: Queue) -> Server:
    """Listen, and answer from now on; the server closes *queue* when it stops.

    :raises ListenError: the address is taken, or not this machine's.
    """
    service = Service(options, queue)
    quick = Quick(
        options.profile, options.routes, options.limits, options.now, sink_for(reactor, queue)
    )
    factory = HttpFactory(
        service.answer, reactor, options.limits, options.timeouts, quick=quick.answer
    )
    try:
        listening = reactor.listenTCP(options.port, factory, options.backlog, options.host)
    except CannotListenError as error:
        raise ListenError(
            f"cannot listen on {options.host}:{options.port}: {error.socketError}; "
            "stop what uses the port, or choose another one (0 takes any that is free)"
        ) from None
    return Server(listening, factory, queue, options.drain)
