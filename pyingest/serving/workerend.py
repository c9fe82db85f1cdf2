"""A worker's end of the pipes to its supervisor: begin, tell counts, end in order."""

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Protocol as PipeProtocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from pyingest.serving.admin import Report
from pyingest.serving.control import Ask, Begin, Failed, Lines, Ready, Told, ToSupervisor, line

FOREIGN = 1
"""Exit code of a worker that could not begin."""
S = TypeVar("S")


class Serving(Protocol):
    """What a worker runs."""

    async def stop(self) -> object:
        """End in order."""

    def report(self) -> Report:
        """Return what was counted."""


class WorkerEnd(PipeProtocol, Generic[S]):
    """Does as the supervisor says.

    :param decoder: reads what the supervisor sends.
    :param begin: starts what is to run.
    :param foreseen: what *begin* raises when an operator must mend something.
    :param orphaned: called when the supervisor is gone; the default is an orderly end, since
        nobody would ever stop this process.
    """

    def __init__(
        self,
        reactor: Any,
        decoder: msgspec.json.Decoder[Any],
        begin: Callable[[Begin[S]], Awaitable[Serving]],
        foreseen: tuple[type[Exception], ...],
        orphaned: Callable[[], None] | None = None,
    ) -> None:
        self._reactor = reactor
        self._decoder = decoder
        self._start = begin
        self._foreseen = foreseen
        self._orphaned = orphaned or self.leave
        self._lines = Lines()
        self._running: Serving | None = None
        self.failed = False
        self._stopped = False
        self._over = False

    def dataReceived(self, data: bytes) -> None:
        """Do as the supervisor says."""
        for text in self._lines.feed(data):
            message = self._decoder.decode(text)
            if isinstance(message, Begin):
                Deferred.fromCoroutine(self._begin(message)).addErrback(self._broken)
            else:
                self._tell(message)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Note that the supervisor is gone; after our own end it says nothing."""
        if not self._over:
            self._orphaned()

    def leave(self) -> None:
        """Let the process end in order."""
        if not self._stopped:
            self._stopped = True
            # A turn later: what was just written must be on its way.
            self._reactor.callLater(0.05, self._stop)

    async def _begin(self, begin: Begin[S]) -> None:
        try:
            self._running = await self._start(begin)
        except self._foreseen as error:
            self.failed = True
            self._say(Failed(str(error)))
            self.leave()
            return
        self._reactor.addSystemEventTrigger("before", "shutdown", self._finish, self._running)
        self._say(Ready())

    def _broken(self, failure: Failure) -> None:
        self.failed = True
        self._say(Failed(f"a defect: {type(failure.value).__name__}: {failure.getErrorMessage()}"))
        self.leave()

    def _tell(self, ask: Ask) -> None:
        self._say(self._told(ask.number))

    def _told(self, number: int) -> Told:
        if self._running is None:
            return Told(number, (), problem="it has not begun")
        report = self._running.report()
        return Told(number, tuple(report.samples), report.stats, report.problem)

    def _finish(self, running: Serving) -> "Deferred[object]":
        return Deferred.fromCoroutine(running.stop()).addBoth(self._last_word)

    def _last_word(self, result: object) -> object:
        """Tell the counts once more; nothing is sent after the reactor ended."""
        self._over = True
        if isinstance(result, Failure):
            self.failed = True
        data = line(self._told(0))
        try:
            os.set_blocking(1, True)
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            pass  # the supervisor is gone
        return result

    def _say(self, message: ToSupervisor) -> None:
        if self.transport is not None:
            self.transport.write(line(message))

    def _stop(self) -> None:
        # A signal may have told it so, too.
        with contextlib.suppress(ReactorNotRunning):
            self._reactor.stop()


def run(reactor: Any, end: WorkerEnd[Any]) -> int:
    """Run until the supervisor says stop, or is gone; return the exit code."""
    # Ctrl-C and a lost terminal are the supervisor's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    StandardIO(end)
    reactor.run()
    return FOREIGN if end.failed else 0
