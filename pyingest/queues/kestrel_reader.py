"""Reads queues of a Kestrel server through fan-out queues, so that their consumers lose nothing.

A message is held open (``get Q/open``) until the next read, which is when the caller has kept it;
a server puts back what was open when a connection ends, so a reader that is killed loses nothing.
"""

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import DeferredList

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueError
from pyingest.queues.kestrel_connection import Connector, KestrelClientProtocol, Lost
from pyingest.queues.kestrel_lane import OPEN, Lane, gauge
from pyingest.queues.kestrel_wire import ERRORS, Reply, is_queue_name, stat

READ_SECONDS = 10.0
"""For what a reader asks at once."""
CLOSE_SECONDS = 1.0
REDELIVERY_SECONDS = 30.0
"""How long after a loss a message that comes again is known for the same one."""


class KestrelReader:
    """Reads queues through fan-out queues (``events+shadow``).

    The fan-out is created by :meth:`attach`, or by the first call of another method, and sees
    what is written later; one that exists goes on where it stopped. What a read returns is
    confirmed by the next one; of a read of more than 64 messages of a queue only the last ones.
    Offsets are counted here, per queue, from 1.
    """

    def __init__(
        self, reactor: Any, host: str, port: int, names: Sequence[str], child: str = "shadow"
    ) -> None:
        for name in (*names, child):
            if not is_queue_name(name):
                raise QueueError(f"{name!r} cannot be the name of a Kestrel queue")
        self._reactor = reactor
        self._connector = Connector(reactor, host, port, READ_SECONDS)
        self._protocol: KestrelClientProtocol | None = None
        self._where = f"queue kestrel://{host}:{port}"
        self._lanes = {name: Lane(f"{name}+{child}".encode()) for name in names}
        self._attached = False
        self.most = OPEN
        """Messages in a read of which none is confirmed before the next."""

    async def attach(self) -> None:
        """Create the fan-out queues, so that whatever is written from now on is seen.

        :raises QueueError: the server cannot be asked now.
        """
        requests = [b"get %b/peek\r\n" % lane.child for lane in self._lanes.values()]
        answers = await self._ask(await self._connection(), requests)
        if any(answer is None or answer[-1] in ERRORS for answer in answers):
            raise QueueError(f"{self._where}: closed the connection; is it a Kestrel server?")
        self._attached = True

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages not yet returned, each queue's oldest first.

        :raises QueueError: the server cannot be asked now, and nothing was read.
        """
        if not self._attached:
            await self.attach()
        found: list[Stored] = []
        for name in sorted(self._lanes, key=lambda name: self._lanes[name].offset):
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
        return sum(gauge.waiting for gauge in (await self.gauge()).values())

    async def gauge(self) -> dict[str, Gauge]:
        """Return what ``stats`` tells of each queue, and of its fan-out queue.

        ``age`` is Kestrel's: how long the message fetched last had waited. Ours has none.

        :raises QueueError: the server cannot be asked now.
        """
        if not self._attached:
            await self.attach()
        (lines,) = await self._ask(await self._connection(), [b"stats\r\n"])
        if lines is None:
            raise QueueError(f"{self._where}: closed the connection while it was asked")
        figures = dict(stat(line) for line in lines if isinstance(line, bytes))
        return {
            name: gauge(figures, name, lane.child.decode()) for name, lane in self._lanes.items()
        }

    async def detach(self) -> None:
        """Delete the fan-out queues: on a real Kestrel one that nobody reads grows for ever.

        :raises QueueError: the server cannot be asked now.
        """
        deletions = [b"delete %b\r\n" % lane.child for lane in self._lanes.values()]
        await self._ask(await self._connection(), deletions)
        for lane in self._lanes.values():
            lane.open.clear()
        self._attached = False

    async def close(self) -> None:
        """Confirm what was returned, and end the connection."""
        protocol = self._protocol
        closings = [
            b"get %b/close\r\n" % lane.child for lane in self._lanes.values() for _ in lane.open
        ]
        if closings and protocol is not None and not protocol.lost:
            answers = DeferredList(protocol.ask(closings, True), consumeErrors=True)
            answers.addTimeout(CLOSE_SECONDS, self._reactor, lambda result, _: result)
            await answers
        await self._connector.close()

    async def cut(self) -> None:
        """End the connection without a word, as the end of a process does: for tests."""
        if self._protocol is not None and not self._protocol.lost:
            self._protocol.abort()
            await self._protocol.gone

    def position(self) -> str:
        """Return how far this reader counted, and what it holds open."""
        return json.dumps({name: lane.state() for name, lane in self._lanes.items()})

    def seek(self, position: str) -> None:
        """Count on from *position*; what was open then is known when it comes again.

        :raises QueueError: the text is no position of a Kestrel reader.
        """
        until = self._reactor.seconds() + REDELIVERY_SECONDS
        try:
            for name, state in json.loads(position).items():
                if name in self._lanes:
                    self._lanes[name].restore(state, until)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise QueueError(f"{self._where}: no position of a Kestrel reader") from None

    async def _drain(self, name: str, limit: int, found: list[Stored]) -> None:
        """Add what waits in one queue: many requests at once, until one of them finds nothing."""
        lane = self._lanes[name]
        first, more = True, True
        while more and len(found) < limit:
            protocol = await self._connection()
            requests = lane.requests(min(lane.expected, limit - len(found)), confirm=first)
            first, is_limit = False, bool(lane.open)
            answers = await self._ask(protocol, [text for text, _ in requests], is_limit)
            bodies, lost = lane.answered(requests, answers)
            found += lane.numbered(name, bodies, self._reactor.seconds())
            if lost:
                lane.doubt(self._reactor.seconds() + REDELIVERY_SECONDS)
                raise QueueError(f"{self._where}: closed the connection while it was read")
            more = lane.count(len(bodies))

    async def _connection(self) -> KestrelClientProtocol:
        """Return a connection; what was held open on one that is gone comes again.

        :raises QueueError: there is none.
        """
        try:
            protocol = await self._connector.connection()
        except Lost as error:
            raise QueueError(f"{self._where}: {error}; is a queue server running there?") from None
        if protocol is not self._protocol:
            self._protocol = protocol
            for lane in self._lanes.values():
                lane.doubt(self._reactor.seconds() + REDELIVERY_SECONDS)
        return protocol

    async def _ask(
        self, protocol: KestrelClientProtocol, requests: list[bytes], may_refuse: bool = False
    ) -> list[list[Reply] | None]:
        """Return the answers, ``None`` for those that were lost; an error word ends one.

        :raises QueueError: the first answer is an error, unless the server *may_refuse*.
        """
        timer = self._reactor.callLater(READ_SECONDS, protocol.abort)
        answers = await DeferredList(protocol.ask(requests, True), consumeErrors=True)
        if timer.active():
            timer.cancel()
        if answers[0][0] and answers[0][1][-1] in ERRORS and not may_refuse:
            raise QueueError(
                f"{self._where}: answered {answers[0][1][-1]!r}; it cannot be read this way"
            )
        return [answer if good else None for good, answer in answers]
