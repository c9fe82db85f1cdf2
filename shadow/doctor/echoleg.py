"""A side of the echo test: keeps each request to the byte, and answers as its bytes say."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from shadow.doctor.answers import EchoAnswer, answer_to
from shadow.doctor.framing import NotFramed, request_end, request_head
from shadow.exchange import Side

Answer = Callable[[bytes, Side, bool], EchoAnswer]
"""From a request, the side, and whether the answer may end with its connection, to the answer."""


class EchoLeg(Factory):
    """A server that records. What it cannot read strictly is kept in :attr:`broken`."""

    noisy = False

    def __init__(self, side: Side, answer: Answer = answer_to) -> None:
        self.side = side
        self.answer = answer
        self.got: list[bytes] = []
        """Whole requests, in the order in which they were whole."""
        self.broken: list[str] = []
        """Why bytes were no request, and their beginning."""
        self.said: dict[bytes, bytes] = {}
        """The answer to each request."""
        self.streams: list[bytearray] = []
        """All bytes of each connection."""
        self.may_close = True
        """Whether an answer may end with its connection; those behind it would never come."""
        self.port = 0
        self._news: Deferred[None] | None = None

    def listen(self, reactor: Any) -> Any:
        """Listen on any free port of this machine; return the listening port."""
        listening = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port = listening.getHost().port
        return listening

    def buildProtocol(self, addr: object) -> Protocol:
        """Return the protocol for one connection."""
        self.streams.append(bytearray())
        return EchoLegProtocol(self, self.streams[-1])

    async def wait(self, reactor: Any, count: int, seconds: float) -> None:
        """Return when *count* requests are there or one was broken, or *seconds* are over."""
        deadline = reactor.seconds() + seconds
        while len(self.got) < count and not self.broken:
            self._news = Deferred()
            self._news.addTimeout(max(deadline - reactor.seconds(), 0.0), reactor)
            try:
                await self._news
            except TimeoutError:
                return
            finally:
                self._news = None

    def tell(self) -> None:
        """Wake who waits: something came."""
        news, self._news = self._news, None
        if news is not None:
            news.callback(None)

    def take(self) -> list[bytes]:
        """Return the requests that came since the last call."""
        taken, self.got = self.got, []
        return taken


class EchoLegProtocol(Protocol):
    """One connection."""

    def __init__(self, leg: EchoLeg, stream: bytearray) -> None:
        self._leg = leg
        self._stream = stream
        self._at = 0
        self._continued = self._ended = False

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; answer the requests that they complete."""
        self._stream += data
        try:
            while not self._ended and self._next():
                pass
        except NotFramed as error:
            start = bytes(self._stream[self._at :])[:200]
            self._leg.broken.append(f"{error} in {start!r}")
            self._write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", close=True)
        self._leg.tell()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note a request that never became whole."""
        rest = bytes(self._stream[self._at :])
        if rest and not self._ended:
            self._leg.broken.append(f"a request that was cut short: {rest[:200]!r}")
            self._leg.tell()

    def _next(self) -> bool:
        rest = bytes(self._stream[self._at :])
        end = request_end(rest) if rest else None
        if end is None:
            self._encourage(rest)
            return False
        raw = rest[:end]
        self._at += end
        self._continued = False
        answer = self._leg.answer(raw, self._leg.side, self._leg.may_close)
        self._leg.got.append(raw)
        self._leg.said[raw] = answer.data
        self._write(answer.data, answer.close)
        return True

    def _encourage(self, rest: bytes) -> None:
        """Ask for a body that waits to be asked for (RFC 9110, section 10.1.1)."""
        head = request_head(rest) if rest and not self._continued else None
        if head is not None and b"100-continue" in head.values(b"expect"):
            self._continued = True
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _write(self, data: bytes, close: bool = False) -> None:
        transport: Any = self.transport
        transport.write(data)
        if close:
            self._ended = True
            transport.loseConnection()
