"""One side of a dual run: pooled connections over llhttp, one request at a time on each.

A request is never sent twice. A kept connection that the server closed while it was idle is
noticed and dropped; the pool closes idle connections before servers usually do, so that a
request rarely meets one that is just being closed. If it does, it has failed (``reset``).
"""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure as TwistedFailure

from pyingest.message import Request
from shadow.exchange import Answered, Failed, Failure, Outcome
from shadow.responsereader import NotHttp, ResponseReader, Whole

TICK = 0.25
"""Seconds between looks at time limits; one look for all connections, no timer per request."""


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Bounds of one side, in seconds and connections."""

    connections: int = 256
    connect: float = 2.0
    answer: float = 10.0
    """From sending a request to the end of its answer."""
    idle: float = 30.0
    """A kept connection is closed after so long; most servers wait longer."""


class UpstreamProtocol(Protocol):
    """One connection to a side."""

    def __init__(self, pool: "Upstream") -> None:
        self._pool = pool
        self._reader = ResponseReader()
        self._done: Deferred[Outcome] | None = None
        self.since = 0.0
        self.lost = False

    def connectionMade(self) -> None:
        """Send small requests at once."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP only

    def ask(self, data: bytes, method: bytes) -> "Deferred[Outcome]":
        """Send a request; return its outcome. Only one at a time."""
        self._done = Deferred()
        self._reader.expect(method)
        self.since = time.monotonic()
        self.transport.write(data)  # type: ignore[union-attr]
        return self._done

    def dataReceived(self, data: bytes) -> None:
        """Take a piece of the answer."""
        if self._done is None:
            self._close()  # bytes that nobody asked for, such as a server's 408 when idle
            return
        match self._reader.feed(data):
            case Whole(response, keep_alive):
                self._finish(Answered(response, self._seconds()), keep_alive)
            case NotHttp(why):
                self._finish(Failed(Failure.MALFORMED, why, self._seconds()), False)

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        """Note the end: of the answer, if it ends so; else of the request's hopes."""
        self.lost = True
        whole = self._reader.end() if self._done is not None else None
        if whole is not None:
            self._finish(Answered(whole.response, self._seconds()), False)
        else:
            detail = reason.getErrorMessage()
            self._finish(Failed(Failure.RESET, detail, self._seconds()), False)
        self._pool.forget(self)

    def expire(self, limit: float) -> None:
        """Give the request up: it took longer than *limit* seconds."""
        why = f"no answer within {limit:g} s"
        self._finish(Failed(Failure.TIMED_OUT, why, self._seconds()), False)

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self._done is not None

    def _seconds(self) -> float:
        return time.monotonic() - self.since

    def _finish(self, outcome: Outcome, keep_alive: bool) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        self.since = time.monotonic()
        if keep_alive and not self.lost:
            self._pool.keep(self)
        else:
            self._close()
        done.callback(outcome)

    def _close(self) -> None:
        if not self.lost:
            self.lost = True
            self.transport.abortConnection()  # type: ignore[union-attr]


class Upstream:
    """Sends requests to one server and tells what became of them."""

    def __init__(
        self, reactor: Any, host: str, port: int, limits: UpstreamLimits | None = None
    ) -> None:
        self.limits = limits or UpstreamLimits()
        self._endpoint = TCP4ClientEndpoint(reactor, host, port, timeout=int(self.limits.connect))
        self._factory = Factory.forProtocol(lambda: UpstreamProtocol(self))
        self._idle: list[UpstreamProtocol] = []
        self._all: set[UpstreamProtocol] = set()
        self._opening = 0
        self._turns: deque[Deferred[None]] = deque()
        self._sweeper = LoopingCall(self._sweep)
        self._sweeper.clock = reactor
        self._sweeper.start(TICK, now=False)

    async def send(self, request: Request) -> Outcome:
        """Send *request* and return what became of it. Never raises."""
        started = time.monotonic()
        try:
            connection = await self._connection()
        except Exception as error:
            return Failed(Failure.REFUSED, str(error), time.monotonic() - started)
        return await connection.ask(request.encode(), request.method)

    async def check(self) -> str:
        """Return why no connection can be made, or an empty text."""
        try:
            self.keep(await self._connection())
        except Exception as error:
            return str(error)
        return ""

    def keep(self, connection: UpstreamProtocol) -> None:
        """Take a connection back; the last one used is the first to be used again."""
        self._idle.append(connection)
        self._next_turn()

    def forget(self, connection: UpstreamProtocol) -> None:
        """Note that a connection is gone."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._next_turn()

    def close(self) -> None:
        """End every connection; what is under way fails."""
        if self._sweeper.running:
            self._sweeper.stop()
        for connection in list(self._all):
            connection.transport.abortConnection()  # type: ignore[union-attr]

    async def _connection(self) -> UpstreamProtocol:
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.lost:
                    return connection
            if len(self._all) + self._opening < self.limits.connections:
                return await self._open()
            turn: Deferred[None] = Deferred()
            self._turns.append(turn)
            await turn

    async def _open(self) -> UpstreamProtocol:
        self._opening += 1
        try:
            made = await self._endpoint.connect(self._factory)
        except Exception:
            self._next_turn()
            raise
        finally:
            self._opening -= 1
        assert isinstance(made, UpstreamProtocol)
        self._all.add(made)
        return made

    def _next_turn(self) -> None:
        if self._turns:
            self._turns.popleft().callback(None)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self._all):
            quiet = now - connection.since
            if connection.is_busy and quiet > self.limits.answer:
                connection.expire(self.limits.answer)
            elif not connection.is_busy and connection in self._idle and quiet > self.limits.idle:
                self._idle.remove(connection)
                connection.transport.loseConnection()  # type: ignore[union-attr]
