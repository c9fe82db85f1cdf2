"""An epoll reactor whose loop does less for each read: Twisted's own, all but one method.

Twisted puts a logging context around every event of every socket, so that log lines written
meanwhile can name the connection; nothing here writes such lines. What can be read is read
directly; every other event takes Twisted's way. Two private attributes of ``EPollReactor`` are
used, so :func:`install` refuses a Twisted that has them no more.
"""

import sys
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger

_PRIVATE = ("_poller", "_selectables", "_doReadOrWrite", "_disconnectSelectable")


class LeanReactor(EPollReactor):
    """Reads at once what can be read."""

    _log = Logger()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events for up to *timeout* seconds, and deal with them."""
        mine: Any = self
        try:
            ready = mine._poller.poll(-1 if timeout is None else timeout, len(mine._selectables))
        except InterruptedError:
            return
        selectables = mine._selectables
        for number, event in ready:
            selectable = selectables.get(number)
            if selectable is None:
                continue  # one that was dealt with before took it away
            if event == EPOLLIN:
                why = self._read(selectable)
                if why:
                    mine._disconnectSelectable(selectable, why, True)
            else:
                mine._doReadOrWrite(selectable, number, event)

    def _read(self, selectable: Any) -> Any:
        """Let *selectable* read; return why its connection is over, if it is."""
        try:
            return selectable.doRead()
        except BaseException:
            self._log.failure("a connection failed while it was read")
            return sys.exc_info()[1]

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
