"""An epoll reactor that reads connections together by itself: Twisted's own, all but one method.

It spares clients the second poll of a :class:`pyingest.crowd.Crowd`. Three private attributes of
``EPollReactor`` are used, so :func:`install` refuses a Twisted that has them no more.
"""

from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.internet.tcp import Client, Connection, Server

from pyingest.crowd import TOGETHER, Gathering, Ready, gather

_PRIVATE = ("_poller", "_selectables", "_doReadOrWrite")
_PLAIN = (Server, Client)
_JOINED = "joined the gathering"
"""What a connection that is read here is marked with; others are read as Twisted does it."""


class _Marking(Gathering):
    def join(self, connection: Connection) -> None:
        """Read *connection* with others from now on."""
        vars(connection)[_JOINED] = True


class LeanReactor(EPollReactor):
    """Reads at once what can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.gathering = _Marking()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events for up to *timeout* seconds, and deal with them."""
        mine: Any = self
        try:
            events = mine._poller.poll(-1 if timeout is None else timeout, TOGETHER)
        except InterruptedError:
            return
        ready: list[Ready] = []
        others: list[tuple[Any, int, int]] = []
        selectables = mine._selectables
        for number, event in events:
            selectable = selectables.get(number)
            if event == EPOLLIN and type(selectable) in _PLAIN and _JOINED in vars(selectable):
                ready.append((selectable.socket.recv, selectable))
            else:
                others.append((selectable, number, event))
        if ready:
            self.gathering.read(ready)
        for selectable, number, event in others:
            if selectable is not None and selectables.get(number) is selectable:
                mine._doReadOrWrite(selectable, number, event)

    doIteration = doPoll


def install() -> None:
    """Make it the reactor of this process; before anything imports ``twisted.internet.reactor``.

    :raises RuntimeError: this Twisted is not one that the loop was made for.
    """
    reactor = LeanReactor()
    missing = [name for name in _PRIVATE if not hasattr(reactor, name)]
    if missing:
        raise RuntimeError(f"the lean loop does not fit this Twisted: no {', '.join(missing)}")
    installReactor(reactor)
    gather(reactor, reactor.gathering)
