"""Which connections are let in: so many in all, so many from one address."""

import time
from collections import Counter
from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from pyingest.connection import HttpProtocol
from pyingest.http import Handler, HttpFactory, Timeouts
from pyingest.message import Request
from pyingest.serving.refusals import unavailable
from pyingest.turn import announced
from pyingest.wire.requestreader import Limits

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

SPARE = 256
"""Connections beyond the limit that are told so; any more are closed without a word."""
LINGER = 2.0
"""Seconds that a client gets to read that it was turned away."""
HEAD = 8192
"""Bytes of a request that are looked at before it is turned away."""


class Admission:
    """Counts connections; shared by what lets them in and what turns them away.

    :param most: open connections; 0: any number.
    :param each: open connections from one address; 0: any number.
    """

    def __init__(self, most: int = 0, each: int = 0, retry_after: int = 5) -> None:
        self._most = most
        self._each = each
        self.retry_after = retry_after
        self.turned_away = 0
        """Connections that were told to come again, or closed."""
        self.telling = 0
        """Of these, how many are still open."""
        self.open: Counter[str] = Counter()
        """Connections let in, by address."""
        self._total = 0

    def admits(self, address: str) -> bool:
        """Return whether one more connection from *address* may come in."""
        if self._most and self._total >= self._most:
            return False
        return not self._each or self.open[address] < self._each

    def entered(self, address: str) -> None:
        """Note that a connection was let in."""
        self._total += 1
        self.open[address] += 1

    def left(self, address: str) -> None:
        """Note that a connection that was let in is gone."""
        self._total -= 1
        self.open[address] -= 1
        if not self.open[address]:
            del self.open[address]


class TurnedAway(Protocol):
    """A connection too many: its first request hears 503, so that the client keeps its data."""

    def __init__(self, admission: Admission, clock: IReactorTime) -> None:
        self._admission = admission
        self._clock = clock
        self._told = False

    def connectionMade(self) -> None:
        """Wait for the request, but not for long."""
        self._admission.telling += 1
        self._deadline = self._clock.callLater(LINGER, self._abort)

    def dataReceived(self, data: bytes) -> None:
        """Answer the first bytes; ignore all others."""
        if self._told or self.transport is None:
            return
        self._told = True
        response = unavailable(_glimpse(data[:HEAD]), time.time(), self._admission.retry_after)
        self.transport.write(announced(response.encode(), b"close"))
        if ITCPTransport.providedBy(self.transport):
            # Closing with unread bytes would reset the connection, and the answer with it.
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Forget it."""
        self._admission.telling -= 1
        if self._deadline.active():
            self._deadline.cancel()

    def _abort(self) -> None:
        cast("Connection", self.transport).abortConnection()


def _glimpse(data: bytes) -> Request:
    """Return what the first bytes of a request show of it."""
    lines = data.split(b"\r\n")
    words = lines[0].split(b" ")
    pairs = [line.partition(b":") for line in lines[1:]]
    headers = tuple((name, value.strip()) for name, colon, value in pairs if colon)
    return Request(words[0], words[1] if len(words) > 1 else b"/", headers)


class LimitedFactory(HttpFactory):
    """Makes connections while the admission has room."""

    def __init__(
        self,
        handler: Handler,
        clock: IReactorTime,
        limits: Limits | None,
        timeouts: Timeouts | None,
        admission: Admission,
    ) -> None:
        super().__init__(handler, clock, limits, timeouts)
        self.admission = admission
        self._time = clock
        self._addresses: dict[HttpProtocol, str] = {}

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:  # type: ignore[override]  # a connection may be refused
        """Return the protocol for one connection, or ``None`` to close it."""
        address = getattr(addr, "host", "")
        if self.admission.admits(address):
            protocol = super().buildProtocol(addr)
            self.admission.entered(address)
            self._addresses[protocol] = address
            return protocol
        self.admission.turned_away += 1
        if self.admission.telling >= SPARE:
            return None
        return TurnedAway(self.admission, self._time)

    def forget(self, connection: HttpProtocol) -> None:
        """Note that *connection* is gone."""
        address = self._addresses.pop(connection, None)
        if address is not None:
            self.admission.left(address)
        super().forget(connection)
