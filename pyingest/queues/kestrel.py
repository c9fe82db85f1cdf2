"""A client of a Kestrel server: writes with an honest outcome, reads without stealing.

Nothing is ever sent twice: when the connection is lost after sending, the outcome is unknown,
and said to be. Kestrel's bare error words end a connection, so ours ends there too.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pyingest.event import Event, Stored
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel_wire import (
    ERRORS,
    OUTCOMES,
    Reply,
    ReplyError,
    ReplyReader,
    Value,
    is_queue_name,
    outcome,
    set_request,
    stat,
)

DEADLINE = 1.5
"""Seconds for one publish as a whole: what the legacy service gives its queue."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds until a server that could not be reached is tried again; doubled up to the second."""
READ_SECONDS = 10.0
"""For what a reader asks at once."""
PIPELINED = 128
LAST_LINES = (b"END", b"DELETED")
"""What an answer of more than one line ends with; and all of the answer to ``delete``."""
REDELIVERY_SECONDS = 30.0
"""How long after a loss a message that comes again is known for the same one."""


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
            self.abort()
            return
        self._answer.append(reply)
        until_end, answer = self._pending[0]
        error = reply in ERRORS
        if until_end and not error and (isinstance(reply, Value) or reply not in LAST_LINES):
            return
        self._pending.popleft()
        whole, self._answer = self._answer, []
        if error or not (until_end or reply in OUTCOMES):
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


class KestrelQueue:
    """Writes to a Kestrel server over a few connections; publishes may overtake each other.

    :param deadline: seconds for one :meth:`publish` as a whole, connecting included. Then its
        connection is cut, so that a late answer can never be taken for another's; what else
        was under way on it is ``UNKNOWN``.
    """

    def __init__(
        self, reactor: Any, host: str, port: int, connections: int = 4, deadline: float = DEADLINE
    ) -> None:
        self._reactor = reactor
        self._deadline = deadline
        self._connectors = [Connector(reactor, host, port, deadline) for _ in range(connections)]
        self._turn = 0
        self._valid: set[str] = set()
        self._under_way = 0
        self._closed = False

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events* in order over one connection; return one outcome per event.

        An event whose queue name Kestrel would not take is ``REFUSED``, and not sent.
        """
        fit = [self._is_valid(event.queue) for event in events]
        sent = [event for event, good in zip(events, fit, strict=True) if good]
        self._under_way += 1
        outcomes = iter(await self._send(sent) if sent else ())
        self._under_way -= 1
        return [next(outcomes) if good else Outcome.REFUSED for good in fit]

    async def close(self) -> None:
        """Wait for the answers under way (at most the deadline), and end the connections."""
        self._closed = True
        while self._under_way:
            await deferLater(self._reactor, 0.01)
        for connector in self._connectors:
            await connector.close()

    async def _send(self, events: list[Event]) -> list[Outcome]:
        expires = self._reactor.seconds() + self._deadline
        if self._closed:
            return [Outcome.REFUSED] * len(events)
        try:
            protocol = await self._connection()
        except Lost:
            return [Outcome.REFUSED] * len(events)
        left = max(0.0, expires - self._reactor.seconds())
        late: list[bool] = []
        timer = self._reactor.callLater(left, self._cut, protocol, late)
        requests = [set_request(event.queue, event.body) for event in events]
        answers = await DeferredList(protocol.ask(requests, False), consumeErrors=True)
        if timer.active():
            timer.cancel()
        unanswered = Outcome.TIMED_OUT if late else Outcome.UNKNOWN
        return [outcome(answer) if good else unanswered for good, answer in answers]

    async def _connection(self) -> KestrelClientProtocol:
        """Return the least busy connection; wait for one only when there is none."""
        for connector in self._connectors:
            connector.revive()
        self._turn += 1
        start = self._turn % len(self._connectors)
        ring = self._connectors[start:] + self._connectors[:start]
        living = [live for connector in ring if (live := connector.live)]
        if living:
            return min(living, key=lambda live: live.waiting)
        return await ring[0].connection()

    def _is_valid(self, name: str) -> bool:
        if name not in self._valid and is_queue_name(name):
            self._valid.add(name)
        return name in self._valid

    def _cut(self, protocol: KestrelClientProtocol, late: list[bool]) -> None:
        late.append(True)
        protocol.abort()


class KestrelReader:
    """Reads queues through fan-out queues (``events+shadow``): their consumers lose nothing.

    The fan-out is created by :meth:`attach`, or by the first call of another method, and sees
    what is written later; one that exists goes on where it stopped. Each message is confirmed
    by asking for the next. Offsets are counted here, per queue, from 1.
    """

    def __init__(
        self, reactor: Any, host: str, port: int, names: Sequence[str], child: str = "shadow"
    ) -> None:
        for name in (*names, child):
            if not is_queue_name(name):
                raise QueueError(f"{name!r} cannot be the name of a Kestrel queue")
        self._reactor = reactor
        self._connector = Connector(reactor, host, port, READ_SECONDS)
        self._where = f"queue kestrel://{host}:{port}"
        self._children = {name: f"{name}+{child}" for name in names}
        self._offsets = dict.fromkeys(names, 0)
        # An empty answer costs the server as much as a full one: ask for about as many as came.
        self._expected = dict.fromkeys(names, 1)
        self._unsure: dict[str, tuple[bytes, float]] = {}
        self._attached = False

    async def attach(self) -> None:
        """Create the fan-out queues, so that whatever is written from now on is seen.

        :raises QueueError: the server cannot be asked now.
        """
        requests = [b"get %b/peek\r\n" % child.encode() for child in self._children.values()]
        answers = await self._ask(requests)
        if None in answers:
            raise QueueError(f"{self._where}: closed the connection; is it a Kestrel server?")
        self._attached = True

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages not yet returned, each queue's oldest first.

        :raises QueueError: the server cannot be asked now, and nothing was read.
        """
        if not self._attached:
            await self.attach()
        found: list[Stored] = []
        for name in sorted(self._children, key=self._offsets.__getitem__):
            try:
                await self._drain(name, limit, found)
            except QueueError:
                if not found:
                    raise
                break
        return found

    async def backlog(self) -> int:
        """Return how many messages wait in the fan-out queues.

        :raises QueueError: the server cannot be asked now.
        """
        if not self._attached:
            await self.attach()
        (lines,) = await self._ask([b"stats\r\n"])
        if lines is None:
            raise QueueError(f"{self._where}: closed the connection while it was asked")
        figures = dict(stat(line) for line in lines if isinstance(line, bytes))
        names = (f"queue_{child}_items" for child in self._children.values())
        return sum(figures.get(name, 0) for name in names)

    async def detach(self) -> None:
        """Delete the fan-out queues: on a real Kestrel one that nobody reads grows for ever.

        :raises QueueError: the server cannot be asked now.
        """
        await self._ask([b"delete %b\r\n" % child.encode() for child in self._children.values()])
        self._attached = False

    async def close(self) -> None:
        """End the connection; no message is open then."""
        await self._connector.close()

    async def _drain(self, name: str, limit: int, found: list[Stored]) -> None:
        """Add what waits in one queue; many requests at once, each confirms what came before."""
        child = self._children[name].encode()
        while len(found) < limit:
            asked = min(self._expected[name], limit - len(found))
            requests = [b"get %b/close/open\r\n" % child] * asked + [b"get %b/close\r\n" % child]
            answers = await self._ask(requests)
            bodies = [
                reply.body
                for answer in answers
                for reply in answer or ()
                if isinstance(reply, Value)
            ]
            lost = None in answers
            self._take(name, bodies, found)
            if lost and bodies and answers.index(None) == len(bodies):
                self._unsure[name] = (bodies[-1], self._reactor.seconds() + REDELIVERY_SECONDS)
            if lost:
                raise QueueError(f"{self._where}: closed the connection while it was read")
            if len(bodies) < asked:
                self._expected[name] = len(bodies) + 1
                return
            self._expected[name] = min(2 * asked, PIPELINED)

    def _take(self, name: str, bodies: list[bytes], found: list[Stored]) -> None:
        """Number messages; one that was read before the connection was lost is not new."""
        for body in bodies:
            known, until = self._unsure.pop(name, (None, 0.0))
            if body == known and self._reactor.seconds() < until:
                continue
            self._offsets[name] += 1
            found.append(Stored(name, self._offsets[name], body))

    async def _ask(self, requests: list[bytes]) -> list[list[Reply] | None]:
        """Return the answers, ``None`` for those that were lost.

        :raises QueueError: there is no connection, or the first answer is an error.
        """
        try:
            protocol = await self._connector.connection()
        except Lost as error:
            raise QueueError(f"{self._where}: {error}; is a queue server running there?") from None
        timer = self._reactor.callLater(READ_SECONDS, protocol.abort)
        answers = await DeferredList(protocol.ask(requests, True), consumeErrors=True)
        if timer.active():
            timer.cancel()
        whole = [answer if good and answer[-1] not in ERRORS else None for good, answer in answers]
        if whole[0] is None and answers[0][0]:
            raise QueueError(
                f"{self._where}: answered {answers[0][1][-1]!r}; it cannot be read this way"
            )
        return whole
