"""Queue servers with faults on demand, for tests here and in other packages.

A fault matrix runs over anything that is a :class:`Backend`; a server on TCP becomes one by
saying how it is started and how its queue is opened (:class:`ServerBackend`).
"""

import contextlib
import enum
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TcpProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pyingest.queues.interface import Queue, Reader

START_SECONDS = 20.0
DELAY = 0.05
"""Seconds that a slow link holds each answer back."""


class Fault(enum.Enum):
    """What is wrong with a queue, or with the way to it."""

    DEAD = "dead"
    """The server was stopped in order."""
    KILLED = "killed"
    """The server was killed in the middle of its work."""
    HANGING = "hanging"
    """The server is there and does nothing."""
    REFUSING = "refusing"
    """No connection can be made, and those that were are cut."""
    SILENT = "silent"
    """The server does its work, and its answers do not arrive."""
    SLOW = "slow"
    """Its answers arrive late, but in time."""
    HALF_CLOSED = "half closed"
    """Instead of an answer comes the end of the answers."""
    CUT = "cut"
    """The connection is cut after half an answer."""
    FULL = "full"
    """It has no room."""


class Backend(Protocol):
    """A queue that can be broken and mended. Everything that blocks does so briefly."""

    faults: frozenset[Fault]
    """What :meth:`inflict` can do."""

    async def start(self, reactor: Any, directory: Path) -> None:
        """Begin to serve, with *directory* for files."""

    async def make(self, name: str) -> None:
        """Make the queue *name*, where an engine makes none by itself."""

    def queue(self, name: str) -> Queue:
        """Return a queue to which the events of the queue *name* may be written."""

    def reader(self, name: str) -> Reader:
        """Return a reader of the queue *name*."""

    async def inflict(self, fault: Fault) -> None:
        """Break something."""

    async def mend(self) -> None:
        """Make everything well again; what was stored is still there."""

    async def stop(self) -> None:
        """End what runs."""


class FaultProxy:
    """A TCP relay to ``127.0.0.1:target`` that shows a fault of the way."""

    def __init__(self, reactor: Any, target: int) -> None:
        self._reactor = reactor
        self._target = target
        self._listening: Any = None
        self._pairs: set[_Front] = set()
        self.fault: Fault | None = None
        self.translate: Callable[[bytes], bytes] | None = None
        """What is done to answers: an engine whose answers say where to connect needs that."""
        self.port = 0

    def listen(self) -> None:
        """Accept connections."""
        factory = Factory.forProtocol(lambda: _Front(self))
        factory.noisy = False
        self._listening = self._reactor.listenTCP(self.port, factory, interface="127.0.0.1")
        self.port = self._listening.getHost().port

    async def refuse(self) -> None:
        """Cut what is connected, and accept nothing."""
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.stopListening()
        self.cut()

    def cut(self) -> None:
        """Cut what is connected."""
        for pair in list(self._pairs):
            pair.cut()

    async def show(self, fault: Fault | None) -> None:
        """Be well again, or behave as *fault* has it, for old connections and for new."""
        held = self.fault in (Fault.SILENT, Fault.HALF_CLOSED)
        self.fault = fault
        if fault is Fault.REFUSING:
            await self.refuse()
        elif self._listening is None:
            self.listen()
        if held:
            # Answers were lost on these; nobody may take a later one for them.
            self.cut()

    async def stop(self) -> None:
        """End everything."""
        await self.refuse()
        while self._pairs:
            await deferLater(self._reactor, 0.005)

    def connected(self, front: "_Front") -> None:
        """Connect a client to the server."""
        self._pairs.add(front)
        endpoint = TCP4ClientEndpoint(self._reactor, "127.0.0.1", self._target, timeout=5)
        factory = Factory.forProtocol(lambda: _Back(self, front))
        factory.noisy = False
        endpoint.connect(factory).addErrback(lambda _: front.cut())

    def disconnected(self, front: "_Front") -> None:
        """Forget a client."""
        self._pairs.discard(front)

    def answer(self, front: "_Front", data: bytes) -> None:
        """Pass an answer to the client, as the fault allows."""
        if self.translate is not None:
            data = self.translate(data)
        match self.fault:
            case Fault.SILENT:
                pass
            case Fault.SLOW:
                self._reactor.callLater(DELAY, front.say, data)
            case Fault.CUT:
                front.say(data[: len(data) // 2])
                front.transport.loseConnection()  # type: ignore[union-attr]
            case Fault.HALF_CLOSED:
                front.half_close()
            case _:
                front.say(data)


class _Front(TcpProtocol):
    """The client's end of a relay."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._early: list[bytes] = []
        self.back: _Back | None = None
        self.ended = False

    def connectionMade(self) -> None:
        self._proxy.connected(self)

    def dataReceived(self, data: bytes) -> None:
        if self.back is None:
            self._early.append(data)
        else:
            self.back.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = True
        self._proxy.disconnected(self)
        if self.back is not None:
            self.back.transport.abortConnection()  # type: ignore[union-attr]

    def join(self, back: "_Back") -> None:
        self.back = back
        back.transport.writeSequence(self._early)  # type: ignore[union-attr]
        if self.ended:
            back.transport.abortConnection()  # type: ignore[union-attr]

    def say(self, data: bytes) -> None:
        if not self.ended:
            self.transport.write(data)  # type: ignore[union-attr]

    def half_close(self) -> None:
        if not self.ended:
            handle = self.transport.getHandle()  # type: ignore[union-attr]
            with contextlib.suppress(OSError):  # the client has gone meanwhile
                handle.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]


class _Back(TcpProtocol):
    """The server's end of a relay."""

    def __init__(self, proxy: FaultProxy, front: _Front) -> None:
        self._proxy = proxy
        self._front = front

    def connectionMade(self) -> None:
        self._front.join(self)

    def dataReceived(self, data: bytes) -> None:
        self._proxy.answer(self._front, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._front.cut()


class ServerBackend:
    """A queue server in a process of its own, behind a :class:`FaultProxy`.

    Another engine says its :meth:`command`, :meth:`queue` and :meth:`reader`.
    """

    faults = frozenset(Fault) - {Fault.FULL}

    def __init__(self) -> None:
        self.reactor: Any = None
        self.directory = Path()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._full = False

    def command(self, full: bool) -> list[str]:
        """Return the words that start the server on :attr:`port`, in :attr:`directory`.

        :param full: it shall have no room.
        """
        raise NotImplementedError

    def queue(self, name: str) -> Queue:
        """Return a queue by way of ``self.proxy.port``."""
        raise NotImplementedError

    def reader(self, name: str) -> Reader:
        """Return a reader, by way of the server's own port: the faults are the writer's."""
        raise NotImplementedError

    async def start(self, reactor: Any, directory: Path) -> None:
        """See :class:`Backend`."""
        self.reactor, self.directory = reactor, directory
        self.run(full=False)
        await self.ready()
        self.proxy = FaultProxy(reactor, self.port)
        self.proxy.listen()

    async def make(self, name: str) -> None:
        """See :class:`Backend`."""

    async def inflict(self, fault: Fault) -> None:
        """See :class:`Backend`."""
        match fault:
            case Fault.DEAD:
                self.end(signal.SIGTERM)
            case Fault.KILLED:
                self.end(signal.SIGKILL)
            case Fault.HANGING:
                self.tell(signal.SIGSTOP)
                self._stopped = True
            case Fault.FULL:
                self.end(signal.SIGTERM)
                self.run(full=True)
                await self.ready()
            case _:
                await self.proxy.show(fault)

    async def mend(self) -> None:
        """See :class:`Backend`."""
        if self._stopped:
            self.tell(signal.SIGCONT)
            self._stopped = False
        if self.proxy.fault is not None:
            await self.proxy.show(None)
        if self._full:
            self.end(signal.SIGTERM)
        if self._process is None:
            self.run(full=False)
            await self.ready()

    async def stop(self) -> None:
        """See :class:`Backend`."""
        await self.proxy.stop()
        self.end(signal.SIGKILL)

    def run(self, full: bool) -> None:
        """Start the server's process."""
        self._full = full
        self._process = subprocess.Popen(
            self.command(full), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    async def ready(self) -> None:
        """Wait until the server accepts connections."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await deferLater(self.reactor, 0.01)
        raise TimeoutError(f"{self.command(False)[:4]} does not listen on {self.port}")

    def tell(self, what: signal.Signals) -> None:
        """Send a signal to the server."""
        if self._process is not None:
            os.kill(self._process.pid, what)

    def end(self, how: signal.Signals) -> None:
        """End the server's process, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_SECONDS)


KESTREL = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from pyingest.queues.kestreld import start

async def begin():
    most = int(sys.argv[3])
    server = await start(reactor, "127.0.0.1", int(sys.argv[1]), Path(sys.argv[2]), most)
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(server.stop())
    )

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(begin()))
reactor.run()
"""


def kestrel_command(port: int, store: Path, most: int = 10_000_000) -> list[str]:
    """Return the words that serve Kestrel's protocol, with *most* messages a queue at most."""
    return [sys.executable, "-c", KESTREL, str(port), str(store), str(most)]


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing(sent: Iterable[bytes], found: Iterable[bytes]) -> set[bytes]:
    """Return what was sent and is not among what was found."""
    return set(sent) - set(found)
