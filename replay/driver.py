"""Sends the requests of a log at their times, over connections that are kept and used again.

Names are looked up once, before the first request: a target cannot wander off during a replay.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, DNSLookupError
from twisted.internet.interfaces import IAddress, IConnector, ITCPTransport
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure as TwistedFailure

from pyingest.message import Request, Response, header
from replay.accounting import Accounting, Result
from replay.order import Order
from replay.pacing import Closed
from replay.plan import ReplayError, ReplayOptions, check, dues, in_words, parsed_lines
from replay.responsereader import Progress as Answer
from replay.responsereader import ResponseReader
from replay.run import Limits, Run
from replay.targets import Target
from replay.timer import best_alarm
from shadow.exchange import Answered, Failed, Failure, Outcome

Done = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is."""

    seconds: float
    read: int
    sent: int
    answered: int
    failed: int
    in_flight: int
    p50: float
    """Seconds of response time, of the latest thousand answers."""
    p99: float


class Connection(Protocol):
    """One connection, one request at a time."""

    def __init__(self, pool: "Pool", first: "_Connecting") -> None:
        self._pool = pool
        self._first = first
        self._reader = ResponseReader()
        self._done: Done | None = None
        self._begun = 0.0

    def connectionMade(self) -> None:
        """Send the request for which the connection was made."""
        cast(ITCPTransport, self.transport).setTcpNoDelay(True)
        self.send(self._first.request, self._first.begun, self._first.done)

    def send(self, request: Request, begun: float, done: Done) -> None:
        """Send one request that was handed over at *begun*."""
        self._done, self._begun = done, begun
        self._reader.expect(request.method)
        cast(ITCPTransport, self.transport).write(request.encode())

    def dataReceived(self, data: bytes) -> None:
        """Read on; what nobody asked for ends the connection."""
        if self._done is None:
            self.abort()
            return
        match self._reader.feed(data):
            case Answer.DONE:
                self._pool.idle.append(self)
                self._answered()
            case Answer.DONE_AND_CLOSING:
                cast(ITCPTransport, self.transport).loseConnection()
                self._answered()
            case Answer.MALFORMED:
                self._fail(Failure.MALFORMED, "the answer is not HTTP")

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        """Account for what was under way."""
        self._pool.forget(self)
        if self._done is None:
            return
        if reason.check(ConnectionDone) and self._reader.end() is Answer.DONE_AND_CLOSING:
            self._answered()
        else:
            self._fail(Failure.RESET, reason.getErrorMessage())

    def expire(self, oldest: float) -> None:
        """Give up on a request that was handed over before *oldest*."""
        if self._done is not None and self._begun < oldest:
            self._fail(Failure.TIMED_OUT, "no answer in time")

    def abort(self) -> None:
        """Close at once."""
        cast(ITCPTransport, self.transport).abortConnection()

    def _answered(self) -> None:
        seconds = self._pool.now() - self._begun
        self._end(Answered(Response(self._reader.status), seconds))

    def _fail(self, kind: Failure, detail: str) -> None:
        self._end(Failed(kind, detail, self._pool.now() - self._begun))
        self.abort()

    def _end(self, outcome: Outcome) -> None:
        assert self._done is not None
        done, self._done = self._done, None
        done(outcome)


class _Connecting(ClientFactory):
    """One connection being made, for one request. Says nothing in the log."""

    noisy = False

    def __init__(self, pool: "Pool", request: Request, done: Done) -> None:
        self._pool = pool
        self.request, self.done, self.begun = request, done, pool.now()

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        """Return the connection."""
        connection = Connection(self._pool, self)
        self._pool.connections.add(connection)
        return connection

    def clientConnectionFailed(self, connector: IConnector, reason: TwistedFailure) -> None:
        """Account for the request, which nobody saw."""
        seconds = self._pool.now() - self.begun
        self.done(Failed(Failure.REFUSED, reason.getErrorMessage(), seconds))


class Pool:
    """Connections to one address; the one used last is used next."""

    def __init__(
        self, reactor: Any, target: Target, address: str, now: Callable[[], float], patience: float
    ) -> None:
        self.reactor = reactor
        self.now = now
        self.idle: list[Connection] = []
        self.connections: set[Connection] = set()
        self._target, self._address, self._patience = target, address, patience

    def send(self, request: Request, done: Done) -> None:
        """Send *request*; call back once."""
        request = addressed(request, self._target)
        if self.idle:
            self.idle.pop().send(request, self.now(), done)
        else:
            connecting = _Connecting(self, request, done)
            timeout = self._patience
            self.reactor.connectTCP(self._address, self._target.port, connecting, timeout=timeout)

    def forget(self, connection: Connection) -> None:
        """Drop a connection that has ended."""
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)

    def sweep(self) -> None:
        """Fail what waits for longer than patience lasts."""
        oldest = self.now() - self._patience
        for connection in list(self.connections):
            connection.expire(oldest)

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self.connections):
            connection.abort()


def addressed(request: Request, target: Target) -> Request:
    """Return *request* with a ``Host``: the target's, if the log held none."""
    if header(request.headers, b"host") is not None:
        return request
    host = (b"Host", target.authority.encode())
    return Request(
        request.method, request.target, (host, *request.headers), request.body, request.version
    )


class Replay:
    """One replay. *reactor* is Twisted's; *progress* is told about once a second.

    :raises ReplayError: the options do not go together, or the target may not be hit.
    :raises LogError: a log cannot be read.
    """

    def __init__(
        self, reactor: Any, options: ReplayOptions, progress: Callable[[Progress], None]
    ) -> None:
        self._target = check(options)
        self._reactor, self._options, self._progress = reactor, options, progress
        self._accounting = Accounting()
        self._finished: Deferred[None] = Deferred()
        self._begun = time.monotonic()
        self._run: Run | None = None

    async def result(self) -> Result:
        """Send everything; return the account.

        :raises ReplayError: the target's name leads nowhere.
        """
        pool = await self._pool()
        pace, closed = self._options.pace, isinstance(self._options.pace, Closed)
        run = self._run = self._new_run(pool)
        self._begun = time.monotonic()
        sweeping, telling = LoopingCall(pool.sweep), LoopingCall(self._tell)
        for call in (sweeping, telling):
            call.clock = self._reactor
            call.start(1.0, now=False)
        alarm = best_alarm(self._reactor, self._pump)
        try:
            run.start(alarm)
            await self._finished
        finally:
            alarm.close()
            sweeping.stop()
            telling.stop()
            pool.close()
        return self._accounting.result(
            self._target.authority, in_words(pace), closed, run.stopped, run.seconds
        )

    def stop(self, why: str) -> None:
        """Send nothing more and wait a little for what is under way; when told again, don't."""
        if self._run is None:
            return
        if self._run.stopped:
            self._run.give_up()
            return
        self._run.stop(why)
        if not self._finished.called:
            drain = self._reactor.callLater(self._options.drain, self._run.give_up)
            self._finished.addBoth(lambda _: drain.active() and drain.cancel())

    def _pump(self) -> None:
        assert self._run is not None
        try:
            self._run.pump()
        except Exception:
            # In a callback of the reactor it would be logged, and the replay would hang.
            self._finished.errback(TwistedFailure())

    def _new_run(self, pool: Pool) -> Run:
        options = self._options
        limits = Limits(
            options.pace.workers if isinstance(options.pace, Closed) else options.in_flight,
            closed=isinstance(options.pace, Closed),
            may_repeat=options.order is Order.SAMPLE,
        )
        return Run(
            dues(options, parsed_lines(options), self._accounting),
            self._accounting,
            limits,
            pool.send,
            time.monotonic,
            lambda: self._finished.callback(None),
        )

    async def _pool(self) -> Pool:
        host = self._target.host
        try:
            address = host if ":" in host else await self._reactor.resolve(host)
        except DNSLookupError as error:
            raise ReplayError(f"{host}: no such host: {error}") from None
        return Pool(self._reactor, self._target, address, time.monotonic, self._options.patience)

    def _tell(self) -> None:
        account = self._accounting
        p50, p99 = account.recent()
        self._progress(
            Progress(
                time.monotonic() - self._begun,
                account.lines,
                account.sent,
                sum(account.answered.values()),
                sum(account.failed.values()),
                account.in_flight,
                p50,
                p99,
            )
        )


def run_replay(options: ReplayOptions, progress: Callable[[Progress], None]) -> Result:
    """Replay in a reactor of its own, once in a process; SIGINT and SIGTERM end it cleanly.

    :raises ReplayError: the options do not go together, or the target may not be hit.
    :raises LogError: a log cannot be read.
    """
    from twisted.internet import reactor as installed

    reactor = cast(Any, installed)
    replay = Replay(reactor, options, progress)
    ended: list[Result | TwistedFailure] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(replay.result())
        done.addBoth(ended.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    with _stopped_by_signals(lambda: reactor.callFromThread(replay.stop, "interrupted")):
        reactor.run(installSignalHandlers=False)
    outcome = ended[0]
    if isinstance(outcome, TwistedFailure):
        outcome.raiseException()
    return outcome


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
