"""HTTP/1.1 server side as a Twisted protocol, with no knowledge of what is served.

A handler gets each request and the peer's address, and gives the complete answer as bytes.
Answers leave in the order of the requests, however the handlers finish. The connection itself
(keep-alive, ``Connection`` header, time limits, back-pressure) is the protocol's business alone.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyingest.message import Request, Response
from pyingest.wire.requestreader import Arrived, Limits, Malformed, Received, RequestReader

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers."""

    data: bytes
    """The complete response: head, and body in its framing."""
    close: bool = False
    """Whether the connection must end after this answer, whatever the client asked."""


Handler = Callable[[Request, str], Coroutine[Any, Any, Reply]]
"""Answers one request of the peer whose address (without port) is given."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits of a connection, in whole seconds; they are kept to within a second."""

    idle: int = 75
    """Without a byte in either direction while nothing is being answered."""
    request: int = 300
    """From the first byte of a request to its last."""
    linger: int = 2
    """For the client to read a refusal before its connection is cut."""


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PIPELINED = 64
"""Requests of one connection that are answered at the same time; others wait unread."""


def announced(data: bytes, option: bytes) -> bytes:
    """Return the response *data* with *option* as its only ``Connection`` header."""
    head, end, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: " + option]) + end + body


def plain_response(status: int, reason: str) -> bytes:
    """Return an answer without a body, for requests that never reached a handler."""
    return Response(status, reason.encode("ascii"), ((b"Content-Length", b"0"),)).encode()


class _Slot:
    """The place of one answer in the order of answers."""

    __slots__ = ("close", "data", "linger", "old")

    def __init__(self, data: bytes | None = None, *, close: bool = False, old: bool = False):
        self.data = data
        self.close = close
        self.old = old  # HTTP/1.0: staying open must be said
        self.linger = False

    def encode(self) -> bytes:
        assert self.data is not None
        if self.close:
            return announced(self.data, b"close")
        return announced(self.data, b"keep-alive") if self.old else self.data


@implementer(IHalfCloseableProtocol, IPushProducer)
class HttpProtocol(Protocol):
    """One client's connection."""

    def __init__(self, factory: "HttpFactory") -> None:
        self.http = factory
        self._reader = RequestReader(factory.limits)
        self._waiting: deque[Received] = deque()
        self._slots: deque[_Slot] = deque()
        self._peer = ""
        self._wire: Connection
        self._active = self._begun = factory.tick
        self._pumping = self._write_blocked = self._paused = False
        self._read_closed = self._ended = self._lingering = False

    # Called by the transport.

    def connectionMade(self) -> None:
        """Start to read."""
        self._wire = cast("Connection", self.transport)
        self._peer = getattr(self._wire.getPeer(), "host", "")
        self._is_tcp = ITCPTransport.providedBy(self._wire)
        if self._is_tcp:
            self._wire.setTcpNoDelay(True)
        self._wire.registerProducer(self, True)
        self.http.connections.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; start what they complete."""
        if self._ended:
            return
        self._active = self.http.tick
        if self._reader.between:
            self._begun = self._active
        self._waiting.extend(self._reader.feed(data))
        self._pump()

    def readConnectionLost(self) -> None:
        """Note that the client sends no more; it still gets the answers due to it."""
        self._read_closed = True
        if self._lingering:
            self._wire.loseConnection()
        self._pump()

    def writeConnectionLost(self) -> None:
        """Give up: nobody hears an answer any more."""
        if not self._lingering:
            self._end()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        """Forget the connection; handlers at work finish, their answers are dropped."""
        self._ended = True
        self._waiting.clear()
        self._slots.clear()
        self.http.forget(self)

    def pauseProducing(self) -> None:
        """Read no further: the client does not fetch its answers."""
        self._write_blocked = True
        self._steer_reading()

    def resumeProducing(self) -> None:
        """Read on."""
        self._write_blocked = False
        self._pump()

    def stopProducing(self) -> None:
        """Nothing to do: the connection is going away."""

    # Called by the factory.

    def sweep(self, tick: int) -> None:
        """End the connection if one of its time limits is over at *tick*."""
        times = self.http.timeouts
        quiet = tick - self._active
        if self._lingering:
            expired = quiet >= times.linger
        elif self._slots and not self._write_blocked:
            expired = False
        elif self._reader.between or self._write_blocked:
            expired = quiet >= times.idle
        else:
            expired = quiet >= times.idle or tick - self._begun >= times.request
        if expired:
            self.abort()

    def finish(self) -> None:
        """End the connection as soon as the requests that came are answered."""
        if not self._slots and not self._waiting:
            self._end()

    def abort(self) -> None:
        """End the connection now."""
        self._ended = True
        self._wire.abortConnection()

    # From requests to answers.

    def _pump(self) -> None:
        """Start what may start, send what may be sent; once however deep it is called."""
        if self._pumping or self._ended:
            return
        self._pumping = True
        while self._admit() | self._flush():
            pass
        self._pumping = False
        if self._read_closed and not self._slots:
            self._end()
        self._steer_reading()

    def _admit(self) -> bool:
        """Start waiting requests while there is room; say whether one was started."""
        started = False
        while self._waiting and len(self._slots) < PIPELINED and not self._write_blocked:
            self._start(self._waiting.popleft())
            started = True
        return started

    def _start(self, received: Received) -> None:
        if isinstance(received, Arrived):
            self._handle(received)
        elif isinstance(received, Malformed):
            self.http.malformed += 1
            slot = _Slot(plain_response(received.status, received.reason), close=True)
            slot.linger = True
            self._slots.append(slot)
        else:
            self._slots.append(_Slot(CONTINUE))

    def _handle(self, arrived: Arrived) -> None:
        request = arrived.request
        slot = _Slot(close=not arrived.keep_alive, old=request.version == b"1.0")
        self._slots.append(slot)
        self.http.requests += 1
        self.http.in_flight += 1
        answer = Deferred.fromCoroutine(self.http.handler(request, self._peer))
        answer.addErrback(self.http.failed)
        answer.addCallback(self._answered, slot)

    def _answered(self, reply: Reply, slot: _Slot) -> None:
        self.http.in_flight -= 1
        slot.data = reply.data
        slot.close = slot.close or reply.close
        self._pump()

    def _flush(self) -> bool:
        """Send the answers whose turn it is; say whether there was one."""
        slots = self._slots
        chunks: list[bytes] = []
        last = None
        while slots and slots[0].data is not None and not (last and last.close):
            last = slots.popleft()
            if self.http.draining and not slots and not self._waiting and last.data != CONTINUE:
                last.close = True
            chunks.append(last.encode())
        if last is None:
            return False
        self._active = self.http.tick
        self._write(chunks)
        if last.close:
            self._end(linger=last.linger)
        return True

    def _write(self, chunks: list[bytes]) -> None:
        self._wire.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def _steer_reading(self) -> None:
        pause = self._write_blocked or bool(self._waiting)
        if pause == self._paused or self._ended:
            return
        self._paused = pause
        if pause:
            self._wire.pauseProducing()
        else:
            self._wire.resumeProducing()

    def _end(self, linger: bool = False) -> None:
        """Close once everything is written.

        With *linger* only our half: closing a socket that holds unread bytes resets it, and the
        client might lose the refusal that was just sent.
        """
        if self._ended:
            return
        self._ended = True
        self._waiting.clear()
        self._slots.clear()
        self._wire.unregisterProducer()
        if linger and not self._read_closed and self._is_tcp:
            self._lingering = True
            self._wire.resumeProducing()
            self._wire.loseWriteConnection()
        else:
            self._wire.loseConnection()


class HttpFactory(Factory):
    """Makes connections; keeps what they share, and sweeps the idle ones once a second."""

    noisy = False
    _log = Logger()

    def __init__(
        self,
        handler: Handler,
        clock: IReactorTime,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.timeouts = timeouts or Timeouts()
        self.connections: set[HttpProtocol] = set()
        self.requests = 0
        """Whole requests that came, malformed ones not among them."""
        self.malformed = 0
        """Requests refused without the handler's knowledge."""
        self.in_flight = 0
        """Requests whose handler has not finished."""
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

    def buildProtocol(self, addr: IAddress | None) -> HttpProtocol:
        """Return the protocol for one connection."""
        return HttpProtocol(self)

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

    def forget(self, connection: HttpProtocol) -> None:
        """Note that *connection* is gone."""
        self.connections.discard(connection)
        self._settle()

    def failed(self, failure: Failure) -> Reply:
        """Answer for a handler that raised: 500, and the fault goes to the log."""
        self._log.failure("a request could not be answered", failure=failure)
        return Reply(plain_response(500, "Internal Server Error"), close=True)

    def _settle(self) -> None:
        if self.connections:
            return
        if self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)
        if not self._listening and self._sweeper.running:
            self._sweeper.stop()
