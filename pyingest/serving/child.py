"""A worker as its supervisor sees it: a process with two pipes."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pyingest.serving.control import (
    LISTENING,
    TO_SUPERVISOR,
    Ask,
    Begin,
    Failed,
    Lines,
    Ready,
    Told,
    line,
)
from pyingest.serving.metrics import Sample

PYTHON = (sys.executable, "-P", "-m")
ORDERLY = "exit code 0"
"""How a process ended that ended by itself, without an error."""


def environment() -> dict[str, str]:
    """Return our environment, in which a child finds the same modules."""
    places = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return {**os.environ, "PYTHONPATH": places}


def ended(reason: Failure) -> str:
    """Return how a process ended: ``exit code 2``, ``signal 9``."""
    signal = getattr(reason.value, "signal", None)
    return f"signal {signal}" if signal else f"exit code {getattr(reason.value, 'exitCode', None)}"


def signalled(process: ProcessProtocol, name: str) -> None:
    """Send the signal *name* (``TERM``) to a process; nothing to one that is gone."""
    from twisted.internet.error import ProcessExitedAlready

    try:
        if process.transport is not None:
            process.transport.signalProcess(name)
    except ProcessExitedAlready:
        pass  # it will be told by processEnded


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a worker."""

    command: Sequence[str]
    """Words; the first is the program."""
    begin: Begin[Any]
    """What it is told first."""


class Child(ProcessProtocol):
    """One worker.

    :param ready: called when it accepts connections.
    :param ended: called when its process is gone.
    """

    def __init__(
        self, clock: Any, ready: Callable[["Child"], None], ended: Callable[["Child"], None]
    ) -> None:
        self._clock = clock
        self._on_ready = ready
        self._on_ended = ended
        self._lines = Lines()
        self._asked: dict[int, Deferred[None]] = {}
        self._numbers = 0
        self.begun = clock.seconds()
        self.ready_at: float | None = None
        """When it said that it accepts connections; seconds of the clock."""
        self.leaving = False
        """Whether it was asked to end."""
        self.failure = ""
        """What it said it cannot begin for."""
        self.how = ""
        """How its process ended."""
        self.samples: tuple[Sample, ...] = ()
        """What it told last."""
        self.stats: dict[str, Any] = {}
        self.heard = clock.seconds()
        """When it last said anything; seconds of the clock."""
        self.problem = "it has not begun"
        self.complaint = ""
        """The problem that it told last; empty when all was well."""
        self.is_orderly = False
        """Whether its process ended by itself, without an error."""
        self.launch: Launch | None = None
        """How it was started."""
        self.pid = 0
        """The process's id."""
        self.gone: Deferred[None] = Deferred()

    @property
    def lived(self) -> float:
        """Seconds since it accepted connections; 0 if it never did."""
        return 0.0 if self.ready_at is None else float(self._clock.seconds() - self.ready_at)

    def start(self, reactor: Any, launch: Launch, socket: int | None = None) -> None:
        """Start the process; it inherits *socket*, which listens already, if there is one."""
        self.launch = launch
        reactor.spawnProcess(
            self,
            launch.command[0],
            tuple(launch.command),
            env=environment(),
            childFDs={0: "w", 1: "r", 2: 2} | ({} if socket is None else {LISTENING: socket}),
        )
        self.pid = getattr(self.transport, "pid", None) or 0
        self._send(line(launch.begin))

    def stop(self) -> None:
        """Ask it to accept no more, to answer what came, and to end."""
        if not self.leaving and not self.gone.called:
            self.leaving = True
            signalled(self, "TERM")

    def kill(self) -> None:
        """End it now."""
        if not self.gone.called:
            signalled(self, "KILL")

    async def ask(self, seconds: float) -> None:
        """Have it tell its counts; an answer that does not come in time leaves the last ones."""
        if self.ready_at is None or self.gone.called:
            return
        self._numbers += 1
        number = self._numbers
        answer: Deferred[None] = Deferred()
        self._asked[number] = answer
        self._send(line(Ask(number)))
        late = self._clock.callLater(seconds, self._answered, number)
        await answer
        if late.active():
            late.cancel()

    # Called by the transport.

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take what the worker says."""
        self.heard = self._clock.seconds()
        for text in self._lines.feed(data):
            try:
                message = TO_SUPERVISOR.decode(text)
            except msgspec.DecodeError:
                continue  # a library that prints must not end the service
            match message:
                case Ready():
                    self.ready_at = self._clock.seconds()
                    self.problem = ""
                    self._on_ready(self)
                case Failed():
                    self.failure = message.why
                case Told():
                    self._take(message)

    def processEnded(self, reason: Failure) -> None:
        """Note that it is gone."""
        self.how = ended(reason)
        self.is_orderly = self.how == ORDERLY
        self.problem = "it is gone"
        for number in list(self._asked):
            self._answered(number)
        self.gone.callback(None)
        self._on_ended(self)

    def _take(self, told: Told) -> None:
        self.samples, self.stats, self.problem = told.samples, told.stats, told.problem
        self.complaint = told.problem
        self._answered(told.number)

    def _answered(self, number: int) -> None:
        answer = self._asked.pop(number, None)
        if answer is not None:
            answer.callback(None)

    def _send(self, data: bytes) -> None:
        if self.transport is not None and not self.gone.called:
            self.transport.writeToChild(0, data)
