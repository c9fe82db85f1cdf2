"""A client of a Kestrel server that writes with an honest outcome.

Nothing is ever sent twice: when the connection is lost after sending, the outcome is unknown,
and said to be.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.queues.kestrel_connection import Connector, KestrelClientProtocol, Lost
from pyingest.queues.kestrel_wire import is_queue_name, outcome, set_request

DEADLINE = 1.5
"""Seconds for one publish as a whole: what the legacy service gives its queue."""


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
