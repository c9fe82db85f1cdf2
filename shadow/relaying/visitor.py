"""One client's connection: its requests one after the other, each answered by its owner's bytes.

A client that asks before it sends a body (``Expect: 100-continue``) is told to go on at the door,
because who owns a request may depend on its body. The header goes on with the request; the ``100``
of a side that answers it is left out then, since the client has had one. So everybody hears what
they would hear without us, once. Where the body is too large to be kept, the owner's own ``100`` is
what the client hears.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from pyingest.outlet import Outlet, outlet
from pyingest.turn import announced, plain_response
from shadow.relaying.framing import Begun, Refused, RequestFramer, Waiting, Whole
from shadow.relaying.onward import CONTINUE, Peer
from shadow.relaying.raw import RawRequest

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

    from shadow.relaying.door import Door
    from shadow.relaying.errand import Errand

_INTERIM = (b"HTTP/1.1 1", b"HTTP/1.0 1")
AHEAD = 64 * 1024
"""Bytes that are taken from a client whose request is being answered; then it has to wait."""


@implementer(IHalfCloseableProtocol)
class Visitor(Protocol):
    """A client's connection."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._framer = RequestFramer(door.limits)
        self._errand: Errand | None = None
        self._wire: Connection
        self._outlet: Outlet
        self._keeps = True
        self._headless = True
        self._told = False
        self._uploading = False
        self._paused = self._advancing = False
        self._read_closed = self._lingering = self._ended = self._gone = False
        self._unsent: list[Callable[[], None]] = []
        self._active = self._begun = door.tick
        self._counted = 0
        self._peer: Peer

    # Called by the transport.

    def connectionMade(self) -> None:
        """Start to read."""
        self._wire = cast("Connection", self.transport)
        self._peer = Peer(getattr(self._wire.getPeer(), "host", ""))
        self._wire.setTcpNoDelay(True)
        self._outlet = outlet(self._wire, self._drained)
        self._door.connections.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; start what they complete."""
        self._active = self._door.tick
        if self._errand is None and not self._ended and not self._outlet.full:
            framer = self._framer
            if framer.between:
                self._begun = self._active
            found = framer.feed(data)
            if found is not None:
                self._take(found)
            else:
                self._wait()
        elif self._uploading:
            self._upload(data)
        elif not self._ended:
            self._put_off(data)

    def readConnectionLost(self) -> None:
        """Note that the client sends no more; it still gets the answer due to it."""
        self._read_closed = True
        if self._lingering:
            self._wire.loseConnection()
        elif self._uploading:
            self.abort()
        elif self._errand is None and not self._outlet.full:
            self._end()

    def writeConnectionLost(self) -> None:
        """Give up: nobody hears an answer any more."""
        if not self._lingering:
            self._end()

    def connectionLost(self, reason: TwistedFailure = TwistedFailure(ConnectionDone())) -> None:  # noqa: B008
        """Forget the connection. What a side was asked already goes its way to the end."""
        self._ended = self._gone = True
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.client_left(self._uploading)
        self._is_out()
        self._count(0)
        self._door.forget(self)
        self._outlet.forget()

    # From requests to answers.

    def _take(self, found: Whole | Refused | Waiting) -> None:
        """Deal with what the framer found."""
        if type(found) is Whole:
            self._ask(found, True)
        elif isinstance(found, Begun):
            self._uploading = True
            self._count(0)
            self._ask(found, False)
        elif isinstance(found, Refused):
            self._refuse(found)
        else:
            self._told = True
            self._outlet.send(CONTINUE)

    def _wait(self) -> None:
        """Keep what is here of a request; if too much is kept for all clients, pass it on."""
        self._count(self._framer.held)
        if self._door.is_full:
            begun = self._framer.let_go()
            if begun is not None:
                self._take(begun)

    def _count(self, held: int) -> None:
        """Tell how much is kept for this client."""
        self._door.held += held - self._counted
        self._counted = held

    def _ask(self, found: Whole, whole: bool) -> None:
        """Hand a request over, whole or the beginning of a large one."""
        head = found.head
        self._keeps = head.keeps
        data, end = self._peer.forwarded(head, found.data)
        told, self._told = self._told, False
        self._door.ask(RawRequest(head, data, end, whole), self, told)

    def _upload(self, data: bytes) -> None:
        """Pass on more of a large request."""
        if self._ended:
            return
        taken = self._framer.rest(data)
        if isinstance(taken, Refused):
            self._refuse(taken)
            return
        last = self._framer.rest_ended
        self._uploading = not last
        if self._errand and not self._errand.more(data[:taken], last) and not last:
            self._steer(True)

    def _put_off(self, data: bytes) -> None:
        """Keep what a client sends before it has had its answer, or fetched it."""
        self._framer.put(data)
        if self._framer.held > AHEAD:
            self._steer(True)

    def _refuse(self, refused: Refused) -> None:
        self._door.refused()
        self._farewell(refused.status, refused.reason)

    def _farewell(self, status: int, reason: str) -> None:
        """Tell the client why, and end the connection; what is under way is forgotten."""
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.client_left(True)
            if errand.begun:
                self.abort()
                return
        data = plain_response(status, reason)
        self._outlet.send(data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self._end(linger=True)

    # Called by the errand.

    def begin(self, errand: "Errand") -> None:
        """Note what is under way."""
        self._errand = errand
        self._headless = True

    def pass_on(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self._active = self._door.tick
        if self._headless and not data.startswith(_INTERIM):
            self._headless = False
            if self._door.draining:
                # A client that did not know would send its next request to nobody.
                data = announced(data, b"close")
        if not self._ended:
            self._outlet.post(data)

    def wants_more(self) -> None:
        """Read on: the side takes more of the request."""
        self._steer(False)

    def answered(self, keeps: bool, early: bool) -> None:
        """Take it that the answer has been passed on; turn to the next request."""
        self._errand = None
        self._active = self._begun = self._door.tick
        if self._counted:
            self._count(0)
        if self._ended:
            return
        if early or not keeps or not self._keeps or self._door.draining:
            self._end(linger=early)
        elif self._paused or self._read_closed or not self._framer.between:
            self._advance()

    @property
    def is_out(self) -> bool:
        """Whether all that was passed on has left us, or nobody wants it any more.

        What is posted counts as left: it leaves before the turn ends, unless it does not fit.
        """
        return not self._outlet.full or self._gone

    def when_out(self, then: Callable[[], None]) -> None:
        """Call *then* when all that was passed on has left us, or nobody wants it any more."""
        if self.is_out:
            then()
        else:
            self._unsent.append(then)

    def _advance(self) -> None:
        """Turn to what the client has sent already."""
        if self._advancing:
            return
        self._advancing = True
        while self._errand is None and not self._ended and not self._outlet.full:
            found = self._framer.following()
            if found is None:
                break
            self._take(found)
        self._advancing = False
        if self._ended or self._errand is not None:
            return
        if self._read_closed:
            self._end()
        elif not self._outlet.full:
            self._steer(False)

    def _drained(self) -> None:
        """Go on when the client has fetched what was sent to it."""
        full = self._outlet.full
        if self._errand is not None:
            self._errand.client_takes(not full)
        elif not full and not self._ended:
            self._advance()
        if not full:
            self._is_out()

    def _is_out(self) -> None:
        unsent, self._unsent = self._unsent, []
        for then in unsent:
            then()

    def _steer(self, pause: bool) -> None:
        if pause == self._paused or self._ended:
            return
        self._paused = pause
        if pause:
            self._wire.pauseProducing()
        else:
            self._wire.resumeProducing()

    # The end.

    def sweep(self, tick: int) -> None:
        """End the connection if one of its time limits is over at *tick*."""
        times = self._door.times
        quiet = tick - self._active
        if self._lingering:
            expired = quiet >= times.linger
        elif self._errand is not None and not self._uploading and not self._outlet.full:
            expired = False
        elif self._outlet.full or (self._framer.between and not self._uploading):
            expired = quiet >= times.idle
        else:
            limit = times.head if self._framer.reads_head else times.request
            expired = quiet >= times.idle or tick - self._begun >= limit
            if expired and not self._ended:
                self._door.timed_out += 1
                self._farewell(408, "Request Timeout")
                return
        if expired:
            self.abort()

    def finish(self) -> None:
        """End the connection as soon as the request that came is answered."""
        if self._errand is None and self._framer.between:
            self._end()

    def abort(self) -> None:
        """End the connection now."""
        self._ended = True
        self._wire.abortConnection()

    def _end(self, linger: bool = False) -> None:
        """Close once everything is written.

        With *linger* only our half: closing a socket that holds unread bytes resets it, and the
        client might lose the answer that was just sent.
        """
        if self._ended:
            return
        self._steer(False)
        self._ended = True
        self._outlet.release()
        if linger and not self._read_closed:
            self._lingering = True
            self._wire.loseWriteConnection()
        else:
            self._wire.loseConnection()
