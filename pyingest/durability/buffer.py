"""Where events wait for their queue: what a spool promises, and the one in memory."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from pyingest.durability.position import Position
from pyingest.durability.record import Entry
from pyingest.durability.segments import Waiting
from pyingest.queues.interface import Outcome


class Buffer(Protocol):
    """Entries in their order; one :meth:`next` at a time."""

    events: int
    """Entries that wait: taken, and not yet told to be :meth:`sent`."""

    @property
    def size(self) -> int:
        """Bytes that it takes now."""

    @property
    def oldest(self) -> int:
        """Epoch milliseconds of the entry at the head, as far as it is known; 0 for none."""

    async def append(self, entries: Sequence[Entry]) -> Outcome:
        """Take *entries*, all or none; ``STORED`` once they last as long as this buffer does."""

    async def next(self, settled: Position | None, events: int, size: int) -> list[Waiting]:
        """Settle what lies before *settled*, return the entries that follow; see ``SegmentLog``."""

    def sent(self, entries: Sequence[Waiting]) -> None:
        """Count *entries* out; :meth:`next` settles them."""

    async def set_aside(self, entries: Sequence[Waiting]) -> bool:
        """Keep entries apart that the queue takes from nobody; return whether that was done."""

    async def adopt(self) -> int:
        """Take over what dead processes left; return how many entries. Only when nothing that
        :meth:`next` returned is unsettled."""

    async def close(self) -> None:
        """Let go of everything."""


class MemoryBuffer:
    """Entries in memory, for trials: a process that ends loses them.

    :param limit: bytes of bodies that may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Waiting] = deque()
        self._number = 0
        self.events = 0
        self.size = 0

    @property
    def oldest(self) -> int:
        """See :class:`Buffer`."""
        return self._waiting[0].entry.milliseconds if self._waiting else 0

    async def append(self, entries: Sequence[Entry]) -> Outcome:
        """Take *entries* while there is room."""
        size = sum(len(entry.event.body) for entry in entries)
        if self.size + size > self._limit:
            return Outcome.FULL
        for entry in entries:
            start, self._number = self._number, self._number + 1
            self._waiting.append(Waiting(entry, (0, start), (0, self._number)))
        self.size += size
        self.events += len(entries)
        return Outcome.STORED

    async def next(self, settled: Position | None, events: int, size: int) -> list[Waiting]:
        """Return the next entries; who asks keeps them, and nothing has to be settled."""
        found: list[Waiting] = []
        while self._waiting and len(found) < events and size > 0:
            found.append(self._waiting.popleft())
            size -= len(found[-1].entry.event.body)
        return found

    def sent(self, entries: Sequence[Waiting]) -> None:
        """Give the room of *entries* free."""
        self.events -= len(entries)
        self.size -= sum(len(each.entry.event.body) for each in entries)

    async def set_aside(self, entries: Sequence[Waiting]) -> bool:
        """Drop them: there is no place."""
        return True

    async def adopt(self) -> int:
        """Find nothing: memory goes with its process."""
        return 0

    async def close(self) -> None:
        """Forget everything."""
        self._waiting.clear()
