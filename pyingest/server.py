"""The service on the network: HTTP in, a queue behind, an orderly end."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater

from pyingest.http import Handler, HttpFactory, QuickHandler, Timeouts
from pyingest.ingest import Decision, ingest
from pyingest.message import Request
from pyingest.queues.interface import Queue
from pyingest.quick import Quick
from pyingest.routing import Routes
from pyingest.serving.admission import Admission, LimitedFactory
from pyingest.serving.probes import Probes
from pyingest.serving.service import Parts, Service
from pyingest.sinks import sink_for
from pyingest.wire.profile import MOCHIWEB, Profile
from pyingest.wire.requestreader import Limits

LOOK = 0.02
"""Seconds between two looks at whether a connection is still open."""


class ListenError(Exception):
    """The address cannot be listened on. The text says which, why, and what to do."""


class Closable(Protocol):
    """Something that must be closed after the last request."""

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server ends, in seconds."""

    notice: float = 0.0
    """For a load balancer to see that it is not ready any more, while it still accepts."""
    grace: float = 0.5
    """For connections that are open to bring a request that is on its way."""
    drain: float = 10.0
    """For requests that are under way."""


@dataclass(frozen=True, slots=True)
class Front:
    """Where and how clients come in."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free one; :attr:`Server.port` tells which."""
    backlog: int = 1024
    """Connections that the system holds until they are accepted."""
    inherited: int | None = None
    """A descriptor of a socket that listens already, instead of all that."""
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)


class Server:
    """A service that listens; :func:`listen` or :func:`start` makes it."""

    def __init__(
        self,
        reactor: Any,
        listening: IListeningPort,
        factory: HttpFactory,
        behind: Closable,
        ending: Ending,
    ) -> None:
        self._reactor = reactor
        self._listening = listening
        self.factory = factory
        self._behind = behind
        self._ending = ending
        self.probes: Probes | None = None
        """Told when the end begins."""
        self.port: int = cast(IPv4Address, listening.getHost()).port
        """The port that is listened on."""

    async def stop(self) -> int:
        """Accept no more, answer what came, close the queue.

        Returns how many connections had to be cut because the time was over.
        """
        if self.probes is not None:
            self.probes.draining = True
        if self._ending.notice:
            await deferLater(self._reactor, self._ending.notice)
        await maybeDeferred(self._listening.stopListening)
        await self._last_requests()
        cut = await self.factory.drain(self._ending.drain)
        await self._behind.close()
        return cut

    async def _last_requests(self) -> None:
        """Let open connections bring what is on its way; each ends with its next answer.

        Without that, a client whose connection was just accepted would find it closed.
        """
        self.factory.draining = True
        self.factory.quick = None  # it keeps connections
        until = self._reactor.seconds() + self._ending.grace
        while self.factory.connections and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)


def listen(
    reactor: Any,
    front: Front,
    handler: Handler,
    behind: Closable,
    ending: Ending,
    admission: Admission | None = None,
    quick: QuickHandler | None = None,
    refusal: Callable[[int, str], bytes] | None = None,
) -> Server:
    """Listen, and answer from now on; the server closes *behind* when it stops.

    :param refusal: status and reason to the answer for bytes that never reach *handler*.
    :raises ListenError: the address is taken, or not this machine's.
    """
    let_in = admission or Admission()
    factory = LimitedFactory(handler, reactor, front.limits, front.timeouts, let_in)
    factory.quick = quick
    factory.refusal = refusal or factory.refusal
    if front.inherited is not None:
        listening = reactor.adoptStreamPort(front.inherited, family(front.host), factory)
        return Server(reactor, listening, factory, behind, ending)
    try:
        listening = reactor.listenTCP(front.port, factory, front.backlog, front.host)
    except CannotListenError as error:
        raise ListenError(taken(front.host, front.port, error.socketError)) from None
    return Server(reactor, listening, factory, behind, ending)


def family(host: str) -> socket.AddressFamily:
    """Return the family of sockets for *host*, an address or a name."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def taken(host: str, port: int, why: object) -> str:
    """Return what to tell about an address that cannot be listened on."""
    return (
        f"cannot listen on {host}:{port}: {why}; "
        "stop what uses the port, or choose another one (0 takes any that is free)"
    )


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a plain service of the classic contract runs."""

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


async def start(reactor: Any, options: ServerOptions, queue: Queue) -> Server:
    """Serve the classic contract on *queue*, with nothing around it; the server closes it.

    :raises ListenError: the address is taken, or not this machine's.
    """

    def contract(request: Request, peer: str, now: float) -> Decision:
        return ingest(request, peer, now, options.profile, options.routes)

    probes = Probes(lambda: "")
    parts = Parts(contract, queue.publish, options.now, reactor.seconds, probes=probes)
    front = Front(
        options.host,
        options.port,
        options.backlog,
        limits=options.limits,
        timeouts=options.timeouts,
    )
    ending = Ending(drain=options.drain)
    sink = sink_for(reactor, queue)
    quick = Quick(options.profile, options.routes, options.limits, options.now, sink)
    handler = Service(parts).answer
    server = listen(reactor, front, handler, queue, ending, quick=quick.answer)
    server.probes = probes
    return server
