"""Where clients come in: what their connections share, limits, and an orderly end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from shadow.relaying.framing import FramingLimits
from shadow.relaying.raw import RawRequest
from shadow.relaying.visitor import Visitor

Ask = Callable[[RawRequest, Visitor, bool], None]
"""Takes a request of a client, and whether that has had its ``100 Continue``."""


MOST = 20_000
"""Connections of clients at a time."""


def places(files: int, owners: int, copies: int, most: int = MOST) -> int:
    """Return how many clients there is room for with so many *files* for connections.

    Each client may need a connection to the owner of its request, too: without one it would hear
    502. *owners* and *copies* are how many connections there may be to those.
    """
    rest = files - copies
    return max(1, min(most, max(rest - owners, rest // 2)))


@dataclass(frozen=True, slots=True)
class DoorTimes:
    """Time limits of a client's connection, in whole seconds; they are kept to within a second."""

    idle: int = 75
    """Without a byte in either direction while nothing is being answered."""
    head: int = 60
    """From the first byte of a head to its last."""
    request: int = 300
    """From the first byte of a request to its last, while it is kept here; a large one that is
    passed on as it comes has only the limit of ``idle``."""
    linger: int = 2
    """For the client to read a refusal before its connection is cut."""


class Door(Factory):
    """Makes the clients' connections, and sweeps the idle ones once a second."""

    noisy = False

    def __init__(
        self,
        ask: Ask,
        refused: Callable[[], None],
        clock: Any,
        limits: FramingLimits | None = None,
        times: DoorTimes | None = None,
        most: int = MOST,
    ) -> None:
        self.ask = ask
        self.refused = refused
        """Called for each request that is none."""
        self.limits = limits or FramingLimits()
        self.times = times or DoorTimes()
        self.most = most
        """Connections at a time; who comes then is turned away."""
        self.connections: set[Visitor] = set()
        self.held = 0
        """Bytes of requests that are not complete, or wait for their answer with a body that
        came in several pieces."""
        self.timed_out = 0
        """Requests that were given up because the rest of them did not come."""
        self.turned_away = 0
        """Connections that were cut because there were too many."""
        self.draining = False
        self.tick = 0
        self._clock = clock
        self._sweeper = LoopingCall(self.sweep)
        self._sweeper.clock = clock
        self._listening = False
        self._emptied: Deferred[None] | None = None

    def startFactory(self) -> None:
        """Begin to sweep."""
        self._listening = True
        self._sweeper.start(1, now=False)

    def stopFactory(self) -> None:
        """Sweep until the last connection is gone."""
        self._listening = False
        self._settle()

    def buildProtocol(self, addr: IAddress | None) -> Visitor | None:
        """Return the protocol for one connection, if there may be one more."""
        if len(self.connections) >= self.most:
            self.turned_away += 1
            return None
        return Visitor(self)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be kept: bodies are passed on as they come then."""
        return self.held > self.limits.together

    def sweep(self) -> None:
        """Count a second, and end connections whose time is over."""
        self.tick += 1
        for connection in list(self.connections):
            connection.sweep(self.tick)

    async def drain(self, seconds: float) -> int:
        """Let what came be answered, then end every connection.

        Returns how many connections had to be cut because *seconds* were over. Stop listening
        before; requests that come on open connections meanwhile are still answered.
        """
        self.draining = True
        for connection in list(self.connections):
            connection.finish()
        if self.connections:
            self._emptied = Deferred()
            deadline = self._clock.callLater(seconds, self._emptied.callback, None)
            await self._emptied
            if deadline.active():
                deadline.cancel()
        remaining = list(self.connections)
        for connection in remaining:
            connection.abort()
        return len(remaining)

    # Called by connections.

    def entered(self, visitor: Visitor) -> None:
        """Note a new connection."""
        self.connections.add(visitor)

    def left(self, visitor: Visitor) -> None:
        """Note that a connection is gone."""
        self.connections.discard(visitor)
        self._settle()

    def _settle(self) -> None:
        if self.connections:
            return
        if self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)
        if not self._listening and self._sweeper.running:
            self._sweeper.stop()
