"""A queue that is guarded: what cannot be queued now is spooled, and sent on later."""

import os
import random
import time
from collections.abc import Sequence
from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from pyingest.durability.acknowledgement import Ack, Circuit, DurableOptions, DurableStatus
from pyingest.durability.attempts import Attempts
from pyingest.durability.buffer import Buffer, MemoryBuffer
from pyingest.durability.circuit import Breaker, Permit
from pyingest.durability.drain import UNSURE, Counts, Drain
from pyingest.durability.record import Entry
from pyingest.durability.spool import Spool
from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue

STEP = 0.02
"""Seconds between two looks while closing."""


class DurableQueue:
    """Writes to *backend* as the policy has it; itself a queue.

    An event without an ``id`` is given one, so that a second publish can be told from another
    event where the engine can tell.

    :param spool: where events wait while the queue is away; ``None`` for no such place: then
        an event that the queue did not confirm is not confirmed. ``Ack.MEMORY`` leaves it alone.
    :param policy: what an event must have reached to be ``STORED``; ``Ack.SPOOL`` needs a spool.
    :raises ValueError: ``Ack.SPOOL`` without a spool.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        backend: Queue,
        spool: Spool | None,
        policy: Ack = Ack.QUEUE,
        options: DurableOptions | None = None,
    ) -> None:
        if policy is Ack.SPOOL and spool is None:
            raise ValueError("the policy spool needs a spool")
        self._reactor = reactor
        self._options = options or DurableOptions()
        self._policy = policy
        self._spool = spool
        self._breaker = Breaker(self._options, lambda: random.uniform(0.8, 1.2))
        self._attempts = Attempts(reactor, backend, self._options.patience)
        self._counts = Counts()
        memory = MemoryBuffer(self._options.memory_bytes) if policy is Ack.MEMORY else None
        self._buffer: Buffer | None = memory or spool
        self._drain = self._make_drain()
        self._prefix = os.urandom(6).hex().encode()
        self._number = 0
        self._under_way = 0
        self._closed = False
        self._looking: Any = None
        if spool is not None and self._buffer is spool:
            self._looking = reactor.callLater(0, self._look)

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events*; ``STORED`` only for what lasts as the policy says. Never raises."""
        if self._closed:
            return [Outcome.REFUSED] * len(events)
        self._under_way += 1
        try:
            outcomes = await self._publish([self._named(event) for event in events])
        finally:
            self._under_way -= 1
        self._counts.refused += len(outcomes) - outcomes.count(Outcome.STORED)
        return outcomes

    def status(self) -> DurableStatus:
        """Return what the queue does and did."""
        buffer, spool, counts = self._buffer, self._spool, self._counts
        oldest = self._drain.oldest if self._drain else 0
        return DurableStatus(
            policy=self._policy,
            circuit=self._breaker.state,
            spooled_events=buffer.events if buffer else 0,
            spooled_bytes=buffer.size if buffer else 0,
            oldest_seconds=max(0.0, time.time() - oldest / 1000) if oldest else 0.0,
            direct=counts.direct,
            taken=counts.taken,
            drained=counts.drained,
            possible_duplicates=counts.possible_duplicates,
            refused=counts.refused,
            set_aside=counts.set_aside,
            cut_bytes=spool.cut_bytes if spool else 0,
            adopted=spool.adopted if spool else 0,
            trouble=spool.trouble if spool else "",
        )

    async def close(self) -> None:
        """Finish what is under way, send on what can be sent, close the queue and the spool.

        What is in the spool then stays there for the next process.
        """
        if self._closed:
            return
        self._closed = True
        if self._looking is not None and self._looking.active():
            self._looking.cancel()
        await self._until(lambda: not self._under_way, 2 * self._options.patience)
        if self._drain is not None:
            drain, seconds = self._drain, self._options.close_seconds
            drain.kick()
            await self._until(lambda: not drain.running or self._hopeless(), seconds)
            await drain.stop()
        if self._buffer is not None and self._buffer.events:
            self.log.warn(
                "{n} events {what}",
                n=self._buffer.events,
                what="are lost" if self._policy is Ack.MEMORY else "stay in the spool",
            )
        await self._attempts.close()
        for buffer in {self._buffer, self._spool} - {None}:
            await buffer.close()  # type: ignore[union-attr]  # None was taken out

    def _make_drain(self) -> Drain | None:
        if self._buffer is None:
            return None
        closes_gap = self._policy is Ack.QUEUE
        return Drain(
            self._reactor,
            self._attempts,
            self._buffer,
            self._breaker,
            self._options,
            self._counts,
            self._report,
            closes_gap,
        )

    def _named(self, event: Event) -> Event:
        if event.id:
            return event
        self._number += 1
        identity = b"%b-%x" % (self._prefix, self._number)
        return Event(event.queue, event.body, event.key, identity)

    async def _publish(self, events: list[Event]) -> list[Outcome]:
        if not events:
            return []
        if self._drain is not None:
            await self._drain.gap()
        buffer = self._buffer
        if buffer is not None and (self._policy is not Ack.QUEUE or buffer.events):
            return [await self._take([(event, False) for event in events])] * len(events)
        permit = self._breaker.permit(self._reactor.seconds())
        if permit is Permit.NO:
            return [await self._take([(event, False) for event in events])] * len(events)
        outcomes = await self._attempts.publish(events)
        self._report(permit, outcomes)
        self._counts.direct += outcomes.count(Outcome.STORED)
        return await self._rescue(events, outcomes)

    def _report(self, permit: Permit, outcomes: Sequence[Outcome]) -> None:
        """Tell the circuit what came of a write: a queue that took something is well."""
        was_closed = self._breaker.state is Circuit.CLOSED
        if Outcome.STORED in outcomes:
            self._breaker.succeeded()
        else:
            at_once = Outcome.TIMED_OUT in outcomes
            self._breaker.failed(permit, self._reactor.seconds(), at_once)
        is_closed = self._breaker.state is Circuit.CLOSED
        if was_closed and not is_closed:
            where = "are spooled" if self._buffer else "are refused, as there is no spool"
            self.log.error(
                "the queue is away ({outcome}); events {where}",
                outcome=outcomes[0].value,
                where=where,
            )
        elif is_closed and not was_closed:
            self.log.info(
                "the queue is back; {n} events wait for it", n=self.status().spooled_events
            )

    async def _rescue(self, events: list[Event], outcomes: list[Outcome]) -> list[Outcome]:
        """Spool what the queue did not confirm; what it may have is marked."""
        bad = [n for n, outcome in enumerate(outcomes) if outcome is not Outcome.STORED]
        if not bad or self._buffer is None:
            return outcomes
        came = await self._take([(events[n], outcomes[n] in UNSURE) for n in bad])
        if came is Outcome.STORED:
            for n in bad:
                outcomes[n] = came
        return outcomes

    async def _take(self, events: list[tuple[Event, bool]]) -> Outcome:
        """Put events behind those that wait."""
        if self._buffer is None or self._drain is None:
            return Outcome.REFUSED
        now = int(time.time() * 1000)
        entries = [Entry(event, doubtful, now) for event, doubtful in events]
        outcome = await self._buffer.append(entries)
        if outcome is Outcome.STORED:
            self._counts.taken += len(entries)
            self._drain.kick()
        return outcome

    def _hopeless(self) -> bool:
        """Whether a stop need not wait: the queue is away, and the spool lasts."""
        return self._policy is not Ack.MEMORY and self._breaker.state is not Circuit.CLOSED

    async def _until(self, done: Any, seconds: float) -> None:
        until = self._reactor.seconds() + seconds
        while not done() and self._reactor.seconds() < until:
            await deferLater(self._reactor, STEP)

    def _look(self) -> None:
        """Send on what lies in the spool, and look for what dead processes left."""
        self._looking = self._reactor.callLater(self._options.adopt_seconds, self._look)
        if self._drain is not None and not self._closed:
            self._drain.look = True
            self._drain.kick()
