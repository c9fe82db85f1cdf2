"""A client of a Kestrel server: writes with an honest outcome, reads without stealing.

Nothing is ever sent twice: when the connection is lost after sending, the outcome is unknown,
and said to be.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater

from pyingest.event import Event, Stored
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel_connection import Connector, KestrelClientProtocol, Lost
from pyingest.queues.kestrel_wire import (
    ERRORS,
    Reply,
    Value,
    is_queue_name,
    outcome,
    set_request,
    stat,
)

DEADLINE = 1.5
"""Seconds for one publish as a whole: what the legacy service gives its queue."""
READ_SECONDS = 10.0
"""For what a reader asks at once."""
PIPELINED = 128
REDELIVERY_SECONDS = 30.0
"""How long after a loss a message that comes again is known for the same one."""


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
        try:
            outcomes = iter(await self._send(sent) if sent else ())
        finally:
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
        while living:
            best = min(living, key=lambda live: live.waiting)
            if not best.stale:
                return best
            # The server has left it; nothing was sent, so that a new one may be used.
            best.abort()
            living.remove(best)
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
