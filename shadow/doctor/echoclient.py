"""The client of the echo test: says its bytes in the pieces it is told, and keeps every answer."""

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from shadow.doctor.answers import wants_close
from shadow.doctor.conversation import Conversation
from shadow.doctor.framing import NotFramed, request_head, response_end, response_head

CONTINUE_SECONDS = 1.0
"""For ``100 Continue`` to come, after which the body is sent all the same, as curl does."""


class EchoClientProtocol(Protocol):
    """One connection to the proxy."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.lost = False
        self._news: Deferred[None] | None = None

    def connectionMade(self) -> None:
        """Send small pieces at once."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP only

    def dataReceived(self, data: bytes) -> None:
        """Keep what came."""
        self.heard += data
        self._tell()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end."""
        self.lost = True
        self._tell()

    def say(self, data: bytes) -> None:
        """Send *data*."""
        self.transport.write(data)  # type: ignore[union-attr]

    def hang_up(self) -> None:
        """End the connection."""
        if not self.lost:
            self.transport.loseConnection()  # type: ignore[union-attr]

    async def news(self, clock: Any, seconds: float) -> bool:
        """Return whether more came, or the end, within *seconds*."""
        if self.lost:
            return False
        self._news = Deferred()
        self._news.addTimeout(seconds, clock)
        try:
            await self._news
        except TimeoutError:
            return False
        finally:
            self._news = None
        return True

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.callback(None)


class EchoClient:
    """Speaks with the proxy, over one connection for as long as it holds."""

    def __init__(self, reactor: Any, port: int, seconds: float) -> None:
        self._reactor = reactor
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self.seconds = seconds
        """For an answer to come."""
        self._connection: EchoClientProtocol | None = None

    async def converse(self, conversation: Conversation) -> list[bytes | None]:
        """Return the answer to each request; ``None`` for one that did not come."""
        connection = await self._open()
        await self._say(connection, conversation)
        answers: list[bytes | None] = []
        for raw in conversation.requests:
            answers.append(await self._answer(connection, raw))
        if connection.heard or any(answer is None or _is_last(answer) for answer in answers):
            await self.close()
        return answers

    async def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.hang_up()
            while await self._connection.news(self._reactor, self.seconds):
                pass
            self._connection = None

    async def _open(self) -> EchoClientProtocol:
        if self._connection is None or self._connection.lost:
            factory = Factory.forProtocol(EchoClientProtocol)
            factory.noisy = False
            made = await self._endpoint.connect(factory)
            assert isinstance(made, EchoClientProtocol)
            self._connection = made
        return self._connection

    async def _say(self, connection: EchoClientProtocol, conversation: Conversation) -> None:
        pieces = conversation.pieces()
        for number, piece in enumerate(pieces):
            connection.say(piece)
            if number == 0 and conversation.waits:
                await connection.news(self._reactor, CONTINUE_SECONDS)
            elif number < len(pieces) - 1:
                # Two turns of the loop: the first writes the piece, in the second it is read.
                await deferLater(self._reactor, 0)
                await deferLater(self._reactor, 0)

    async def _answer(self, connection: EchoClientProtocol, raw: bytes) -> bytes | None:
        """Return the next final answer, which is one to *raw*."""
        head = request_head(raw)
        method = b"GET" if head is None else head.word
        try:
            while True:
                end = response_end(bytes(connection.heard), method, connection.lost)
                if end is not None:
                    answer = bytes(connection.heard[:end])
                    del connection.heard[:end]
                    if not _is_interim(answer):
                        return answer
                elif not await connection.news(self._reactor, self.seconds):
                    return None
        except NotFramed:
            broken = bytes(connection.heard)
            connection.heard.clear()
            connection.hang_up()
            return broken


def _is_last(answer: bytes) -> bool:
    """Return whether the connection ends behind *answer*, for all that this says."""
    head = response_head(answer)
    return head is None or wants_close(head)


def _is_interim(answer: bytes) -> bool:
    head = response_head(answer)
    return head is not None and head.word[:1] == b"1"
