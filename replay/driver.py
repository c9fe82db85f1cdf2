"""Sends the requests of a log at their times, through the pool of connections of the proxy.

Names are looked up once, before the first request: a target cannot wander off during a replay.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure as TwistedFailure

from pyingest.message import Request, header
from replay.accounting import Accounting, Progress, Result
from replay.order import Order
from replay.pacing import Closed
from replay.plan import ReplayError, ReplayOptions, check, dues, in_words, parsed_lines
from replay.run import Limits, Run
from replay.targets import Target
from replay.timer import best_alarm
from replay.upstream import Upstream, UpstreamLimits
from shadow.exchange import Outcome


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
        self._stopped = ""

    async def result(self) -> Result:
        """Send everything; return the account.

        :raises ReplayError: the target's name leads nowhere.
        """
        self._upstream = await self._connect()
        pace, closed = self._options.pace, isinstance(self._options.pace, Closed)
        run = self._run = self._new_run()
        self._begun = time.monotonic()
        telling = LoopingCall(self._tell)
        telling.clock = self._reactor
        telling.start(1.0, now=False)
        alarm = best_alarm(self._reactor, self._pump)
        try:
            if self._stopped:
                run.stop(self._stopped)  # while the name was being looked up
            run.start(alarm)
            await self._finished
        finally:
            alarm.close()
            telling.stop()
            self._upstream.close()
        return self._accounting.result(
            self._target.authority, in_words(pace), closed, run.stopped, run.seconds
        )

    def stop(self, why: str) -> None:
        """Send nothing more and wait a little for what is under way; when told again, don't."""
        if self._run is None:
            self._stopped = why
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
            self._break(TwistedFailure())

    def _finish(self) -> None:
        if not self._finished.called:
            self._finished.callback(None)

    def _break(self, failure: TwistedFailure) -> None:
        if not self._finished.called:
            self._finished.errback(failure)

    def _send(self, request: Request, done: Callable[[Outcome], None]) -> None:
        sending = Deferred.fromCoroutine(self._upstream.send(addressed(request, self._target)))
        sending.addCallback(done).addErrback(self._break)

    def _new_run(self) -> Run:
        options = self._options
        limits = Limits(
            self._in_flight(),
            closed=isinstance(options.pace, Closed),
            may_repeat=options.order is Order.SAMPLE,
        )
        return Run(
            dues(options, parsed_lines(options), self._accounting),
            self._accounting,
            limits,
            self._send,
            time.monotonic,
            self._finish,
        )

    def _in_flight(self) -> int:
        pace = self._options.pace
        return pace.workers if isinstance(pace, Closed) else self._options.in_flight

    async def _connect(self) -> Upstream:
        host = self._target.host
        try:
            address = host if ":" in host else await self._reactor.resolve(host)
        except DNSLookupError as error:
            raise ReplayError(f"{host}: no such host: {error}") from None
        limits = UpstreamLimits(connections=self._in_flight(), answer=self._options.patience)
        return Upstream(self._reactor, address, self._target.port, limits)

    def _tell(self) -> None:
        self._progress(self._accounting.progress(time.monotonic() - self._begun))


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
