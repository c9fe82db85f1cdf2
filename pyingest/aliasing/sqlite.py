"""Aliases in an SQLite file that the workers of one machine share.

Each row carries the number of the change that wrote it last. A reader that remembers rows asks
``PRAGMA data_version`` first, which SQLite answers from shared memory, and reads the rows of later
changes only when another connection has written.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pyingest.aliasing.store import Alias, AliasError, Changes, Identity, Learned, verdict

PATIENCE = 0.2
"""Seconds to wait while another process writes."""
OPENING = 5.0
"""The same when the file is opened, which all workers do at once."""
AT_ONCE = 256
"""Ids that one statement asks for."""
MOST_CHANGES = 10_000
"""Changes that are told one by one."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS aliases (
    token TEXT NOT NULL,
    alias TEXT NOT NULL,
    target TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (token, alias)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS aliases_target ON aliases (token, target);
CREATE INDEX IF NOT EXISTS aliases_change ON aliases (change);
"""
_FIND = "SELECT alias, target FROM aliases WHERE token = ? AND alias IN ({})"
_SINCE = """
SELECT change, token, alias, target FROM aliases WHERE change > ? ORDER BY change LIMIT ?
"""


class SqliteAliases:
    """The aliases in one file.

    Reads by a connection that cannot write, and writes by another.

    :param path: the file; made, with its tables, if it is not there.
    :raises AliasError: the file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0, -1
        """The last change that was told, and the file's version then."""
        with self._translated("open"):
            self._writer = _opened(path)
            self._reader = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
            )

    def find(self, identities: Sequence[Identity]) -> list[str | None]:
        """Look ids up; see :class:`pyingest.aliasing.store.AliasStore`."""
        by_token: dict[str, list[str]] = {}
        for token, name in identities:
            by_token.setdefault(token, []).append(name)
        with self._translated("read"):
            found = {
                (token, alias): target
                for token, names in by_token.items()
                for alias, target in self._rows(token, names)
            }
        return [found.get(identity) for identity in identities]

    def learn(self, aliases: Sequence[Alias]) -> list[Learned]:
        """Store aliases; see :class:`pyingest.aliasing.store.AliasStore`."""
        with self._translated("write"):
            self._writer.execute("BEGIN IMMEDIATE")
            learned = [_learn(self._writer, alias) for alias in aliases]
            self._writer.execute("COMMIT")
            return learned

    def changes(self, mark: int) -> Changes:
        """Return what is new; see :class:`pyingest.aliasing.store.AliasStore`."""
        with self._translated("read"):
            # The version first: what is written after it is seen by the next call.
            (version,) = self._reader.execute("PRAGMA data_version").fetchone()
            if self._seen == (mark, version):
                return Changes(mark, ())
            rows = self._reader.execute(_SINCE, (mark, MOST_CHANGES + 1)).fetchall()
            complete = len(rows) <= MOST_CHANGES
            if not complete:
                rows = self._reader.execute("SELECT max(change) FROM aliases").fetchall()
        if rows:
            mark = rows[-1][0]
        self._seen = mark, version
        if not complete:
            return Changes(mark, (), complete=False)
        return Changes(mark, [((token, alias), target) for _, token, alias, target in rows])

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def _rows(self, token: str, names: list[str]) -> Iterator[tuple[str, str]]:
        for start in range(0, len(names), AT_ONCE):
            part = names[start : start + AT_ONCE]
            # Few different statements, so that SQLite has each one compiled.
            size = 1 << (len(part) - 1).bit_length()
            part += part[:1] * (size - len(part))
            yield from self._reader.execute(_FIND.format(",".join("?" * size)), (token, *part))

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeEncodeError) as error:
            if doing == "write" and self._writer.in_transaction:
                with suppress(sqlite3.Error):
                    self._writer.rollback()
            raise AliasError(
                f"aliases: cannot {doing} {self._path}: {error}; "
                "it must be an SQLite file in a directory that can be written"
            ) from None


def _opened(path: Path) -> sqlite3.Connection:
    """Return a connection that may write, to a file that is ready."""
    writer = sqlite3.connect(path, timeout=OPENING, isolation_level=None)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        # An alias that a power cut takes is in the queue as an event all the same.
        writer.execute("PRAGMA synchronous = NORMAL")
        writer.executescript(_SCHEMA)
        writer.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
    except sqlite3.Error:
        writer.close()
        raise
    return writer


def _learn(writer: sqlite3.Connection, alias: Alias) -> Learned:
    source = _target(writer, alias.token, alias.alias)
    target = _target(writer, alias.token, alias.target)
    learned, old, new = verdict(alias, source, target)
    if learned is Learned.NEW:
        (change,) = writer.execute("SELECT coalesce(max(change), 0) + 1 FROM aliases").fetchone()
        writer.execute(
            "UPDATE aliases SET target = ?, change = ? WHERE token = ? AND target = ?",
            (new, change, alias.token, old),
        )
        writer.execute("INSERT INTO aliases VALUES (?, ?, ?, ?)", (alias.token, old, new, change))
    return learned


def _target(writer: sqlite3.Connection, token: str, name: str) -> str | None:
    row = writer.execute(
        "SELECT target FROM aliases WHERE token = ? AND alias = ?", (token, name)
    ).fetchone()
    return row[0] if row else None
