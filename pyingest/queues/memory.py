"""Queues in memory: the reference for what every other engine must do."""

from collections.abc import Iterable, Sequence

from pyingest.event import Event, Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import Outcome, QueueError


class MemoryQueue:
    """All events of one process, in order, for as long as it lives.

    :param limit: the most events that are kept, of all queues together; more are ``FULL``.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._closed = False
        self._ids: set[tuple[str, bytes]] = set()
        self.stored: list[Stored] = []
        """Everything that was published, oldest first; offsets start at 1."""

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Keep *events*; see :class:`pyingest.queues.interface.Queue`."""
        return [self._keep(event) for event in events]

    def publish_now(self, events: Sequence[Event]) -> bool:
        """Keep *events*; say whether all of them were kept."""
        if self._closed or self._limit is not None:
            outcomes = [self._keep(event) for event in events]
            return outcomes.count(Outcome.STORED) == len(events)
        stored = self.stored
        for event in events:
            stored.append(Stored(event.queue, len(stored) + 1, event.body))
        return True

    async def close(self) -> None:
        """Refuse whatever comes from now on. What was stored can still be read."""
        self._closed = True

    def reader(self, names: Iterable[str], from_start: bool = False) -> "MemoryReader":
        """Return a reader of its own for the queues *names*, from its start or its present end."""
        return MemoryReader(self, frozenset(names), 0 if from_start else len(self.stored))

    def _keep(self, event: Event) -> Outcome:
        if self._closed:
            return Outcome.REFUSED
        if event.id and (event.queue, event.id) in self._ids:
            return Outcome.STORED
        if self._limit is not None and len(self.stored) >= self._limit:
            return Outcome.FULL
        if event.id:
            self._ids.add((event.queue, event.id))
        self.stored.append(Stored(event.queue, len(self.stored) + 1, event.body))
        return Outcome.STORED


class MemoryReader:
    """One cursor over a :class:`MemoryQueue`."""

    def __init__(self, queue: MemoryQueue, names: frozenset[str], position: int) -> None:
        self._queue = queue
        self._names = names
        self._position = position

    async def attach(self) -> None:
        """Do nothing: the start was chosen when the reader was made."""

    async def read(self, limit: int) -> list[Stored]:
        """Return the next messages; see :class:`pyingest.queues.interface.Reader`."""
        found: list[Stored] = []
        while len(found) < limit and self._position < len(self._queue.stored):
            item = self._queue.stored[self._position]
            self._position += 1
            if item.queue in self._names:
                found.append(item)
        return found

    async def backlog(self) -> int:
        """Return how many messages wait."""
        waiting = self._queue.stored[self._position :]
        return sum(item.queue in self._names for item in waiting)

    async def gauge(self) -> dict[str, Gauge]:
        """Return how many messages of each queue wait; none is ever lost."""
        waiting = [item.queue for item in self._queue.stored[self._position :]]
        names = sorted(self._names)
        return {name: Gauge(waiting=waiting.count(name), lost=0, discarded=0) for name in names}

    def position(self) -> str:
        """Return how many messages lie behind this reader."""
        return str(self._position)

    def seek(self, position: str) -> None:
        """Go on behind so many messages.

        :raises QueueError: the text is no number.
        """
        if not position.isdecimal():
            raise QueueError("memory: no position of a reader in memory")
        self._position = int(position)

    async def detach(self) -> None:
        """Do nothing: a position in memory costs nothing."""

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
