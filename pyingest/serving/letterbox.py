"""Dead letters in an SQLite file that never grows beyond its limit."""

import sqlite3
from pathlib import Path

from pyingest.serving.deadletters import Letter

SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, endpoint TEXT NOT NULL, reason TEXT NOT NULL,
    token TEXT NOT NULL, records INTEGER NOT NULL, body TEXT NOT NULL, body64 TEXT NOT NULL,
    size INTEGER NOT NULL
)
"""
INSERT = (
    "INSERT INTO letter (time, endpoint, reason, token, records, body, body64, size)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
LOCK = 2.0
"""Seconds to wait for another process that writes."""


class LetterBox:
    """A store of letters; several processes may share the file.

    :param limit: bytes of the database, kept to within one write.
    :raises OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        try:
            self._connection = sqlite3.connect(
                path, timeout=LOCK, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(SCHEMA)
        except sqlite3.Error as error:
            raise OSError(f"{path}: {error}") from None

    def write(self, letters: list[Letter]) -> None:
        """Insert *letters*; see :class:`pyingest.serving.deadletters.Store`."""
        rows = [
            (
                one.time,
                one.endpoint,
                one.reason,
                one.token,
                one.records,
                one.body,
                one.body64,
                one.size,
            )
            for one in letters
        ]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(INSERT, rows)
            self._make_room()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise OSError(str(error)) from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _make_room(self) -> None:
        """Remove the oldest tenth of the letters while what is in use is beyond the limit."""
        while self._used() > self._limit:
            done = self._connection.execute(
                "DELETE FROM letter WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 10"
                " FROM letter)"
            )
            if not done.rowcount:
                return

    def _used(self) -> int:
        def pragma(name: str) -> int:
            return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

        return pragma("page_size") * (pragma("page_count") - pragma("freelist_count"))
