"""What every queue promises, asked of each engine."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue, Reader
from pyingest.queues.kestrel import KestrelQueue, KestrelReader
from pyingest.queues.kestreld import start
from pyingest.queues.memory import MemoryQueue
from pyingest.queues.sqlite import SqliteQueue
from pyingest.queues.sqlite_reader import SqliteReader

NAMES = ("events", "profiles")
BODIES = [b"", b"one", b"two words", b"\r\nEND\r\n", bytes(range(256)), b"x" * 100_000]


def directory(case: TestCase, prefix: str) -> Path:
    """Return a directory that goes with its test."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    case.addCleanup(shutil.rmtree, made, ignore_errors=True)
    return made


class Contract:
    """The tests; an engine makes a queue and its readers."""

    queue: Queue
    assertEqual: Any

    def reader(self, cursor: str) -> Reader:
        raise AssertionError("an engine says how")

    def test_what_is_stored_comes_back_in_order_and_unchanged(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader("tap")
            await reader.read(1)
            events = [Event("events", body) for body in BODIES]
            self.assertEqual(await self.queue.publish(events), [Outcome.STORED] * len(BODIES))
            found = await reader.read(100)
            self.assertEqual([item.body for item in found], BODIES)
            offsets = [item.offset for item in found]
            self.assertEqual(offsets, sorted(set(offsets)))
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_each_queue_keeps_its_own_events(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader("tap")
            await reader.read(1)
            await self.queue.publish([Event("events", b"1"), Event("profiles", b"2")])
            found = await reader.read(100)
            self.assertEqual(
                sorted((item.queue, item.body) for item in found),
                [("events", b"1"), ("profiles", b"2")],
            )
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_two_readers_see_every_event(self) -> Deferred[None]:
        async def body() -> None:
            readers = [self.reader("tap"), self.reader("other")]
            for reader in readers:
                await reader.read(1)
            await self.queue.publish([Event("events", b"%d" % n) for n in range(250)])
            for reader in readers:
                self.assertEqual(len(await reader.read(1000)), 250)
                self.assertEqual(await reader.read(1000), [])
                await reader.close()

        return Deferred.fromCoroutine(body())

    def test_the_backlog_counts_what_waits(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader("tap")
            await reader.read(1)
            await self.queue.publish([Event("events", b"%d" % n) for n in range(7)])
            self.assertEqual(await reader.backlog(), 7)
            await reader.read(100)
            self.assertEqual(await reader.backlog(), 0)
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_a_reader_sees_only_what_comes_after_it(self) -> Deferred[None]:
        async def body() -> None:
            await self.queue.publish([Event("events", b"before")])
            reader = self.reader("tap")
            self.assertEqual(await reader.read(10), [])
            await self.queue.publish([Event("events", b"after")])
            self.assertEqual([item.body for item in await reader.read(10)], [b"after"])
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_many_publishers_at_once_lose_nothing(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader("tap")
            await reader.read(1)
            waiting = [
                Deferred.fromCoroutine(self.queue.publish([Event("events", b"%d" % number)]))
                for number in range(300)
            ]
            for answer in waiting:
                self.assertEqual(await answer, [Outcome.STORED])
            found = await reader.read(1000)
            self.assertEqual(sorted(int(item.body) for item in found), list(range(300)))
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_a_read_keeps_its_limit_and_the_rest_comes_next(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader("tap")
            await reader.read(1)
            names = ("events", "profiles") * 5
            await self.queue.publish([Event(q, b"%d" % n) for n, q in enumerate(names)])
            parts = [await reader.read(3) for _ in range(5)]
            self.assertEqual([len(part) for part in parts], [3, 3, 3, 1, 0])
            found = [(item.queue, item.body) for part in parts for item in part]
            self.assertEqual(sorted(found), sorted((q, b"%d" % n) for n, q in enumerate(names)))
            for queue in NAMES:
                bodies = [body for name, body in found if name == queue]
                self.assertEqual(bodies, sorted(bodies))
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_a_closed_queue_refuses(self) -> Deferred[None]:
        async def body() -> None:
            self.assertEqual(await self.queue.publish([Event("events", b"1")]), [Outcome.STORED])
            await self.queue.close()
            answer = await self.queue.publish([Event("events", b"2"), Event("events", b"3")])
            self.assertEqual(answer, [Outcome.REFUSED] * 2)

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_detached_begins_anew_under_its_old_name(self) -> Deferred[None]:
        async def body() -> None:
            first = self.reader("tap")
            await first.attach()
            await first.detach()
            await first.close()
            await self.queue.publish([Event("events", b"between")])
            second = self.reader("tap")
            await second.attach()
            await self.queue.publish([Event("events", b"after")])
            self.assertEqual([item.body for item in await second.read(10)], [b"after"])
            await second.close()

        return Deferred.fromCoroutine(body())

    def test_an_empty_batch_has_no_outcomes(self) -> Deferred[None]:
        async def body() -> None:
            self.assertEqual(await self.queue.publish([]), [])

        return Deferred.fromCoroutine(body())


class MemoryQueueTests(Contract, TestCase):
    """The reference."""

    def setUp(self) -> None:
        self.memory = MemoryQueue()
        self.queue = self.memory

    def reader(self, cursor: str) -> Reader:
        return self.memory.reader(NAMES)


class SqliteQueueTests(Contract, TestCase):
    """The embedded default."""

    def setUp(self) -> None:
        self.path = directory(self, "queue-") / "queue.db"
        self.queue = SqliteQueue(reactor, self.path)

    def tearDown(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        return Deferred.fromCoroutine(self.queue.close())

    def reader(self, cursor: str) -> Reader:
        return SqliteReader(reactor, self.path, NAMES, cursor)


class KestrelQueueTests(Contract, TestCase):
    """The client against our own server, over loopback."""

    def setUp(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        async def body() -> None:
            store = directory(self, "kestrel-")
            self.server = await start(reactor, "127.0.0.1", 0, store)
            self.queue = KestrelQueue(reactor, "127.0.0.1", self.server.port)

        return Deferred.fromCoroutine(body())

    def tearDown(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        async def body() -> None:
            await self.queue.close()
            await self.server.stop()

        return Deferred.fromCoroutine(body())

    def reader(self, cursor: str) -> Reader:
        return KestrelReader(reactor, "127.0.0.1", self.server.port, NAMES, cursor)
