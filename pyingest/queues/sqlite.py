"""The embedded default: queues in one SQLite file, written by one thread with group commit."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from pyingest.event import Event, Stored
from pyingest.queues.interface import Outcome
from pyingest.queues.log import Log

T = TypeVar("T")
BATCH = 2_000
"""Events in one transaction, at most."""


class LogThread:
    """A log, and the one thread that may touch it."""

    def __init__(self, reactor: Any, path: Path) -> None:
        self._reactor = reactor
        self.log = Log(path)
        self._pool = ThreadPool(1, 1, name=f"queue {path.name}")
        self._pool.start()
        self._stopping = reactor.addSystemEventTrigger("after", "shutdown", self._stop)

    async def call(self, work: Callable[..., T], *values: Any) -> T:
        """Run *work* in the thread and return what it gives."""
        return await deferToThreadPool(self._reactor, self._pool, work, *values)

    async def close(self) -> None:
        """Finish what is under way, then let go of the file and the thread."""
        await self.call(self.log.close)
        self._reactor.removeSystemEventTrigger(self._stopping)
        self._stop()

    def _stop(self) -> None:
        self._pool.stop()


class Appender:
    """Puts everything that waits into the next transaction."""

    def __init__(self, thread: LogThread) -> None:
        self._thread = thread
        self._waiting: list[tuple[Sequence[Event], Deferred[Outcome]]] = []
        self._writing = False
        self.last = thread.log.end()
        """Offset of the last event stored."""

    async def append(self, events: Sequence[Event]) -> Outcome:
        """Return the outcome of *events*: all stored, or none."""
        done: Deferred[Outcome] = Deferred()
        self._waiting.append((events, done))
        if not self._writing:
            self._writing = True
            Deferred.fromCoroutine(self._write())
        return await done

    async def _write(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            events = [event for some, _ in batch for event in some]
            outcome, last = await self._thread.call(self._thread.log.append, events)
            self.last = last or self.last
            for _, done in batch:
                done.callback(outcome)
        self._writing = False

    def _next_batch(self) -> list[tuple[Sequence[Event], "Deferred[Outcome]"]]:
        size = taken = 0
        for events, _ in self._waiting:
            if taken and size + len(events) > BATCH:
                break
            size += len(events)
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch


class SqliteQueue:
    """Writes to queues in an SQLite file.

    :raises QueueError: the file cannot be opened.
    """

    def __init__(self, reactor: Any, path: Path) -> None:
        self._thread = LogThread(reactor, path)
        self._appender = Appender(self._thread)

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Store *events*; the outcome is there after COMMIT, and the same for all of them."""
        return [await self._appender.append(events)] * len(events) if events else []

    async def close(self) -> None:
        """Finish what waits, and close the file."""
        await self._thread.close()


class SqliteReader:
    """Reads queues of an SQLite file with a cursor of its own, from any process.

    :raises QueueError: the file cannot be opened.
    """

    def __init__(
        self, reactor: Any, path: Path, names: Sequence[str], cursor: str, from_start: bool = False
    ) -> None:
        self._names = tuple(names)
        self._cursor = cursor
        self._thread = LogThread(reactor, path)
        kept = self._thread.log.cursors()
        start = 0 if from_start else self._thread.log.end()
        self._at = {name: kept.get((cursor, name), start) for name in self._names}

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages of each queue that were not yet returned."""
        return await self._thread.call(self._read, limit)

    async def backlog(self) -> int:
        """Return how many messages wait to be read."""
        return await self._thread.call(self._count)

    async def close(self) -> None:
        """Let go of the file."""
        await self._thread.close()

    def _read(self, limit: int) -> list[Stored]:
        found: list[Stored] = []
        for name in self._names:
            rows = self._thread.log.read(name, self._at[name], limit)
            if rows:
                self._at[name] = rows[-1].offset
                self._thread.log.move(self._cursor, name, self._at[name])
            found += rows
        return found

    def _count(self) -> int:
        return sum(self._thread.log.count(name, self._at[name]) for name in self._names)
