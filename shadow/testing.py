"""Sides that answer from a script, for tests of whatever stands before them."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyingest.message import Response
from shadow.dualrun import Ended
from shadow.exchange import Answered, Failed
from shadow.relaying.answerframing import AnswerFramer
from shadow.relaying.framing import FramingLimits, RequestFramer, Whole
from shadow.relaying.link import Passage
from shadow.relaying.raw import RawAnswer, RawRequest

ONE = Answered(
    Response(200, b"OK", ((b"Content-Type", b"text/plain"), (b"Content-Length", b"1")), b"1"),
    0.001,
)


def raw_request(data: bytes) -> RawRequest:
    """Return the one request that *data* is."""
    found = RequestFramer(FramingLimits()).feed(data)
    assert isinstance(found, Whole), found
    return RawRequest(found.head, found.data, found.head.end)


def raw_answer(data: bytes, seconds: float = 0.001) -> RawAnswer:
    """Return the one answer that *data* is."""
    framer = AnswerFramer(1_000_000)
    framer.expect(False, True)
    framer.feed(data)
    assert framer.answer is not None, framer.wrong
    framer.answer.seconds = seconds
    return framer.answer


RAW_ONE = raw_answer(ONE.response.encode())


def end(passage: Passage, ended: Ended) -> None:
    """Tell *passage* what became of its request."""
    if isinstance(ended, Failed):
        passage.failed(ended)
    else:
        passage.answered(ended.data, ended)


class ScriptedSide:
    """A side whose outcomes are a function of the request; it remembers what it got."""

    def __init__(self, answer: Callable[[RawRequest], Ended] = lambda _: RAW_ONE) -> None:
        self.got: list[RawRequest] = []
        self._answer = answer

    def send(self, request: RawRequest, passage: Passage) -> None:
        """Tell the scripted outcome at once."""
        self.got.append(request)
        end(passage, self._answer(request))


class HangingSide:
    """A side that answers when it is told to."""

    def __init__(self) -> None:
        self.got: list[RawRequest] = []
        self._waiting: list[Passage] = []

    def send(self, request: RawRequest, passage: Passage) -> None:
        """Wait for :meth:`answer`."""
        self.got.append(request)
        self._waiting.append(passage)

    def answer(self, ended: Ended = RAW_ONE) -> None:
        """End the oldest request."""
        end(self._waiting.pop(0), ended)


class FakeVisitor:
    """A client as the proxy sees it; it keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_cut = False
        self.full = False
        self._then: list[Callable[[], None]] = []

    @property
    def is_out(self) -> bool:
        """Whether all that was passed on has left us."""
        return not self.full

    def begin(self, errand: object) -> None:
        """Take it that a request is under way."""

    def pass_on(self, data: bytes) -> None:
        """Hear bytes of an answer."""
        self.heard += data

    def answered(self, keeps: bool, early: bool) -> None:
        """Take it that the answer is complete."""

    def wants_more(self) -> None:
        """Take it that more of the request may come."""

    def abort(self) -> None:
        """Be cut off."""
        self.is_cut = True

    def when_out(self, then: Callable[[], None]) -> None:
        """Call *then* at once, or when the client is not full any more."""
        if self.full:
            self._then.append(then)
        else:
            then()

    def fetch(self) -> None:
        """Be full no more."""
        self.full = False
        for then in self._then:
            then()


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
