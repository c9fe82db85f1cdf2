"""A client of a Kestrel server: writes with an honest outcome, reads without stealing.

What is written is never sent twice: when the connection is lost after sending, the outcome is
unknown and said to be. Kestrel's bare error words end a connection, so ours ends there too.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pyingest.event import Event, Stored
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel_wire import ReplyReader, Value, Word, is_queue_name, set_command

OUTCOMES = {"STORED": Outcome.STORED, "NOT_STORED": Outcome.FULL}
CONNECT_SECONDS = 2.0
WAIT_AFTER_FAILURE = 0.25
PIPELINED = 100


class Lost(Exception):
    """The connection ended, or its server is no Kestrel."""


class KestrelClientProtocol(Protocol):
    """One connection. Answers come in the order of the questions."""

    def __init__(self) -> None:
        self._reader = ReplyReader()
        self._pending: deque[tuple[bool, Deferred[list[Value | Word]]]] = deque()
        self._answer: list[Value | Word] = []
        self.lost = False

    def connectionMade(self) -> None:
        """Send small commands at once."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP only

    @property
    def waiting(self) -> int:
        """How many questions have no answer yet."""
        return len(self._pending)

    def ask(self, data: bytes, until_end: bool) -> "Deferred[list[Value | Word]]":
        """Send a command; its answer is one line, or everything up to ``END``.

        Fails with :class:`Lost` when the connection ends first.
        """
        answer: Deferred[list[Value | Word]] = Deferred()
        self._pending.append((until_end, answer))
        self.transport.write(data)  # type: ignore[union-attr]
        return answer

    def dataReceived(self, data: bytes) -> None:
        """Hand answers to those who asked."""
        try:
            replies = self._reader.feed(data)
        except (ValueError, IndexError):
            self.abort()
            return
        for reply in replies:
            self._take(reply)

    def abort(self) -> None:
        """End the connection at once; everything pending is lost."""
        self.lost = True
        self.transport.abortConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everyone who waits."""
        self.lost = True
        while self._pending:
            self._pending.popleft()[1].errback(Failure(Lost(reason.getErrorMessage())))

    def _take(self, reply: Value | Word) -> None:
        if not self._pending:
            self.abort()
            return
        self._answer.append(reply)
        until_end, answer = self._pending[0]
        if isinstance(reply, Value):
            return
        error = reply.text.endswith("ERROR")
        if not until_end or error or reply.text == "END":
            self._pending.popleft()
            whole, self._answer = self._answer, []
            answer.callback(whole)
            if error:
                self.abort()


class Connector:
    """Keeps one connection to a server, made when it is needed."""

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        self._reactor = reactor
        self._endpoint = HostnameEndpoint(reactor, host, port, timeout=CONNECT_SECONDS)
        self._protocol: KestrelClientProtocol | None = None
        self._connecting: list[Deferred[None]] | None = None
        self._not_before = 0.0
        self.error = ""

    async def connection(self) -> KestrelClientProtocol:
        """Return a living connection.

        :raises Lost: none can be made now; a failed attempt is not repeated at once.
        """
        if self._protocol is not None and not self._protocol.lost:
            return self._protocol
        if self._connecting is not None:
            turn: Deferred[None] = Deferred()
            self._connecting.append(turn)
            await turn
            return await self.connection()
        if self._reactor.seconds() < self._not_before:
            raise Lost(self.error)
        self._connecting = []
        try:
            self._protocol = await self._connect()
        finally:
            turns, self._connecting = self._connecting, None
            for turn in turns:
                turn.callback(None)
        return self._protocol

    def close(self) -> None:
        """End the connection."""
        if self._protocol is not None and not self._protocol.lost:
            self._protocol.transport.loseConnection()  # type: ignore[union-attr]

    async def _connect(self) -> KestrelClientProtocol:
        try:
            made = await self._endpoint.connect(Factory.forProtocol(KestrelClientProtocol))
        except Exception as error:
            self.error = str(error)
            self._not_before = self._reactor.seconds() + WAIT_AFTER_FAILURE
            raise Lost(str(error)) from None
        assert isinstance(made, KestrelClientProtocol)
        return made


class KestrelQueue:
    """Writes to a Kestrel server over a few persistent connections.

    *deadline* (seconds) bounds each write as a whole; then its connection is cut, so that a late
    answer can never be taken for another's.
    """

    def __init__(
        self, reactor: Any, host: str, port: int, connections: int = 4, deadline: float = 1.5
    ) -> None:
        self._reactor = reactor
        self._deadline = deadline
        self._connectors = [Connector(reactor, host, port) for _ in range(connections)]
        self._turn = 0

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events* in order over one connection; return one outcome per event."""
        if not all(is_queue_name(event.queue) for event in events):
            return [Outcome.REFUSED] * len(events)
        self._turn += 1
        connector = self._connectors[self._turn % len(self._connectors)]
        try:
            protocol = await connector.connection()
        except Lost:
            return [Outcome.REFUSED] * len(events)
        late: list[bool] = []
        timer = self._reactor.callLater(self._deadline, self._cut, protocol, late)
        answers = [
            protocol.ask(set_command(event.queue, event.body), until_end=False).addCallbacks(
                _outcome, _unknown, errbackArgs=(late,)
            )
            for event in events
        ]
        outcomes: list[Outcome] = await gatherResults(answers)
        if timer.active():
            timer.cancel()
        return outcomes

    async def close(self) -> None:
        """End the connections."""
        for connector in self._connectors:
            connector.close()

    def _cut(self, protocol: KestrelClientProtocol, late: list[bool]) -> None:
        late.append(True)
        protocol.abort()


class KestrelReader:
    """Reads queues through fan-out queues (``events+shadow``): their consumers lose nothing.

    An item is confirmed by asking for the next one, so a reader that dies gets it again.
    Offsets are counted here, per queue.
    """

    def __init__(
        self, reactor: Any, host: str, port: int, names: Sequence[str], child: str
    ) -> None:
        self._connector = Connector(reactor, host, port)
        self._where = f"kestrel://{host}:{port}"
        self._names = {name: f"{name}+{child}" for name in names}
        self._offsets = dict.fromkeys(names, 0)
        self._reactor = reactor

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages of each queue; the first call creates the fan-outs."""
        found: list[Stored] = []
        for name in self._names:
            found += await self._read(name, limit)
        return found

    async def backlog(self) -> int:
        """Return how many messages wait in the fan-out queues."""
        stats: dict[str, int] = {}
        for reply in await self._ask(b"stats\r\n"):
            words = reply.text.split() if isinstance(reply, Word) else []
            if len(words) == 3 and words[2].isdigit():
                stats[words[1]] = int(words[2])
        children = self._names.values()
        return sum(stats.get(f"queue_{child}_items", 0) for child in children)

    async def close(self) -> None:
        """End the connection."""
        self._connector.close()

    async def _read(self, name: str, limit: int) -> list[Stored]:
        """Ask for many items at once; each question confirms the item before it."""
        child = self._names[name].encode()
        found: list[Stored] = []
        while len(found) < limit:
            asked = min(PIPELINED, limit - len(found))
            question = b"get %b/close/open\r\n" % child
            got = await self._ask_many([question] * asked + [b"get %b/close\r\n" % child])
            found += [self._stored(name, value.body) for value in got]
            if len(got) < asked:
                break
        return found

    def _stored(self, name: str, body: bytes) -> Stored:
        self._offsets[name] += 1
        return Stored(name, self._offsets[name], body)

    async def _ask_many(self, questions: list[bytes]) -> list[Value]:
        replies: list[Value | Word] = []
        protocol = await self._living()
        timer = self._reactor.callLater(10.0, protocol.abort)
        answers = [protocol.ask(question, until_end=True) for question in questions]
        try:
            for answer in await gatherResults(answers, consumeErrors=True):
                replies += answer
        except Exception as error:
            raise QueueError(f"{self._where}: {_reason(error)}") from None
        finally:
            if timer.active():
                timer.cancel()
        self._check(replies)
        return [reply for reply in replies if isinstance(reply, Value)]

    async def _ask(self, question: bytes) -> list[Value | Word]:
        protocol = await self._living()
        timer = self._reactor.callLater(10.0, protocol.abort)
        try:
            return await protocol.ask(question, until_end=True)
        except Lost as error:
            raise QueueError(f"{self._where}: {error}") from None
        finally:
            if timer.active():
                timer.cancel()

    async def _living(self) -> KestrelClientProtocol:
        try:
            return await self._connector.connection()
        except Lost as error:
            raise QueueError(
                f"{self._where}: {error}; is the queue server running there?"
            ) from None

    def _check(self, replies: list[Value | Word]) -> None:
        for reply in replies:
            if isinstance(reply, Word) and reply.text.endswith("ERROR"):
                raise QueueError(f"{self._where}: answered {reply.text}")


def _outcome(answer: list[Value | Word]) -> Outcome:
    first = answer[0]
    return OUTCOMES.get(first.text, Outcome.REFUSED) if isinstance(first, Word) else Outcome.UNKNOWN


def _unknown(failure: Failure, late: list[bool]) -> Outcome:
    failure.trap(Lost)
    return Outcome.TIMED_OUT if late else Outcome.UNKNOWN


def _reason(error: Exception) -> str:
    inner = getattr(error, "subFailure", None)
    return inner.getErrorMessage() if inner is not None else str(error)
