"""The process of the live page: started by its command line, and again when it dies.

It only reads the run directory, so nobody suffers when it is gone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pyingest.serving.child import PYTHON, ended, environment, signalled
from pyingest.serving.logs import Log
from pyingest.serving.slots import Deaths
from pyingest.terminal import USAGE_ERROR
from shadow.options import ShadowError

COMMAND = (*PYTHON, "cli", "live")
START = 15.0
"""Seconds that it gets to listen before the rest goes on without it."""
LOOK = 0.05
CANNOT = f"exit code {USAGE_ERROR}"
"""How it ends when what it was told cannot be used: trying again is no use."""
LONGEST = 4096
"""Bytes of its output in which the address is looked for."""


class LivePage:
    """Keeps ``mixmigrate live RUN --listen ADDRESS`` alive.

    :param words: further ones for that command.
    """

    def __init__(
        self, reactor: Any, run: Path, listen: str, log: Log, words: Sequence[str] = ()
    ) -> None:
        self._reactor = reactor
        self._run = run
        self._listen = listen
        self._log = log
        self._words = tuple(words)
        self._deaths = Deaths()
        self._process: _Process | None = None
        self._later: Any = None
        self._how = ""
        self._stopping = False
        self.address = ""
        """HOST:PORT, once it listens; the same for every successor."""

    @property
    def pid(self) -> int:
        """Of the present process; 0 if there is none."""
        return self._process.pid if self._process is not None else 0

    @property
    def _cannot(self) -> bool:
        return not self.address and self._how == CANNOT

    async def start(self) -> None:
        """Start it and wait until it listens; one that does not is tried again later.

        :raises ShadowError: it cannot do what it was told; it has said why on standard error.
        """
        self._spawn()
        until = self._reactor.seconds() + START
        while not self.address and self._process and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)
        if self._cannot:
            raise ShadowError(
                f"the live page cannot begin on {self._listen}: see the error above; "
                "correct live, live_policy or live_token_file in [shadow]"
            )

    async def stop(self, seconds: float) -> None:
        """End it; killed if that takes more than *seconds*."""
        self._stopping = True
        if self._later is not None and self._later.active():
            self._later.cancel()
        until = self._reactor.seconds() + seconds
        if self._process is not None:
            signalled(self._process, "TERM")
        while self._process is not None and self._reactor.seconds() < until:
            await deferLater(self._reactor, LOOK)
        if self._process is not None:
            signalled(self._process, "KILL")
            await self._process.gone

    def listens(self, address: str) -> None:
        """Take note of where it listens."""
        self.address = self._listen = address
        self._log.info("live page", address=address, pid=self.pid)

    def ended(self, lived: float, how: str) -> None:
        """Take note of its end."""
        self._process = None
        self._how = how
        if self._stopping or self._cannot:
            return
        self._deaths = self._deaths.after(lived)
        # At once is too soon for what nobody waits for.
        wait = max(1.0, self._deaths.wait)
        self._log.error("live page died", why=how, again_in=wait)
        self._later = self._reactor.callLater(wait, self._spawn)

    def _spawn(self) -> None:
        self._process = _Process(self._reactor, self)
        words = (*COMMAND, str(self._run), "--listen", self._listen, *self._words)
        words += ("--until-input-ends",)  # that is, not longer than this process
        self._reactor.spawnProcess(
            self._process, words[0], words, env=environment(), childFDs={0: "w", 1: "r", 2: 2}
        )


class _Process(ProcessProtocol):
    def __init__(self, clock: Any, page: LivePage) -> None:
        self._clock = clock
        self._page = page
        self._said = b""
        self._began = clock.seconds()
        self.gone: Deferred[None] = Deferred()

    @property
    def pid(self) -> int:
        """The process's id."""
        return getattr(self.transport, "pid", None) or 0

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Look for the line that tells where it listens."""
        if len(self._said) > LONGEST:
            return
        self._said += data
        for line in self._said.splitlines(keepends=True):
            words = line.decode(errors="replace").split()
            if line.endswith(b"\n") and len(words) == 3 and words[:2] == ["ready", "live"]:
                self._said = b"-" * (LONGEST + 1)
                self._page.listens(words[2])

    def processEnded(self, reason: Failure) -> None:
        """Note that it is gone."""
        self.gone.callback(None)
        self._page.ended(self._clock.seconds() - self._began, ended(reason))
