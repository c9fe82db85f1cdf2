"""An append-only log as database rows: its tables, and what may be done to them as values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby

from msgspec import Struct

SCHEMA_VERSION = 1
"""Kept in ``user_version``; 0 is a new file."""

SCHEMA = (
    # AUTOINCREMENT: an offset must not be given out again after its row was trimmed.
    "CREATE TABLE IF NOT EXISTS item"
    "(off INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS item_by_queue ON item(queue, off)",
    "CREATE TABLE IF NOT EXISTS cursor(name TEXT NOT NULL, queue TEXT NOT NULL,"
    " off INTEGER NOT NULL, PRIMARY KEY(name, queue)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS taken(name TEXT NOT NULL, queue TEXT NOT NULL,"
    " off INTEGER NOT NULL, PRIMARY KEY(name, queue, off)) WITHOUT ROWID",
    f"PRAGMA user_version={SCHEMA_VERSION}",
)

Item = tuple[int, bytes]
"""A message as it lies in a log: its offset and its body."""


class Append(Struct, frozen=True, gc=False):
    """Put a message at the end of a log."""

    # A Struct, since there is one for each message.

    queue: str
    body: bytes
    off: int | None = None
    """``None`` takes the next offset of the file."""


@dataclass(frozen=True, slots=True)
class Move:
    """Say that cursor *name* is done with everything up to and including *off*."""

    name: str
    queue: str
    off: int


@dataclass(frozen=True, slots=True)
class Take:
    """Say that cursor *name* is done with the one message *off*, which lies beyond it."""

    name: str
    queue: str
    off: int


@dataclass(frozen=True, slots=True)
class TakeBetween:
    """Say that cursor *name* is done with what lies beyond *after* and before *until*."""

    name: str
    queue: str
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the :class:`Take` notes of a cursor up to and including *off*."""

    name: str
    queue: str
    off: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove a cursor."""

    name: str
    queue: str


@dataclass(frozen=True, slots=True)
class Trim:
    """Remove the messages of a log up to and including *off*."""

    queue: str
    off: int


INSERT = "INSERT INTO item(off, queue, body) VALUES(?, ?, ?)"
WIDE = 32
"""Messages that one statement inserts. Between two statements Python's lock is given away and
fought for again, which costs more than an insert."""
_WIDE_INSERT = INSERT + ", (?, ?, ?)" * (WIDE - 1)

Operation = Append | Move | Take | TakeBetween | Forget | Drop | Trim
Row = tuple[str | bytes | int | None, ...]


def statement(operation: Operation) -> tuple[str, Row]:
    """Return the SQL and its values for one operation."""
    match operation:
        case Append(queue, body, off):
            return INSERT, (off, queue, body)
        case Move(name, queue, off):
            return "INSERT OR REPLACE INTO cursor(name, queue, off) VALUES(?, ?, ?)", (
                name,
                queue,
                off,
            )
        case Take(name, queue, off):
            return "INSERT OR REPLACE INTO taken(name, queue, off) VALUES(?, ?, ?)", (
                name,
                queue,
                off,
            )
        case TakeBetween(name, queue, after, until):
            return (
                "INSERT OR REPLACE INTO taken(name, queue, off)"
                " SELECT ?, queue, off FROM item WHERE queue=? AND off>? AND off<?"
            ), (name, queue, after, until)
        case Forget(name, queue, off):
            return "DELETE FROM taken WHERE name=? AND queue=? AND off<=?", (name, queue, off)
        case Drop(name, queue):
            return "DELETE FROM cursor WHERE name=? AND queue=?", (name, queue)
        case Trim(queue, off):
            return "DELETE FROM item WHERE queue=? AND off<=?", (queue, off)


def statements(operations: Iterable[Operation]) -> Iterator[tuple[str, list[Row]]]:
    """Yield SQL with all the rows it is for, in order; equal neighbours share one statement."""
    pairs = map(statement, operations)
    for sql, group in groupby(pairs, key=lambda pair: pair[0]):
        rows = [row for _, row in group]
        if sql is INSERT:
            whole = len(rows) - len(rows) % WIDE
            yield from _wide(rows[:whole])
            rows = rows[whole:]
        if rows:
            yield sql, rows


def _wide(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the statement for many messages at once; *rows* are a multiple of ``WIDE``."""
    if rows:
        starts = range(0, len(rows), WIDE)
        yield _WIDE_INSERT, [tuple(chain(*rows[start : start + WIDE])) for start in starts]
