"""A connection to a Kestrel server, and keeping one: questions out, answers in their order.

Kestrel's bare error words end a connection, so ours ends there too.
"""

import socket
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyingest.queues.kestrel_wire import (
    ERRORS,
    OUTCOMES,
    Reply,
    ReplyError,
    ReplyReader,
    Value,
    is_version,
)

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
"""Seconds until a server that could not be reached is tried again; doubled up to the second."""
LAST_LINES = (b"END", b"DELETED")
"""What an answer of more than one line ends with; and the answer to ``delete``, which is one."""


class Lost(Exception):
    """There is no connection, or it ended, or its server is no Kestrel."""


class KestrelClientProtocol(Protocol):
    """One connection. Answers come in the order of the questions."""

    def __init__(self) -> None:
        self._reader = ReplyReader()
        self._pending: deque[tuple[bool, Deferred[list[Reply]]]] = deque()
        self._answer: list[Reply] = []
        self.lost = False
        self.gone: Deferred[None] = Deferred()
        """Fires when the connection has ended."""

    def connectionMade(self) -> None:
        """Send small requests at once."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP only

    @property
    def waiting(self) -> int:
        """How many questions have no answer yet."""
        return len(self._pending)

    @property
    def stale(self) -> bool:
        """Whether the server has left, although the reactor was not yet told; one system call."""
        try:
            seen = self.transport.getHandle().recv(  # type: ignore[union-attr]  # TCP only
                1, socket.MSG_PEEK | socket.MSG_DONTWAIT
            )
        except (BlockingIOError, InterruptedError):
            return self.lost
        except OSError:
            return True
        return self.lost or not seen

    def ask(self, requests: Sequence[bytes], until_end: bool) -> "list[Deferred[list[Reply]]]":
        """Send requests; the answer to each is one line, or everything up to ``END``.

        Each fails with :class:`Lost` when the connection ends before its answer is whole.
        """
        answers: list[Deferred[list[Reply]]] = [Deferred() for _ in requests]
        if self.lost:
            for answer in answers:
                answer.errback(Failure(Lost("the connection was closed")))
            return answers
        self._pending.extend((until_end, answer) for answer in answers)
        self.transport.writeSequence(requests)  # type: ignore[union-attr]
        return answers

    def dataReceived(self, data: bytes) -> None:
        """Hand answers to those who asked."""
        try:
            for reply in self._reader.feed(data):
                self._take(reply)
                if self.lost:
                    return
        except ReplyError:
            self.abort()

    def abort(self) -> None:
        """End the connection at once; everything pending is lost."""
        self.lost = True
        self.transport.abortConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everyone who waits."""
        self.lost = True
        pending, self._pending = self._pending, deque()
        for _, answer in pending:
            answer.errback(Failure(Lost(reason.getErrorMessage())))
        self.gone.callback(None)

    def _take(self, reply: Reply) -> None:
        if not self._pending:
            # Kestrel up to 2.1.0 sends an empty line behind its version.
            if reply:
                self.abort()
            return
        self._answer.append(reply)
        until_end, answer = self._pending[0]
        error = reply in ERRORS
        if until_end and not error and (isinstance(reply, Value) or reply not in LAST_LINES):
            return
        self._pending.popleft()
        whole, self._answer = self._answer, []
        if error or not (until_end or reply in OUTCOMES or is_version(reply)):
            self.abort()
        answer.callback(whole)


class Connector:
    """Keeps one connection to a server, made when it is needed."""

    def __init__(self, reactor: Any, host: str, port: int, patience: float) -> None:
        self._reactor = reactor
        self._endpoint = HostnameEndpoint(reactor, host, port, timeout=patience)
        self._connecting: Deferred[Any] | None = None
        self._turns: list[Deferred[None]] = []
        self._not_before = 0.0
        self._wait = FIRST_WAIT
        self._error = ""
        self._closed = False
        self.protocol: KestrelClientProtocol | None = None
        """The connection, as long as it lives."""

    @property
    def live(self) -> KestrelClientProtocol | None:
        """The connection, or ``None`` when there is none now."""
        return None if self.protocol is None or self.protocol.lost else self.protocol

    def revive(self) -> None:
        """Begin to connect, unless that is so, is under way, or has just failed."""
        early = self._reactor.seconds() < self._not_before
        if self.live or self._connecting is not None or early or self._closed:
            return
        self._connecting = self._endpoint.connect(Factory.forProtocol(KestrelClientProtocol))
        self._connecting.addCallbacks(self._made, self._failed)

    async def connection(self) -> KestrelClientProtocol:
        """Return a living connection.

        :raises Lost: none can be made now; a failed attempt is not repeated at once.
        """
        self.revive()
        if self._connecting is not None:
            turn: Deferred[None] = Deferred()
            self._turns.append(turn)
            await turn
        if (live := self.live) is None:
            raise Lost("the queue is closed" if self._closed else self._error)
        return live

    async def close(self) -> None:
        """End the connection, and wait until it is gone."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self.protocol is not None and self.protocol.transport is not None:
            self.protocol.lost = True
            self.protocol.transport.loseConnection()
            await self.protocol.gone

    def _made(self, made: KestrelClientProtocol) -> None:
        self.protocol = made
        self._wait = FIRST_WAIT
        self._attempted()

    def _failed(self, failure: Failure) -> None:
        self._error = failure.getErrorMessage()
        self._not_before = self._reactor.seconds() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._attempted()

    def _attempted(self) -> None:
        self._connecting = None
        turns, self._turns = self._turns, []
        for turn in turns:
            turn.callback(None)
