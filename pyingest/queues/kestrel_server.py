"""One server of a fleet as its clients see it: a few connections, in use, resting or probed."""

import enum
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pyingest.queues.kestrel_connection import FIRST_WAIT, LONGEST_WAIT, KestrelClientProtocol

PROBE_SECONDS = 1.0
"""How long a server may take to tell its version before it counts as away."""


class State(enum.Enum):
    """How a server is treated."""

    UP = enum.auto()
    """Its connections are used, and made again when they end."""
    RESTING = enum.auto()
    """It refused, hung or was not there: it is left alone for a while."""
    PROBED = enum.auto()
    """It is asked for its version; events are sent to it once it answers."""
    CLOSED = enum.auto()


class Link:
    """One connection to a server, or the place for one."""

    def __init__(self, server: "Server", endpoint: HostnameEndpoint) -> None:
        self.server = server
        self._endpoint = endpoint
        self._connecting: Deferred[Any] | None = None
        self.protocol: KestrelClientProtocol | None = None
        """The connection, as long as it lives."""
        self.answered = False
        """Whether the connection ever brought an answer."""

    @property
    def connecting(self) -> bool:
        """Whether a connection is being made."""
        return self._connecting is not None

    @property
    def waiting(self) -> int:
        """Questions without an answer."""
        return self.protocol.waiting if self.protocol else 0

    def connect(self) -> None:
        """Begin to connect, unless there is a connection or an attempt."""
        if self.protocol is None and self._connecting is None:
            self._connecting = self._endpoint.connect(Factory.forProtocol(KestrelClientProtocol))
            self._connecting.addCallbacks(self._made, self._failed)

    def drop(self) -> None:
        """End the connection, if there is one."""
        gone, self.protocol, self.answered = self.protocol, None, False
        if gone is not None:
            gone.abort()

    async def close(self) -> None:
        """End the connection or the attempt, and wait until it is gone."""
        if self._connecting is not None:
            self._connecting.cancel()
        gone, self.protocol = self.protocol, None
        if gone is not None and not gone.gone.called:
            gone.lost = True
            gone.transport.loseConnection()  # type: ignore[union-attr]  # TCP only
            await gone.gone

    def _made(self, protocol: KestrelClientProtocol) -> None:
        self._connecting = None
        self.protocol = protocol
        protocol.gone.addCallback(self._lost, protocol)
        self.server.arrived(self)

    def _failed(self, _: Failure) -> None:
        self._connecting = None
        self.server.departed(self, False)

    def _lost(self, _: None, protocol: KestrelClientProtocol) -> None:
        if self.protocol is protocol:
            self.protocol = None
            answered, self.answered = self.answered, False
            self.server.departed(self, answered)


class Server:
    """One server with its links.

    :param usable: told of each link that events may be sent over, and of each no longer so.
    """

    def __init__(
        self,
        reactor: Any,
        address: tuple[str, int],
        connections: int,
        patience: float,
        usable: Callable[[Link, bool], None],
    ) -> None:
        self._reactor = reactor
        self._usable = usable
        self._wait = FIRST_WAIT
        self._timer: Any = None
        endpoint = HostnameEndpoint(reactor, *address, timeout=patience)
        self.address = address
        self.links = [Link(self, endpoint) for _ in range(connections)]
        self.state = State.RESTING

    @property
    def arriving(self) -> bool:
        """Whether a link may become usable any moment."""
        return self.state is State.UP and any(link.connecting for link in self.links)

    def begin(self) -> None:
        """Take the server for well, and connect."""
        self.state = State.UP
        for link in self.links:
            link.connect()
        for link in self.links:
            if link.protocol is not None:
                self._usable(link, True)

    def rest(self) -> None:
        """Leave the server alone for a while: it refused, hung, or is not there."""
        if self.state in (State.RESTING, State.CLOSED):
            return
        self.state = State.RESTING
        self._timer = self._reactor.callLater(self._wait, self._probe)
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        # Last, as in `departed`: who waits goes on at once, and may close us.
        for link in self.links:
            self._usable(link, False)

    def arrived(self, link: Link) -> None:
        """Use a new connection, or probe over it."""
        if self.state is State.UP:
            self._usable(link, True)
        elif self.state is State.PROBED and link is self.links[0]:
            self._ask_version(link)

    def departed(self, link: Link, answered: bool) -> None:
        """Make a connection again that ended; one that never brought an answer, only later."""
        probing = self.state is State.PROBED and link is self.links[0]
        if self.state is State.UP and answered:
            link.connect()
        elif self.state is State.UP or probing:
            self.rest()
        # Last: who waits for a connection then sees whether one may come.
        self._usable(link, False)

    async def close(self) -> None:
        """End all connections."""
        self.state = State.CLOSED
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for link in self.links:
            await link.close()

    def _probe(self) -> None:
        self.state = State.PROBED
        first = self.links[0]
        if first.protocol is not None and first.protocol.stale:
            first.drop()
        if first.protocol is not None:
            self._ask_version(first)
        else:
            first.connect()

    def _ask_version(self, link: Link) -> None:
        protocol = link.protocol
        if protocol is None:
            return
        (answer,) = protocol.ask([b"version\r\n"], False)
        self._timer = self._reactor.callLater(PROBE_SECONDS, protocol.abort)
        answer.addCallbacks(self._answered, self._silent)

    def _answered(self, _: object) -> None:
        if self._timer.active():
            self._timer.cancel()
        if self.state is State.PROBED:
            self._wait = FIRST_WAIT
            self.begin()

    def _silent(self, _: Failure) -> None:
        if self._timer.active():
            self._timer.cancel()
        if self.state is State.PROBED:
            self.rest()
