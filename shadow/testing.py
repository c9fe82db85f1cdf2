"""Sides that answer from a script, for tests of whatever stands before them."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyingest.message import Request, Response
from shadow.exchange import Answered, Outcome

ONE = Answered(
    Response(200, b"OK", ((b"Content-Type", b"text/plain"), (b"Content-Length", b"1")), b"1"),
    0.001,
)


class ScriptedSide:
    """A side whose outcomes are a function of the request; it remembers what it got."""

    def __init__(self, answer: Callable[[Request], Outcome] = lambda _: ONE) -> None:
        self.got: list[Request] = []
        self._answer = answer

    async def send(self, request: Request) -> Outcome:
        """Return the scripted outcome at once."""
        self.got.append(request)
        return self._answer(request)


class HangingSide:
    """A side that answers when it is told to."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self._waiting: list[Deferred[Outcome]] = []

    async def send(self, request: Request) -> Outcome:
        """Return what :meth:`answer` is given."""
        self.got.append(request)
        waiting: Deferred[Outcome] = Deferred()
        self._waiting.append(waiting)
        return await waiting

    def answer(self, outcome: Outcome = ONE) -> None:
        """End the oldest request."""
        self._waiting.pop(0).callback(outcome)


Behaviour = Callable[[Any, bytes], None]
"""What a server does on its transport with the bytes that came."""


class FakeUpstream(Factory):
    """A server on a real socket that does as it is told with whatever comes; see below."""

    noisy = False

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.connections = 0
        self.received: list[bytes] = []

    def listen(self, reactor: Any) -> Any:
        """Listen on any free port of this machine; return the listening port."""
        return reactor.listenTCP(0, self, interface="127.0.0.1")

    def buildProtocol(self, addr: object) -> Protocol:
        """Return the protocol for one connection."""
        self.connections += 1
        return _Behaving(self)


class _Behaving(Protocol):
    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream

    def dataReceived(self, data: bytes) -> None:
        self._upstream.received.append(data)
        self._upstream.behave(self.transport, data)


def hanging(transport: Any, data: bytes) -> None:
    """Never answer."""


def resetting(transport: Any, data: bytes) -> None:
    """Cut the connection."""
    transport.abortConnection()


def talking_garbage(transport: Any, data: bytes) -> None:
    """Answer with what is not HTTP."""
    transport.write(b"\x16\x03\x01 no such thing\r\n\r\n")


def answering(response: bytes) -> Behaviour:
    """Return the behaviour that answers each piece of data with *response*."""

    def answer(transport: Any, data: bytes) -> None:
        transport.write(response)

    return answer


class RawClient(Protocol):
    """A client that sends bytes and keeps what comes back."""

    def __init__(self) -> None:
        self.heard = b""
        self.closed = False
        self._waiting: list[tuple[bytes, Deferred[bytes]]] = []

    def say(self, data: bytes) -> None:
        """Send *data*."""
        transport: Any = self.transport
        transport.write(data)

    def hear(self, until: bytes) -> "Deferred[bytes]":
        """Return all that was heard once it ends with *until*, or the connection has ended."""
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append((until, waiting))
        self._look()
        return waiting

    def dataReceived(self, data: bytes) -> None:
        """Keep what came."""
        self.heard += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell those who wait."""
        self.closed = True
        self._look()

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        for until, deferred in waiting:
            if self.closed or self.heard.endswith(until):
                deferred.callback(self.heard)
            else:
                self._waiting.append((until, deferred))
