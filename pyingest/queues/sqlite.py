"""The embedded default: queues in one SQLite file, written by one thread with group commit.

Any number of processes may read the file, each with a cursor of its own, and none takes
anything from another. An event is stored when its transaction is committed.
"""

import enum
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from pyingest.event import Event
from pyingest.queues.deadline import within
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.log import (
    ADD_ID,
    BY_ID,
    SCHEMA,
    SCHEMA_VERSION,
    Append,
    Item,
    Operation,
    statements,
)
from pyingest.queues.url_options import DEADLINE

T = TypeVar("T")

LOCK_SECONDS = 2.0
TRIM_EVERY = 500
"""Events after which it is looked what may be removed."""

ADVICE = {
    sqlite3.SQLITE_CANTOPEN: "check that its directory exists and may be written",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable",
    sqlite3.SQLITE_FULL: "make room on its disk, or raise its limit",
    sqlite3.SQLITE_BUSY: "another process holds its lock; stop that one, or wait",
    sqlite3.SQLITE_LOCKED: "another process holds its lock; stop that one, or wait",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it away, and save what sqlite3 can recover",
    sqlite3.SQLITE_NOTADB: "the file is something else; name another path",
    sqlite3.SQLITE_IOERR: "the disk failed; look at the system's log",
}


class Durability(enum.Enum):
    """What a stored event survives; the value is SQLite's ``synchronous``."""

    POWER_LOSS = "FULL"
    """Synced to disk before it counts as stored."""
    PROCESS_DEATH = "NORMAL"
    """Handed to the system; the last events may be gone after a power loss."""


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """How a file is written."""

    durability: Durability = Durability.POWER_LOSS
    max_bytes: int | None = None
    """Size at which the file is full; ``None`` for as large as the disk allows."""
    lock_seconds: float = LOCK_SECONDS
    """How long a write waits for another process that is writing."""
    deadline: float = DEADLINE
    """Seconds for one publish as a whole."""
    retain: int | None = None
    """Remove what every cursor is done with, but keep this many; ``None`` removes nothing."""


class LogFile:
    """An open file. Its methods block, and only one thread at a time may call them.

    :raises QueueError: the file cannot be opened, or holds something else.
    """

    def __init__(self, path: Path, options: SqliteOptions) -> None:
        self.path = path
        self.trouble = ""
        """Why the last write failed; empty when it did not."""
        try:
            self._connection = sqlite3.connect(
                path,
                timeout=options.lock_seconds,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise QueueError(explain(path, error)) from None
        try:
            self._prepare(options)
        except sqlite3.Error as error:
            self._connection.close()
            raise QueueError(explain(path, error)) from None
        except QueueError:
            self._connection.close()
            raise

    def write(self, operations: Iterable[Operation]) -> Outcome:
        """Carry out *operations* in one transaction: all of them, or none."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, rows in statements(operations):
                self._connection.executemany(sql, rows)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self.trouble = explain(self.path, error)
            self._roll_back()
            return Outcome.FULL if primary_code(error) == sqlite3.SQLITE_FULL else Outcome.REFUSED
        self.trouble = ""
        return Outcome.STORED

    def items(self, queue: str, after: int, limit: int) -> list[Item]:
        """Return up to *limit* messages of *queue* beyond offset *after*, oldest first.

        :raises QueueError: the file cannot be read now.
        """
        return self._query(
            "SELECT off, body FROM item WHERE queue=? AND off>? ORDER BY off LIMIT ?",
            (queue, after, limit),
        )

    def weigh(self, name: str, queue: str, after: int) -> tuple[int, int]:
        """Return how many messages of *queue* wait for cursor *name*, and their bytes.

        :raises QueueError: the file cannot be read now.
        """
        rows = self._query(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM item WHERE queue=? AND off>?"
            " AND off NOT IN (SELECT off FROM taken WHERE name=? AND queue=?)",
            (queue, after, name, queue),
        )
        return rows[0][0], rows[0][1]

    def count(self, queue: str, after: int) -> int:
        """Return how many messages of *queue* lie beyond offset *after*.

        :raises QueueError: the file cannot be read now.
        """
        rows = self._query("SELECT count(*) FROM item WHERE queue=? AND off>?", (queue, after))
        return int(rows[0][0])

    def ends(self) -> dict[str, tuple[int, int]]:
        """Return the first and the last offset of each queue that has messages.

        :raises QueueError: the file cannot be read now.
        """
        rows = self._query("SELECT queue, min(off), max(off) FROM item GROUP BY queue", ())
        return {queue: (first, last) for queue, first, last in rows}

    def last_offset(self) -> int:
        """Return the highest offset that was ever given out; 0 at first.

        :raises QueueError: the file cannot be read now.
        """
        rows = self._query(
            "SELECT max((SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name='item'),"
            " (SELECT coalesce(max(off), 0) FROM cursor))",
            (),
        )
        return int(rows[0][0])

    def cursors(self) -> dict[tuple[str, str], int]:
        """Return the offset that each (cursor name, queue) is done with.

        :raises QueueError: the file cannot be read now.
        """
        rows = self._query("SELECT name, queue, off FROM cursor", ())
        return {(name, queue): off for name, queue, off in rows}

    def taken(self) -> list[tuple[str, str, int]]:
        """Return (cursor name, queue, offset) of what was consumed ahead of a cursor.

        :raises QueueError: the file cannot be read now.
        """
        return self._query("SELECT name, queue, off FROM taken", ())

    def trim(self, retain: int, most: int) -> int:
        """Remove the oldest messages that every cursor of their queue is done with.

        A queue without a cursor keeps all. Of the file's last *retain* offsets none is removed,
        and of each queue at most *most* messages. Return how many were removed; none when the
        file cannot be written now.
        """
        before = self._connection.total_changes
        try:
            last = self.last_offset() - retain
            for queue, done in self._query("SELECT queue, min(off) FROM cursor GROUP BY queue", ()):
                self._connection.execute(
                    "DELETE FROM item WHERE off IN"
                    " (SELECT off FROM item WHERE queue=? AND off<=? ORDER BY off LIMIT ?)",
                    (queue, min(done, last), most),
                )
        except (sqlite3.Error, QueueError) as error:
            self.trouble = str(error)
        return self._connection.total_changes - before

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _prepare(self, options: SqliteOptions) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise QueueError(
                f"queue file {self.path}: made by a newer version (schema {version}, "
                f"this one reads {SCHEMA_VERSION}); upgrade, or name another path"
            )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(f"PRAGMA synchronous={options.durability.value}")
        if options.max_bytes is not None:
            size = self._connection.execute("PRAGMA page_size").fetchone()[0]
            self._connection.execute(f"PRAGMA max_page_count={max(1, options.max_bytes // size)}")
        if version == 0:
            self._change(SCHEMA)
        if "item_by_id" not in self._names("PRAGMA index_list(item)"):
            has_id = "id" in self._names("PRAGMA table_info(item)")
            self._change([BY_ID] if has_id else [ADD_ID, BY_ID])

    def _names(self, pragma: str) -> set[str]:
        return {row[1] for row in self._connection.execute(pragma)}

    def _change(self, schema: Iterable[str]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for sql in schema:
            self._connection.execute(sql)
        self._connection.execute("COMMIT")

    def _query(self, sql: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise QueueError(explain(self.path, error)) from None

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.trouble = explain(self.path, error)


class LogThread:
    """A file, and the one thread that may touch it; commits whatever waits as one transaction.

    :raises QueueError: the file cannot be opened.
    """

    log = Logger()

    def __init__(self, reactor: Any, path: Path, options: SqliteOptions | None = None) -> None:
        self._reactor = reactor
        self.file = LogFile(path, options or SqliteOptions())
        self._pool: ThreadPool | None = None
        self._trigger: Any = None
        self._pending: list[tuple[Sequence[Operation], Deferred[Outcome]]] = []
        self._committing = False
        self._told = ""
        self.closed = False

    def submit(self, operations: Sequence[Operation]) -> "Deferred[Outcome]":
        """Write *operations* with the next transaction; fires after COMMIT and never fails.

        All of them are written, or none. Deferreds fire in the order of the calls.
        """
        done: Deferred[Outcome] = Deferred()
        if self.closed:
            done.callback(Outcome.REFUSED)
            return done
        self._pending.append((operations, done))
        self._commit_pending()
        return done

    def call(self, work: Callable[..., T], *values: Any) -> "Deferred[T]":
        """Run *work* in the thread, after the transactions that have already begun."""
        return deferToThreadPool(self._reactor, self._started(), work, *values)

    async def close(self) -> None:
        """Commit what waits, then let go of the file and the thread."""
        if self.closed:
            return
        last = self.submit([])
        self.closed = True
        await last
        await self.call(self.file.close)
        self._reactor.removeSystemEventTrigger(self._trigger)
        self._started().stop()

    def _started(self) -> ThreadPool:
        """Return the thread, begun with the first work: until then nothing has to be ended."""
        if self._pool is None:
            self._pool = ThreadPool(1, 1, name=f"queue {self.file.path.name}")
            self._pool.start()
            self._trigger = self._reactor.addSystemEventTrigger(
                "after", "shutdown", self._pool.stop
            )
        return self._pool

    def _commit_pending(self) -> None:
        if self._committing or not self._pending:
            return
        self._committing = True
        group, self._pending = self._pending, []
        operations = [operation for some, _ in group for operation in some]
        self.call(self.file.write, operations).addCallback(self._settle, group)

    def _settle(
        self, outcome: Outcome, group: list[tuple[Sequence[Operation], "Deferred[Outcome]"]]
    ) -> None:
        self._committing = False
        if self.file.trouble != self._told:
            self._told = self.file.trouble
            self.log.error("{trouble}", trouble=self._told or f"{self.file.path}: writes again")
        for _, done in group:
            done.callback(outcome)
        self._commit_pending()


class SqliteQueue:
    """Writes to queues in an SQLite file.

    :raises QueueError: the file cannot be opened.
    """

    def __init__(self, reactor: Any, path: Path, options: SqliteOptions | None = None) -> None:
        self._options = options or SqliteOptions()
        self._reactor = reactor
        self._thread = LogThread(reactor, path, self._options)
        self._untrimmed = 0

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Store *events*; all of them share one outcome, which is there after COMMIT.

        A transaction that is late may still be committed.
        """
        if not events:
            return []
        stored = self._thread.submit(
            [Append(event.queue, event.body, None, event.id) for event in events]
        )
        outcome = await within(self._reactor, self._options.deadline, stored, Outcome.TIMED_OUT)
        self._trim(len(events))
        return [outcome] * len(events)

    async def close(self) -> None:
        """Commit what waits, and close the file; later events are ``REFUSED``."""
        await self._thread.close()

    def _trim(self, added: int) -> None:
        """Once in a while, remove a little more than was added since the last time."""
        self._untrimmed += added
        if self._options.retain is None or self._untrimmed < TRIM_EVERY or self._thread.closed:
            return
        most, self._untrimmed = 2 * self._untrimmed, 0
        self._thread.call(self._thread.file.trim, self._options.retain, most)


def primary_code(error: Exception) -> int:
    """Return SQLite's primary result code; -1 when there is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def explain(path: Path, error: Exception) -> str:
    """Return what is wrong with a file, and what to do."""
    advice = ADVICE.get(primary_code(error), "check the path")
    return f"queue file {path}: {error}; {advice}"
