"""One HTTP/1.1 connection of the server side: framing, order, time limits, back-pressure."""

from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from pyingest.later import Later, More
from pyingest.outlet import outlet
from pyingest.turn import CONTINUE, Turn, refusing
from pyingest.wire.requestreader import (
    REQUEST_TIMEOUT,
    Arrived,
    Malformed,
    Received,
    RequestReader,
)

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

    from pyingest.http import HttpFactory, Reply

PIPELINED = 64
"""Requests of one connection that are answered at the same time; others wait unread."""


@implementer(IHalfCloseableProtocol)
class HttpProtocol(Protocol):
    """One client's connection."""

    def __init__(self, factory: "HttpFactory") -> None:
        self.http = factory
        self._reader = RequestReader(factory.limits)
        self._waiting: deque[Received] = deque()
        self._turns: deque[Turn] = deque()
        self._peer = ""
        self._wire: Connection
        self._held = b""  # the beginning of a request that the quick handler may want
        self._active = self._begun = factory.tick
        self._calm = True  # between requests, nothing due, nothing in the way
        self._pumping = self._paused = False
        self._read_closed = self._ended = self._lingering = False

    @property
    def is_held_up(self) -> bool:
        """Whether the client fetches its answers too slowly for more of them."""
        return self._outlet.full

    # Called by the transport.

    def connectionMade(self) -> None:
        """Start to read."""
        self._wire = cast("Connection", self.transport)
        self._peer = getattr(self._wire.getPeer(), "host", "")
        self._is_tcp = ITCPTransport.providedBy(self._wire)
        if self._is_tcp:
            self._wire.setTcpNoDelay(True)
        self._outlet = outlet(self._wire, self._pump)
        self.http.connections.add(self)

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; start what they complete."""
        if self._calm and self.http.quick is not None:
            self._active = self.http.tick
            try:
                answer = self.http.quick(self._held + data if self._held else data, self._peer)
            except Exception:
                self._turns.append(Turn(self.http.failed(Failure()).data, close=True))
                self._pump()
                return
            if isinstance(answer, bytes):
                self.http.requests += 1
                self._held = b""
                self._outlet.post(answer)
                return
            if answer is not None and self._wait_for(answer, data):
                return
        if not self._ended:
            self._active = self.http.tick
            self._read(data)

    def readConnectionLost(self) -> None:
        """Note that the client sends no more; it still gets the answers due to it."""
        self._read_closed = True
        if self._lingering:
            self._wire.loseConnection()
        if self._held:
            self._read(b"")
        self._pump()

    def writeConnectionLost(self) -> None:
        """Give up: nobody hears an answer any more."""
        if not self._lingering:
            self._end()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        """Forget the connection; handlers at work finish, their answers are dropped."""
        self._ended = True
        self._calm = False
        self._waiting.clear()
        self._turns.clear()
        self._reader.close()
        self.http.forget(self)
        self._outlet.forget()

    # Called by the factory.

    def sweep(self, tick: int) -> None:
        """End the connection if one of its time limits is over at *tick*."""
        times = self.http.timeouts
        quiet = tick - self._active
        if self._lingering:
            expired = quiet >= times.linger
        elif self._turns and not self._outlet.full:
            expired = False
        elif self._is_between or self._outlet.full:
            expired = quiet >= times.idle
        else:
            expired = quiet >= times.idle or tick - self._begun >= times.request
            if expired and not self._ended:
                self._time_out()
                return
        if expired:
            self.abort()

    def finish(self) -> None:
        """End the connection as soon as the requests that came are answered."""
        if not self._turns and not self._waiting:
            self._end()

    def abort(self) -> None:
        """End the connection now."""
        self._ended = True
        self._calm = False
        self._wire.abortConnection()

    # From requests to answers.

    @property
    def _is_between(self) -> bool:
        """Whether no request is partly read."""
        return self._reader.between and not self._held

    def _read(self, data: bytes) -> None:
        """Let the reader cut requests from *data*, and start them."""
        was_between = self._is_between
        held, self._held = self._held, b""
        received = self._reader.feed(held + data)
        if was_between or received:
            self._begun = self._active
        self._waiting.extend(received)
        self._pump()

    def _pump(self) -> None:
        """Start what may start, send what may be sent; once however deep it is called."""
        if self._pumping or self._ended:
            return
        self._pumping = True
        while self._admit() | self._flush():
            pass
        self._pumping = False
        if self._read_closed and not self._turns:
            self._end()
        self._steer_reading()
        idle = not self._turns and not self._paused and not self._ended
        self._calm = idle and self._reader.between

    def _admit(self) -> bool:
        """Start waiting requests while there is room; say whether one was started."""
        started = False
        while self._waiting and len(self._turns) < PIPELINED and not self._outlet.full:
            self._start(self._waiting.popleft())
            started = True
        return started

    def _start(self, received: Received) -> None:
        if isinstance(received, Arrived):
            self._handle(received)
        elif isinstance(received, Malformed):
            self.http.malformed += 1
            self._turns.append(refusing(self.http.refusal(received.status, received.reason)))
        else:
            self._turns.append(Turn(CONTINUE))

    def _handle(self, arrived: Arrived) -> None:
        request = arrived.request
        turn = Turn(close=not arrived.keep_alive, old=request.version == b"1.0")
        self._turns.append(turn)
        self.http.requests += 1
        self.http.in_flight += 1
        try:
            answer = self.http.handler(request, self._peer)
        except Exception:
            answer = self.http.failed(Failure())
        if isinstance(answer, Coroutine):
            coming = Deferred.fromCoroutine(answer)
            coming.addErrback(self.http.failed)
            coming.addCallback(self._answered, turn)
        else:
            self._answered(answer, turn)

    def _wait_for(self, answer: Later | More, data: bytes) -> bool:
        """Keep the place of a quick answer, or the beginning of a request; once, not for ever."""
        if isinstance(answer, More):
            if self._held:
                return False
            self._held = data
            self._begun = self._active
            return True
        self._held = b""
        turn = Turn()
        self._turns.append(turn)
        self._calm = False
        self.http.requests += 1
        self.http.in_flight += 1
        answer.deliver = partial(self._delivered, turn)
        return True

    def _delivered(self, turn: Turn, data: bytes) -> None:
        self.http.in_flight -= 1
        turn.data = data
        alone = len(self._turns) == 1 and not self._waiting and not self._read_closed
        if alone and not self.http.draining:  # the common case, for which no pump is needed
            self._turns.clear()
            self._active = self.http.tick
            self._calm = self._reader.between and not self._paused
            self._outlet.send(data)
        else:
            self._pump()

    def _answered(self, reply: "Reply", turn: Turn) -> None:
        self.http.in_flight -= 1
        turn.data = reply.data
        turn.close = turn.close or reply.close
        self._pump()

    def _time_out(self) -> None:
        """Tell a client that stalled in the middle of a request (RFC 9110, section 15.5.9)."""
        self.http.timed_out += 1
        late = REQUEST_TIMEOUT
        self._turns.append(refusing(self.http.refusal(late.status, late.reason)))
        self._pump()

    def _flush(self) -> bool:
        """Send the answers whose turn it is; say whether there was one."""
        turns = self._turns
        chunks: list[bytes] = []
        last = None
        while turns and turns[0].data is not None and not (last and last.close):
            last = turns.popleft()
            if self.http.draining and not turns and not self._waiting and last.data != CONTINUE:
                last.close = True
            chunks.append(last.encode())
        if last is None:
            return False
        self._active = self.http.tick
        self._outlet.send(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if last.close:
            self._end(linger=last.linger)
        return True

    def _steer_reading(self) -> None:
        pause = self._outlet.full or bool(self._waiting)
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
        self._calm = False
        self._waiting.clear()
        self._turns.clear()
        self._outlet.release()
        if linger and not self._read_closed and self._is_tcp:
            self._lingering = True
            self._wire.resumeProducing()
            self._wire.loseWriteConnection()
        else:
            self._wire.loseConnection()
