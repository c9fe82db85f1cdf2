"""One process of several that serve on one address; its supervisor starts it and asks it."""

import contextlib
import os
import signal
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from pyingest.lean import install as install_lean
from pyingest.queues.interface import QueueError
from pyingest.server import ListenError
from pyingest.serving.assembly import Running, Share, assemble
from pyingest.serving.control import (
    LISTENING,
    TO_WORKER,
    Ask,
    Begin,
    Failed,
    Lines,
    Ready,
    Told,
    ToSupervisor,
    line,
)
from pyingest.serving.logfile import adopt_twisted, open_log

FOREIGN = 1
"""Exit code of a worker that could not begin."""


class Worker(Protocol):
    """The worker's end of the pipes to its supervisor."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._lines = Lines()
        self.running: Running | None = None
        self.failed = False
        self._stopped = False

    def dataReceived(self, data: bytes) -> None:
        """Do as the supervisor says."""
        for text in self._lines.feed(data):
            message = TO_WORKER.decode(text)
            if isinstance(message, Begin):
                Deferred.fromCoroutine(self._begin(message)).addErrback(self._broken)
            else:
                self._tell(message)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """End in order: the supervisor is gone, and nobody would ever stop this process."""
        self._leave()

    async def _begin(self, begin: Begin) -> None:
        settings = begin.settings
        try:
            log, _ = open_log(settings.logs, worker=begin.slot, pid=os.getpid())
            adopt_twisted(log)
            share = Share(max(1, settings.listen.workers), LISTENING)
            self.running = await assemble(self._reactor, settings, log, share)
        except (QueueError, ListenError) as error:
            self.failed = True
            self._say(Failed(str(error)))
            self._leave()
            return
        self._reactor.addSystemEventTrigger("before", "shutdown", self._finish, self.running)
        self._say(Ready())

    def _broken(self, failure: Failure) -> None:
        self.failed = True
        self._say(Failed(f"a defect: {type(failure.value).__name__}: {failure.getErrorMessage()}"))
        self._leave()

    def _tell(self, ask: Ask) -> None:
        self._say(self._told(ask.number))

    def _told(self, number: int) -> Told:
        if self.running is None:
            return Told(number, (), problem="it has not begun")
        report = self.running.report()
        return Told(number, tuple(report.samples), report.stats, report.problem)

    def _finish(self, running: Running) -> "Deferred[object]":
        return Deferred.fromCoroutine(running.stop()).addBoth(self._last_word)

    def _last_word(self, result: object) -> object:
        """Tell the counts once more; nothing is sent after the reactor ended."""
        os.set_blocking(1, True)
        data = line(self._told(0))
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            pass  # the supervisor is gone
        return result

    def _say(self, message: ToSupervisor) -> None:
        if self.transport is not None:
            self.transport.write(line(message))

    def _leave(self) -> None:
        if not self._stopped:
            self._stopped = True
            # A turn later: what was just written must be on its way.
            self._reactor.callLater(0.05, self._stop)

    def _stop(self) -> None:
        # A signal may have told it so, too.
        with contextlib.suppress(ReactorNotRunning):
            self._reactor.stop()


def main(loop: str) -> int:
    """Serve on that event loop until the supervisor says stop, or is gone; return the exit code."""
    # Ctrl-C and a lost terminal are the supervisor's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if loop == "lean":
        install_lean()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    worker = Worker(reactor)
    StandardIO(worker)
    reactor.run()
    return FOREIGN if worker.failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
