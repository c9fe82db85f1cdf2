"""The judging process as the page sees it: started again when it ends."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from compare.live.judged import Judged
from pyingest.serving.child import PYTHON, ended, environment, signalled

COMMAND = (*PYTHON, "compare.live.judge")
FIRST, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until a judge that ended is started again: doubled each time, up to the longest."""
MOST_WAITING = 8 * 1024 * 1024
"""Bytes of one look; more is none of ours."""
TAIL = 4096
"""Bytes of what a judge says last that are kept."""


class Judge:
    """Keeps a judging process at work.

    :param heard: called with each look.
    """

    def __init__(
        self,
        reactor: Any,
        run: Path,
        policy: str,
        every: float,
        heard: Callable[[Judged], None],
    ) -> None:
        self._reactor = reactor
        self._arguments = (str(run), policy)
        self._every = every
        self._heard = heard
        self._pause = FIRST
        self._stopping = False
        self._later: Any = None
        self._process: _Process | None = None
        self._work: tempfile.TemporaryDirectory[str] | None = None
        self.trouble = ""
        """Why nobody looks; empty when somebody does."""
        self.pid = 0

    def start(self) -> None:
        """Start the process."""
        self._later = None
        self._work = tempfile.TemporaryDirectory(prefix="mixmigrate-live-")
        self._process = _Process(self._took, self._ended)
        transport = self._reactor.spawnProcess(
            self._process,
            COMMAND[0],
            (*COMMAND, *self._arguments, self._work.name, str(self._every)),
            env=environment(),
        )
        self.pid = transport.pid or 0

    async def stop(self) -> None:
        """End the process and take away what it left."""
        self._stopping = True
        if self._later is not None:
            self._later.cancel()
        if self._process is not None:
            self._process.kill()
            await self._process.gone

    def _took(self, judged: Judged) -> None:
        self._pause = FIRST
        self.trouble = ""
        self._heard(judged)

    def _ended(self, how: str, said: str) -> None:
        self._process, self.pid = None, 0
        if self._work is not None:
            self._work.cleanup()
        if self._stopping:
            return
        last = said.strip().rpartition("\n")[2]
        self.trouble = f"the comparison ended ({how}); it starts again" + (
            f": {last}" if last else ""
        )
        self._later = self._reactor.callLater(self._pause, self.start)
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)


class _Process(ProcessProtocol):
    def __init__(self, took: Callable[[Judged], None], ended: Callable[[str, str], None]) -> None:
        self._took = took
        self._on_ended = ended
        self._waiting = bytearray()
        self._said = b""
        self.gone: Deferred[None] = Deferred()

    def kill(self) -> None:
        """End it now: it has nothing to lose."""
        signalled(self, "KILL")

    def outReceived(self, data: bytes) -> None:
        """Take looks, one on each line."""
        self._waiting += data
        *lines, rest = self._waiting.split(b"\n")
        self._waiting = rest
        for line in lines:
            try:
                judged = msgspec.json.decode(line, type=Judged)
            except msgspec.DecodeError:
                continue  # a library that prints must not end the page
            self._took(judged)
        if len(self._waiting) > MOST_WAITING:
            self.kill()

    def errReceived(self, data: bytes) -> None:
        """Keep the last of what it complains of."""
        self._said = (self._said + data)[-TAIL:]

    def processEnded(self, reason: Failure) -> None:
        """Note that it is gone."""
        self._on_ended(ended(reason), self._said.decode("utf-8", "replace"))
        self.gone.callback(None)
