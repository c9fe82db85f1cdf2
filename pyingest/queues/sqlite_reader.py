"""Reading an SQLite queue from any process, with a cursor of one's own."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.log import Drop, Move
from pyingest.queues.sqlite import Durability, LogThread, SqliteOptions

T = TypeVar("T")


class SqliteReader:
    """Reads queues of an SQLite file from any process, by a cursor kept in the file.

    A *cursor* that the file knows goes on where it stopped. A new one begins at the present
    end, or with *from_start* at the oldest message. The cursor is moved when the next batch is
    asked for and at the end, so that a reader that dies gets its last batch again.

    :raises QueueError: the file cannot be opened.
    """

    def __init__(
        self, reactor: Any, path: Path, names: Sequence[str], cursor: str, from_start: bool = False
    ) -> None:
        options = SqliteOptions(Durability.PROCESS_DEATH)
        self._names = tuple(names)
        self._cursor = cursor
        self._thread = LogThread(reactor, path, options)
        try:
            known = self._thread.file.cursors()
            start = 0 if from_start else self._thread.file.last_offset()
        except QueueError:
            self._thread.file.close()
            raise
        self._at = {name: known.get((cursor, name), start) for name in self._names}
        self._kept = {name: known.get((cursor, name), -1) for name in self._names}

    async def attach(self) -> None:
        """Keep the start in the file, so that it holds for a successor that comes too late."""
        await self._keep()

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages that were not yet returned, oldest first.

        :raises QueueError: the file cannot be read now, or the reader is closed.
        """
        await self._keep()
        found = await self._call(self._next, limit)
        for item in found:
            self._at[item.queue] = item.offset
        return found

    async def backlog(self) -> int:
        """Return how many messages wait to be read.

        :raises QueueError: the file cannot be read now, or the reader is closed.
        """
        return await self._call(self._count)

    async def gauge(self) -> dict[str, Gauge]:
        """Return how many messages lie beyond this cursor, and beyond the slowest other one.

        The file throws nothing away that a cursor has not passed.

        :raises QueueError: the file cannot be read now, or the reader is closed.
        """
        return await self._call(self._gauges)

    def position(self) -> str:
        """Return the offsets of what was returned last."""
        return json.dumps(self._at)

    def seek(self, position: str) -> None:
        """Go on behind *position*, if that is further than the file's cursor.

        :raises QueueError: the text is no position of an SQLite reader.
        """
        try:
            known = {name: int(off) for name, off in json.loads(position).items()}
        except (ValueError, TypeError, AttributeError):
            where = self._thread.file.path
            raise QueueError(f"queue file {where}: no position of an SQLite reader") from None
        self._at = {name: max(off, known.get(name, 0)) for name, off in self._at.items()}

    async def detach(self) -> None:
        """Remove the cursor from the file.

        :raises QueueError: the file cannot be written now.
        """
        drops = [Drop(self._cursor, name) for name in self._names]
        if await self._thread.submit(drops) is not Outcome.STORED:
            raise QueueError(f"queue file {self._thread.file.path}: the cursor stays in it")
        self._kept = dict(self._at)

    async def close(self) -> None:
        """Keep the cursor and let go of the file."""
        await self._keep()
        await self._thread.close()

    async def _keep(self) -> None:
        """Write the cursor down; if that fails, the next call tries again."""
        moved = {name: off for name, off in self._at.items() if self._kept[name] != off}
        if moved and not self._thread.closed:
            moves = [Move(self._cursor, name, off) for name, off in moved.items()]
            if await self._thread.submit(moves) is Outcome.STORED:
                self._kept |= moved

    async def _call(self, work: Callable[..., T], *values: Any) -> T:
        if self._thread.closed:
            raise QueueError(f"queue file {self._thread.file.path}: the reader is closed")
        return await self._thread.call(work, *values)

    def _next(self, limit: int) -> list[Stored]:
        rows = [
            Stored(name, off, body)
            for name in self._names
            for off, body in self._thread.file.items(name, self._at[name], limit)
        ]
        return sorted(rows, key=lambda item: item.offset)[:limit]

    def _gauges(self) -> dict[str, Gauge]:
        file, cursors = self._thread.file, self._thread.file.cursors()
        gauges: dict[str, Gauge] = {}
        for name in self._names:
            # A server's own consumers stand under the empty name, and then nobody else counts.
            others = {who: off for (who, queue), off in cursors.items() if queue == name}
            others = {"": others[""]} if "" in others else others
            others.pop(self._cursor, None)
            depths = [file.weigh(who, name, off)[0] for who, off in others.items()]
            gauges[name] = Gauge(
                waiting=file.count(name, self._at[name]),
                lost=0,
                depth=max(depths, default=-1),
                discarded=0,
            )
        return gauges

    def _count(self) -> int:
        return sum(self._thread.file.count(name, self._at[name]) for name in self._names)
