"""Who a log is replayed to: pooled connections over llhttp, one request at a time on each.

A request is never sent twice, not even one whose connection ended before any answer: it may
have been carried out, and a second event on legacy's queue would be our doing. A kept connection
that the server closed while it was idle is noticed and dropped; the pool closes idle connections
before servers usually do, so that a request rarely meets one that is just being closed. If it
does, it has failed (``reset``).
"""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure as TwistedFailure

from pyingest.message import Request
from replay.responsereader import LONGEST, NotHttp, ResponseReader, Whole
from shadow.exchange import Answered, Failed, Failure, Outcome

TICK = 0.25
"""Seconds between looks at time limits; one look for all connections, no timer per request."""


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Bounds of one side, in seconds and connections."""

    connections: int = 256
    connect: float = 2.0
    answer: float = 10.0
    """From sending a request to the end of its answer; also for a free connection to come."""
    idle: float = 4.0
    """A kept connection is closed after so long; most servers wait 5 seconds or longer."""
    longest: int = LONGEST
    """Bytes of one answer."""


class UpstreamProtocol(Protocol):
    """One connection to a side."""

    def __init__(self, pool: "Upstream") -> None:
        self._pool = pool
        self._reader = ResponseReader(pool.limits.longest)
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
            self.cut()  # bytes that nobody asked for, such as a server's 408 when idle
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
        elif isinstance(outcome, Answered):
            self.close()
        else:
            self.cut()
        done.callback(outcome)

    def close(self) -> None:
        """End the connection in order; it is not used any more."""
        if not self.lost:
            self.lost = True
            self.transport.loseConnection()  # type: ignore[union-attr]

    def cut(self) -> None:
        """End the connection now."""
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
        self._turns: deque[tuple[float, Deferred[bool]]] = deque()
        self._closed = False
        self._sweeper = LoopingCall(self._sweep)
        self._sweeper.clock = reactor
        self._sweeper.start(TICK, now=False)

    async def send(self, request: Request) -> Outcome:
        """Send *request* and return what became of it. Never raises."""
        connection = await self._connection()
        if isinstance(connection, Failed):
            return connection
        return await connection.ask(request.encode(), request.method)

    async def check(self) -> str:
        """Return why no connection can be made, or an empty text."""
        connection = await self._connection()
        if isinstance(connection, Failed):
            return connection.detail
        self.keep(connection)
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
        self._closed = True
        if self._sweeper.running:
            self._sweeper.stop()
        self._give_up(self._turns)
        for connection in list(self._all):
            connection.cut()

    async def _connection(self) -> UpstreamProtocol | Failed:
        """Return a connection that is free, opening one or waiting for one if need be."""
        started = time.monotonic()
        while not self._closed:
            while self._idle:
                connection = self._idle.pop()
                if not connection.lost:
                    return connection
            if len(self._all) + self._opening < self.limits.connections:
                return await self._open(started)
            turn: Deferred[bool] = Deferred()
            self._turns.append((started, turn))
            if not await turn:
                break
        seconds = time.monotonic() - started
        if self._closed:
            return Failed(Failure.REFUSED, "this end was closed", seconds)
        why = f"all {self.limits.connections} connections busy for {self.limits.answer:g} s"
        return Failed(Failure.TIMED_OUT, why, seconds)

    async def _open(self, started: float) -> UpstreamProtocol | Failed:
        self._opening += 1
        made, why = None, "this end was closed"
        try:
            made = await self._endpoint.connect(self._factory)
        except Exception as error:
            why = str(error)
        self._opening -= 1
        if not isinstance(made, UpstreamProtocol):
            self._next_turn()
            return Failed(Failure.REFUSED, why, time.monotonic() - started)
        made.since = time.monotonic()
        if self._closed:
            made.cut()
            return Failed(Failure.REFUSED, why, time.monotonic() - started)
        self._all.add(made)
        return made

    def _next_turn(self) -> None:
        if self._turns:
            self._turns.popleft()[1].callback(True)

    def _give_up(self, turns: Iterable[tuple[float, "Deferred[bool]"]]) -> None:
        for turn in list(turns):
            self._turns.remove(turn)
            turn[1].callback(False)

    def _sweep(self) -> None:
        """End what has taken too long."""
        now = time.monotonic()
        for connection in list(self._all):
            quiet = now - connection.since
            if connection.is_busy and quiet > self.limits.answer:
                connection.expire(self.limits.answer)
            elif not connection.is_busy and quiet > self.limits.idle:
                self._retire(connection)
        self._give_up([turn for turn in self._turns if now - turn[0] > self.limits.answer])

    def _retire(self, connection: UpstreamProtocol) -> None:
        """Close an idle connection; one that was closed and is still there is cut."""
        if connection.lost:
            connection.cut()
        else:
            connection.close()
