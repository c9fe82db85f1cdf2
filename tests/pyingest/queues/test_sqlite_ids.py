"""SQLite queues: ids, what is removed when all have read it, and a commit that is late."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.queues.log import Append, Move
from pyingest.queues.opening import open_queue, open_reader
from pyingest.queues.sqlite import TRIM_EVERY, LogFile, SqliteOptions, SqliteQueue

reactor: Any = installed

BEFORE_IDS = """
CREATE TABLE item(off INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX item_by_queue ON item(queue, off);
CREATE TABLE cursor(name TEXT NOT NULL, queue TEXT NOT NULL,
 off INTEGER NOT NULL, PRIMARY KEY(name, queue)) WITHOUT ROWID;
CREATE TABLE taken(name TEXT NOT NULL, queue TEXT NOT NULL,
 off INTEGER NOT NULL, PRIMARY KEY(name, queue, off)) WITHOUT ROWID;
INSERT INTO item(queue, body) VALUES('q', x'6f6c64');
PRAGMA user_version=1;
"""


def offsets(file: LogFile, queue: str = "q") -> list[int]:
    return [offset for offset, _ in file.items(queue, 0, 10_000)]


def filled(path: Path, count: int) -> LogFile:
    """Return a file of *count* messages in queue ``q``, and as many in ``other``."""
    file = LogFile(path, SqliteOptions())
    file.write([Append("q", b"x") for _ in range(count)])
    file.write([Append("other", b"x") for _ in range(count)])
    return file


def test_a_file_from_before_ids_learns_them(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "q.db") as old:
        old.executescript(BEFORE_IDS)
    old.close()
    for _ in range(2):
        file = LogFile(tmp_path / "q.db", SqliteOptions())
        file.write([Append("q", b"new", None, b"1"), Append("q", b"new", None, b"1")])
        assert [body for _, body in file.items("q", 0, 9)] == [b"old", b"new"]
        file.close()


def test_an_offset_is_not_given_out_for_what_is_known(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "q.db", SqliteOptions())
    for _ in range(3):
        file.write([Append("q", b"1", None, b"1")])
    file.write([Append("q", b"2", None, b"2")])
    assert len(offsets(file)) == 2
    file.close()


def test_what_every_cursor_has_passed_is_removed(tmp_path: Path) -> None:
    file = filled(tmp_path / "q.db", 10)
    file.write([Move("fast", "q", 9), Move("slow", "q", 4)])
    assert file.trim(0, 100) == 4
    assert offsets(file) == list(range(5, 11))
    assert len(offsets(file, "other")) == 10
    file.close()


def test_nothing_is_removed_that_nobody_reads(tmp_path: Path) -> None:
    file = filled(tmp_path / "q.db", 10)
    assert file.trim(0, 100) == 0
    assert len(offsets(file)) == 10
    file.close()


def test_the_last_messages_are_retained(tmp_path: Path) -> None:
    file = filled(tmp_path / "q.db", 10)
    file.write([Move("tap", "q", 10), Move("tap", "other", 20)])
    assert file.trim(15, 100) == 5
    assert offsets(file) == list(range(6, 11))
    assert len(offsets(file, "other")) == 10
    file.close()


def test_little_is_removed_at_once(tmp_path: Path) -> None:
    file = filled(tmp_path / "q.db", 10)
    file.write([Move("tap", "q", 10), Move("tap", "other", 20)])
    assert file.trim(0, 3) == 6
    assert offsets(file) == list(range(4, 11))
    file.close()


class QueueTests(TestCase):
    """Through the queue."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "q.db"

    def test_a_queue_trims_as_it_goes_and_an_unread_message_stays(self) -> Deferred[None]:
        async def body() -> None:
            url = f"sqlite:{self.path}?retain=10#q"
            queue = open_queue(reactor, url)
            reader = open_reader(reactor, url, "tap", from_start=True)
            for _ in range(4):
                await queue.publish([Event("q", b"x") for _ in range(TRIM_EVERY)])
                self.assertEqual(len(await reader.read(10_000)), TRIM_EVERY)
            await reader.close()
            await queue.publish([Event("q", b"x") for _ in range(TRIM_EVERY)])
            await queue.close()
            file = LogFile(self.path, SqliteOptions())
            self.assertEqual(file.count("q", 0), TRIM_EVERY)
            file.close()

        return Deferred.fromCoroutine(body())

    def test_without_being_asked_nothing_is_removed(self) -> Deferred[None]:
        async def body() -> None:
            url = f"sqlite:{self.path}#q"
            queue = open_queue(reactor, url)
            reader = open_reader(reactor, url, "tap", from_start=True)
            for _ in range(3):
                await queue.publish([Event("q", b"x") for _ in range(TRIM_EVERY)])
                await reader.read(10_000)
            await reader.close()
            await queue.close()
            file = LogFile(self.path, SqliteOptions())
            self.assertEqual(file.count("q", 0), 3 * TRIM_EVERY)
            file.close()

        return Deferred.fromCoroutine(body())

    def test_a_commit_that_is_late_times_out(self) -> Deferred[None]:
        async def body() -> None:
            other = sqlite3.connect(self.path, isolation_level=None)
            queue = SqliteQueue(reactor, self.path, SqliteOptions(lock_seconds=30, deadline=0.2))
            other.execute("BEGIN IMMEDIATE")
            answer = await queue.publish([Event("q", b"1"), Event("q", b"2")])
            self.assertEqual(answer, [Outcome.TIMED_OUT] * 2)
            other.execute("ROLLBACK")
            other.close()
            self.assertEqual(await queue.publish([Event("q", b"3")]), [Outcome.STORED])
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_lock_is_waited_for_less_than_the_deadline(self) -> Deferred[None]:
        async def body() -> None:
            queue = open_queue(reactor, f"sqlite:{self.path}?deadline=0.5#q")
            other = sqlite3.connect(self.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            self.assertEqual(await queue.publish([Event("q", b"1")]), [Outcome.REFUSED])
            other.execute("ROLLBACK")
            other.close()
            await queue.close()

        return Deferred.fromCoroutine(body())
