"""Where a server's clients come in: who is there, time limits to the second, an orderly end."""

from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall


class Guest(Protocol):
    """A connection, as far as its end goes."""

    def sweep(self, tick: int) -> None:
        """End the connection if one of its time limits is over at *tick*."""

    def finish(self) -> None:
        """End the connection as soon as what came is answered."""

    def abort(self) -> None:
        """End the connection now."""


G = TypeVar("G", bound=Guest)


class Reception(Factory, Generic[G]):
    """Holds the connections that are open, and sweeps them once a second.

    A connection adds itself to :attr:`connections`, and says :meth:`forget` when it is gone.
    """

    noisy = False

    def __init__(self, clock: Any) -> None:
        self.connections: set[G] = set()
        self.draining = False
        """Whether connections end with their next answer."""
        self.tick = 0
        """Seconds counted so far; a plain attribute, since connections read it with each read."""
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

    def forget(self, connection: G) -> None:
        """Note that *connection* is gone."""
        self.connections.discard(connection)
        self._settle()

    def _settle(self) -> None:
        if self.connections:
            return
        if self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)
        if not self._listening and self._sweeper.running:
            self._sweeper.stop()
