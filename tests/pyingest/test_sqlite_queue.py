"""The SQLite engine: what it survives, shares, and says when it cannot."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.log import Append
from pyingest.queues.sqlite import LogFile, SqliteOptions, SqliteQueue
from pyingest.queues.sqlite_reader import SqliteReader

reactor: Any = installed

WRITER = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.queues.sqlite import SqliteQueue

async def write(queue, lane):
    number = 0
    while True:
        name = b"%d-%06d" % (lane, number)
        if await queue.publish([Event("events", name)]) == [Outcome.STORED]:
            sys.stdout.write(name.decode() + "\\n")
            sys.stdout.flush()
        number += 1

def begin():
    queue = SqliteQueue(reactor, Path(sys.argv[1]))
    for lane in range(8):
        Deferred.fromCoroutine(write(queue, lane))

reactor.callWhenRunning(begin)
reactor.run()
"""

READER = """
import sys
from pathlib import Path
from twisted.internet.task import react
from twisted.internet.defer import Deferred
from pyingest.queues.sqlite_reader import SqliteReader

async def main(reactor):
    reader = SqliteReader(reactor, Path(sys.argv[1]), ["events"], "elsewhere", True)
    print(len(await reader.read(1000)))
    await reader.close()

react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
"""


def events(*bodies: bytes) -> list[Event]:
    return [Event("events", body) for body in bodies]


class SqliteCase(TestCase):
    """A directory of its own."""

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sqlite-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.path = self.directory / "queue.db"

    def reader(self, cursor: str = "tap", from_start: bool = False) -> SqliteReader:
        return SqliteReader(reactor, self.path, ["events"], cursor, from_start)

    async def bodies(self, reader: SqliteReader) -> list[bytes]:
        return [item.body for item in await reader.read(100)]


class ProcessTests(SqliteCase):
    """More than one process."""

    def test_killing_the_writer_loses_nothing_that_was_confirmed(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.path)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process.stdout as output:
            told = [output.readline().strip() for _ in range(3_000)]
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
            told += [line.strip() for line in output.read().splitlines(True) if line[-1:] == b"\n"]
        file = LogFile(self.path, SqliteOptions())
        stored = [body for _, body in file.items("events", 0, 1_000_000)]
        file.close()
        self.assertGreaterEqual(len(told), 3_000)
        self.assertEqual(set(told) - set(stored), set())
        self.assertEqual(len(stored), len(set(stored)))

    def test_another_process_reads_and_takes_nothing(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            await queue.publish(events(b"1", b"2", b"3"))
            command = [sys.executable, "-c", READER, str(self.path)]
            self.assertEqual(subprocess.check_output(command, timeout=30).strip(), b"3")
            self.assertEqual(subprocess.check_output(command, timeout=30).strip(), b"0")
            reader = self.reader(from_start=True)
            self.assertEqual(await self.bodies(reader), [b"1", b"2", b"3"])
            await reader.close()
            await queue.close()

        return Deferred.fromCoroutine(body())


class CommitTests(SqliteCase):
    """Groups of events in one transaction."""

    def test_what_waits_shares_a_commit(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            commits: list[int] = []
            write = queue._thread.file.write

            def counted(operations: list[Append]) -> Outcome:
                commits.append(len(operations))
                return write(operations)

            queue._thread.file.write = counted  # type: ignore[method-assign,assignment]
            asked = [Deferred.fromCoroutine(queue.publish(events(b"x"))) for _ in range(500)]
            self.assertEqual(await gatherResults(asked), [[Outcome.STORED]] * 500)
            self.assertEqual(commits, [1, 499])
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_closing_commits_what_waits(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            asked = [Deferred.fromCoroutine(queue.publish(events(b"x"))) for _ in range(50)]
            await queue.close()
            self.assertEqual(await gatherResults(asked), [[Outcome.STORED]] * 50)

        return Deferred.fromCoroutine(body())


class CursorTests(SqliteCase):
    """Where readers stand."""

    def test_a_cursor_goes_on_where_it_stopped(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            await queue.publish(events(b"1", b"2", b"3"))
            reader = self.reader(from_start=True)
            self.assertEqual([item.offset for item in await reader.read(2)], [1, 2])
            await reader.close()
            reader = self.reader(from_start=True)
            self.assertEqual(await self.bodies(reader), [b"3"])
            await reader.close()
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_died_gets_its_last_batch_again(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            await queue.publish(events(b"1", b"2"))
            dead = self.reader(from_start=True)
            await dead.read(1)
            await dead.read(1)
            heir = self.reader(from_start=True)
            self.assertEqual(await self.bodies(heir), [b"2"])
            for reader in (dead, heir):
                await reader.close()
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_attaching_holds_the_start_for_a_later_process(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            await queue.publish(events(b"before"))
            reader = self.reader()
            await reader.attach()
            await reader.close()
            await queue.publish(events(b"between"))
            reader = self.reader()
            self.assertEqual(await self.bodies(reader), [b"between"])
            await reader.close()
            await queue.close()

        return Deferred.fromCoroutine(body())


class FaultTests(SqliteCase):
    """What goes wrong, in words."""

    def publish_with(self, sql: str, expected: Outcome, words: str) -> Deferred[None]:
        """Break the writer's connection with *sql*; a failed write must not stop the next one."""

        async def body() -> None:
            queue = SqliteQueue(reactor, self.path, SqliteOptions(lock_seconds=0.05))
            file = queue._thread.file
            file._connection.execute(sql)
            answer = await queue.publish(events(b"x" * 10_000, b"y"))
            self.assertEqual(answer, [expected] * 2)
            self.assertIn(str(self.path), file.trouble)
            self.assertIn(words, file.trouble)
            file._connection.execute("PRAGMA query_only=0")
            file._connection.execute("PRAGMA max_page_count=100000")
            self.assertEqual(await queue.publish(events(b"z")), [Outcome.STORED])
            self.assertEqual(file.trouble, "")
            self.assertEqual([body for _, body in file.items("events", 0, 9)], [b"z"])
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_full_disk_is_full(self) -> Deferred[None]:
        return self.publish_with("PRAGMA max_page_count=1", Outcome.FULL, "make room")

    def test_a_file_that_may_not_be_written_refuses(self) -> Deferred[None]:
        return self.publish_with("PRAGMA query_only=1", Outcome.REFUSED, "writable")

    def test_a_lock_held_elsewhere_refuses_and_then_lets_go(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path, SqliteOptions(lock_seconds=0.05))
            other = sqlite3.connect(self.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            self.assertEqual(await queue.publish(events(b"1")), [Outcome.REFUSED])
            self.assertIn("another process", queue._thread.file.trouble)
            other.execute("ROLLBACK")
            self.assertEqual(await queue.publish(events(b"2")), [Outcome.STORED])
            other.close()
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_limit_in_bytes_is_kept(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path, SqliteOptions(max_bytes=200_000))
            answers = [(await queue.publish(events(b"x" * 10_000)))[0] for _ in range(30)]
            self.assertEqual(set(answers), {Outcome.STORED, Outcome.FULL})
            self.assertGreater(answers.count(Outcome.STORED), 10)
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_queue_name_that_is_no_text_refuses(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            self.assertEqual(await queue.publish([Event("\ud800", b"")]), [Outcome.REFUSED])
            self.assertEqual(await queue.publish(events(b"1")), [Outcome.STORED])
            await queue.close()

        return Deferred.fromCoroutine(body())

    def complains(self, *words: str) -> None:
        """Opening must fail with a text that has *words* and the path."""
        with self.assertRaises(QueueError) as caught:
            SqliteQueue(reactor, self.path)
        for word in (str(self.path), *words):
            self.assertIn(word, str(caught.exception))

    def test_a_missing_directory_is_named(self) -> None:
        self.path = self.directory / "missing" / "queue.db"
        self.complains("unable to open", "directory exists")

    def test_a_directory_is_no_file(self) -> None:
        self.path = self.directory
        self.complains("unable to open")

    def test_another_kind_of_file_is_left_alone(self) -> None:
        self.path.write_bytes(b"not a database at all" * 100)
        self.complains("not a database", "another path")
        self.assertEqual(self.path.read_bytes()[:21], b"not a database at all")

    def test_a_newer_schema_is_left_alone(self) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA user_version=99")
        connection.close()
        self.complains("newer version")

    def test_reading_a_damaged_file_is_an_error_with_words(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            await queue.publish(events(*[b"%d" % n + b"x" * 3_000 for n in range(100)]))
            await queue.close()
            size = self.path.stat().st_size
            with self.path.open("r+b") as file:
                file.seek(9 * 4096)
                file.write(b"\xff" * (size - 9 * 4096))
            reader = self.reader(from_start=True)
            error = await self.assertFailure(Deferred.fromCoroutine(reader.read(1000)), QueueError)
            self.assertIn(str(self.path), str(error))
            self.assertIn("damaged", str(error))
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_opening_a_damaged_file_leaves_nothing_running(self) -> Deferred[None]:
        async def body() -> None:
            queue = SqliteQueue(reactor, self.path)
            await queue.publish(events(b"x" * 30_000))
            await queue.close()
            with self.path.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xff" * 4096 * 6)
            threads = threading.active_count()
            with self.assertRaises(QueueError):
                self.reader()
            self.assertEqual(threading.active_count(), threads)

        return Deferred.fromCoroutine(body())

    def test_a_closed_reader_says_so(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader()
            await reader.close()
            await self.assertFailure(Deferred.fromCoroutine(reader.read(1)), QueueError)
            await self.assertFailure(Deferred.fromCoroutine(reader.backlog()), QueueError)

        return Deferred.fromCoroutine(body())
