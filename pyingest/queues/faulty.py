"""A queue with a fault on demand before a real one: for tests and drills."""

import enum
from collections.abc import Sequence

from twisted.internet.defer import Deferred

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue


class Fault(enum.Enum):
    """What is wrong with the queue."""

    NONE = "none"
    REFUSES = "refuses"
    IS_FULL = "is full"
    HANGS = "hangs"
    """It takes the events and never says so; see :meth:`FaultyQueue.release`."""
    SWALLOWS = "swallows"
    """It takes the events, and the connection is lost before it says so."""
    LOSES = "loses"
    """The connection is lost before it takes the events."""
    TAKES_HALF = "takes half"
    """It takes every second event, and refuses the others."""


class FaultyQueue:
    """Gives events on to *inner*, or shows its :attr:`fault`."""

    def __init__(self, inner: Queue) -> None:
        self._inner = inner
        self._held: list[Deferred[None]] = []
        self.fault = Fault.NONE
        self.poison: frozenset[bytes] = frozenset()
        """Bodies that are always refused."""
        self.publishes = 0
        """How often events were brought."""

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events*, as far as the fault allows."""
        self.publishes += 1
        match self.fault:
            case Fault.REFUSES:
                return [Outcome.REFUSED] * len(events)
            case Fault.IS_FULL:
                return [Outcome.FULL] * len(events)
            case Fault.LOSES:
                return [Outcome.UNKNOWN] * len(events)
            case Fault.SWALLOWS:
                await self._inner.publish(events)
                return [Outcome.UNKNOWN] * len(events)
            case Fault.HANGS:
                released: Deferred[None] = Deferred()
                self._held.append(released)
                await released
        return [await self._one(event, number) for number, event in enumerate(events)]

    async def close(self) -> None:
        """Close the queue behind."""
        await self._inner.close()

    def release(self) -> None:
        """Let what hangs go on to the queue behind, late."""
        held, self._held = self._held, []
        for each in held:
            each.callback(None)

    async def _one(self, event: Event, number: int) -> Outcome:
        odd = self.fault is Fault.TAKES_HALF and number % 2 == 1
        if odd or event.body in self.poison:
            return Outcome.REFUSED
        return (await self._inner.publish([event]))[0]
