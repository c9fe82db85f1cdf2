"""What every queue promises, as tests that each engine runs against its real server.

An engine of your own is held to it like this::

    class MyEngineTests(QueueContract, TestCase):
        def url(self) -> str:
            return f"my://127.0.0.1:{PORT}/{','.join(self.names)}?create=1"
"""

import secrets
from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults

from pyingest.event import Event, Stored
from pyingest.queues.gauge import Gauging, Seekable
from pyingest.queues.interface import Outcome, Queue, QueueError, Reader
from pyingest.queues.opening import open_queue, open_reader

reactor: Any = installed

BODIES = [b"", b"one", b"two words", b"\r\nEND\r\n", bytes(range(256)), b"x" * 100_000]
BIG = 900_000
"""Bytes; a million is what Kafka and NATS take, with what lies around it."""
KEY = b"k"


class QueueContract:
    """The tests. Every test has names of its own, so that all may share a server."""

    idempotent = True
    """Whether a second publish of the same id is known as such by another client too."""
    ordered = True
    """Whether events without a key keep their order; those of one key always do."""
    overtakes = False
    """Whether a publish may overtake another that is under way."""
    resumes = True
    """Whether a reader's position outlives it."""
    repeats = True
    """Whether a reader that ended without a word leaves its last batch to its successor."""
    tells_each = True
    """Whether it is told for each queue how much of it waits."""
    remembers = True
    """Whether a new reader may begin with what was there before it."""

    names: tuple[str, ...]
    queue: Queue
    assertEqual: Any
    assertGreater: Any
    assertRaises: Any
    addCleanup: Any

    def setUp(self) -> None:
        """Open a queue of two names that nobody has used."""
        tag = secrets.token_hex(4)
        self.names = (f"events-{tag}", f"profiles-{tag}")
        self.queue = self.opened()

    def url(self) -> str:
        """Return where the queues *names* lie."""
        raise NotImplementedError

    def opened(self) -> Queue:
        """Return one more queue on the same names; it is closed after the test."""
        queue = open_queue(reactor, self.url())
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    def reader(self, cursor: str = "tap", from_start: bool = False) -> Reader:
        """Return a reader of all names; it is closed after the test."""
        reader = open_reader(reactor, self.url(), cursor, from_start)
        self.addCleanup(lambda: Deferred.fromCoroutine(reader.close()))
        return reader

    async def attached(self, cursor: str = "tap", from_start: bool = False) -> Reader:
        """Return a reader that has its position."""
        reader = self.reader(cursor, from_start)
        await reader.attach()
        return reader

    async def died(self, reader: Reader) -> None:
        """Let a reader end as if its process had been killed."""

    def event(self, body: bytes, place: int = 0, key: bytes = KEY, id: bytes = b"") -> Event:
        """Return an event for one of the names."""
        return Event(self.names[place], body, b"" if self.ordered else key, id)

    async def store(self, events: Sequence[Event]) -> None:
        """Publish *events*, which must all be stored."""
        self.assertEqual(await self.queue.publish(events), [Outcome.STORED] * len(events))

    def test_what_is_stored_comes_back_in_order_and_unchanged(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            await self.store([self.event(body) for body in BODIES])
            found = await reader.read(100)
            self.assertEqual(bodies(found), BODIES)
            offsets = [item.offset for item in found]
            self.assertEqual(offsets, sorted(set(offsets)))

        return Deferred.fromCoroutine(body())

    def test_each_queue_keeps_its_own_events(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            await self.store([self.event(b"1"), self.event(b"2", 1)])
            found = await reader.read(100)
            self.assertEqual(
                {(item.queue, item.body) for item in found},
                {(self.names[0], b"1"), (self.names[1], b"2")},
            )

        return Deferred.fromCoroutine(body())

    def test_two_readers_see_every_event(self) -> Deferred[None]:
        async def body() -> None:
            readers = [await self.attached("tap"), await self.attached("other")]
            await self.store([self.event(b"%d" % n) for n in range(250)])
            for reader in readers:
                self.assertEqual(len(await reader.read(1000)), 250)
                self.assertEqual(await reader.read(1000), [])

        return Deferred.fromCoroutine(body())

    def test_the_backlog_counts_what_waits(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            await self.store([self.event(b"%d" % n, n % 2) for n in range(7)])
            self.assertEqual(await reader.backlog(), 7)
            await reader.read(3)
            self.assertEqual(await reader.backlog(), 4)
            await reader.read(100)
            self.assertEqual(await reader.backlog(), 0)

        return Deferred.fromCoroutine(body())

    def test_a_reader_sees_only_what_comes_after_it(self) -> Deferred[None]:
        async def body() -> None:
            await self.store([self.event(b"before")])
            reader = self.reader()
            self.assertEqual(await reader.read(10), [])
            await self.store([self.event(b"after")])
            self.assertEqual(bodies(await reader.read(10)), [b"after"])

        return Deferred.fromCoroutine(body())

    def test_a_reader_from_the_start_sees_what_was_there(self) -> Deferred[None]:
        async def body() -> None:
            await self.store([self.event(b"before"), self.event(b"too", 1)])
            reader = self.reader(from_start=True)
            expected = {b"before", b"too"} if self.remembers else set()
            self.assertEqual(set(bodies(await reader.read(10))), expected)

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_was_closed_goes_on_where_it_stopped(self) -> Deferred[None]:
        async def body() -> None:
            first = await self.attached()
            await self.store([self.event(b"%d" % n) for n in range(5)])
            self.assertEqual(bodies(await first.read(2)), [b"0", b"1"])
            await first.close()
            second = await self.attached()
            expected = [b"2", b"3", b"4"] if self.resumes else []
            self.assertEqual(bodies(await second.read(10)), expected)

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_died_leaves_its_last_batch_to_its_successor(self) -> Deferred[None]:
        async def body() -> None:
            dead = await self.attached()
            await self.store([self.event(b"%d" % n) for n in range(6)])
            self.assertEqual(bodies(await dead.read(2)), [b"0", b"1"])
            self.assertEqual(bodies(await dead.read(2)), [b"2", b"3"])
            if self.repeats:
                heir = await self.attached()
                self.assertEqual(bodies(await heir.read(3)), [b"2", b"3", b"4"])
                self.assertEqual(bodies(await heir.read(3)), [b"5"])

        return Deferred.fromCoroutine(body())

    def test_many_publishers_at_once_lose_nothing(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            waiting = [
                Deferred.fromCoroutine(self.queue.publish([Event(self.names[0], b"%d" % n)]))
                for n in range(300)
            ]
            self.assertEqual(await gatherResults(waiting), [[Outcome.STORED]] * 300)
            found = await reader.read(1000)
            self.assertEqual(sorted(int(item.body) for item in found), list(range(300)))

        return Deferred.fromCoroutine(body())

    def test_the_events_of_a_key_keep_their_order(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            name = self.names[0]
            events = [Event(name, b"%d-%d" % (n % 7, n), b"key %d" % (n % 7)) for n in range(700)]
            parts = [events[n : n + 50] for n in range(0, 700, 50)]
            at_once = 1 if self.overtakes else len(parts)
            for n in range(0, len(parts), at_once):
                asked = [
                    Deferred.fromCoroutine(self.queue.publish(part))
                    for part in parts[n : n + at_once]
                ]
                self.assertEqual(await gatherResults(asked), [[Outcome.STORED] * 50] * at_once)
            found = bodies(await reader.read(1000))
            for key in range(7):
                own = [int(body[2:]) for body in found if body.startswith(b"%d-" % key)]
                self.assertEqual(own, list(range(key, 700, 7)))

        return Deferred.fromCoroutine(body())

    def test_an_event_published_again_is_stored_once(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            once = [self.event(b"1", id=b"id \xff\r\n1"), self.event(b"2", id=b"2")]
            await self.store(once)
            await self.store([*once, self.event(b"3", id=b"3")])
            self.queue = self.opened()
            await self.store([self.event(b"1", id=b"id \xff\r\n1"), self.event(b"4")])
            expected = [b"1", b"2", b"3", b"4"]
            if not self.idempotent:
                expected = [b"1", b"2", b"1", b"2", b"3", b"1", b"4"]
            self.assertEqual(bodies(await reader.read(100)), expected)

        return Deferred.fromCoroutine(body())

    def test_an_id_holds_for_its_queue_only_and_an_empty_one_for_nothing(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            await self.store([self.event(b"1", 0, id=b"same"), self.event(b"2", 1, id=b"same")])
            await self.store([self.event(b"3"), self.event(b"3")])
            found = sorted(bodies(await reader.read(100)))
            self.assertEqual(found, [b"1", b"2", b"3", b"3"])

        return Deferred.fromCoroutine(body())

    def test_a_big_body_comes_back_unchanged(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            big = [secrets.token_bytes(BIG) for _ in range(3)]
            for one in big:
                await self.store([self.event(one)])
            self.assertEqual(bodies(await reader.read(10)), big)

        return Deferred.fromCoroutine(body())

    def test_a_read_keeps_its_limit_and_the_rest_comes_next(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            await self.store([self.event(b"%d" % n, n % 2) for n in range(10)])
            parts = [await reader.read(3) for _ in range(5)]
            self.assertEqual([len(part) for part in parts], [3, 3, 3, 1, 0])
            found = [item for part in parts for item in part]
            for place, name in enumerate(self.names):
                own = [item.body for item in found if item.queue == name]
                self.assertEqual(own, [b"%d" % n for n in range(place, 10, 2)])

        return Deferred.fromCoroutine(body())

    def test_a_closed_queue_refuses(self) -> Deferred[None]:
        async def body() -> None:
            await self.store([self.event(b"1")])
            await self.queue.close()
            answer = await self.queue.publish([self.event(b"2"), self.event(b"3")])
            self.assertEqual(answer, [Outcome.REFUSED] * 2)
            await self.queue.close()

        return Deferred.fromCoroutine(body())

    def test_closing_waits_for_what_is_under_way(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            asked = [
                Deferred.fromCoroutine(self.queue.publish([self.event(b"%d" % n)]))
                for n in range(50)
            ]
            await self.queue.close()
            self.assertEqual(await gatherResults(asked), [[Outcome.STORED]] * 50)
            self.assertEqual(len(await reader.read(100)), 50)

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_detached_begins_anew_under_its_old_name(self) -> Deferred[None]:
        async def body() -> None:
            first = await self.attached()
            await first.detach()
            await first.close()
            await self.store([self.event(b"between")])
            second = await self.attached()
            await self.store([self.event(b"after")])
            self.assertEqual(bodies(await second.read(10)), [b"after"])

        return Deferred.fromCoroutine(body())

    def test_a_gauge_tells_what_waits_and_that_nothing_was_lost(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            assert isinstance(reader, Gauging)
            await self.store([self.event(b"%d" % n, n % 2) for n in range(7)])
            await reader.read(2)
            gauges = await reader.gauge()
            self.assertEqual(set(gauges), set(self.names))
            waiting = [gauges[name].waiting for name in self.names]
            if self.tells_each:
                self.assertEqual(sum(waiting), 5)
            lost = [gauge.lost for gauge in gauges.values()]
            self.assertEqual(lost, [0, 0])
            await reader.read(10)
            self.assertEqual(await reader.backlog(), 0)

        return Deferred.fromCoroutine(body())

    def test_a_reader_that_died_is_followed_behind_what_was_kept_of_it(self) -> Deferred[None]:
        """Its last batch was kept, together with its position, and is not had twice."""

        async def body() -> None:
            dead = await self.attached()
            assert isinstance(dead, Seekable)
            await self.store([self.event(b"%d" % n) for n in range(6)])
            self.assertEqual(bodies(await dead.read(2)), [b"0", b"1"])
            self.assertEqual(bodies(await dead.read(2)), [b"2", b"3"])
            position = dead.position()
            await self.died(dead)
            heir = self.reader()
            assert isinstance(heir, Seekable)
            heir.seek(position)
            await heir.attach()
            found = await heir.read(3)
            self.assertEqual(bodies(found), [b"4", b"5"])
            self.assertGreater(found[0].offset, 4)

        return Deferred.fromCoroutine(body())

    def test_what_is_no_position_is_refused(self) -> Deferred[None]:
        async def body() -> None:
            reader = self.reader()
            assert isinstance(reader, Seekable)
            for text in ("nonsense", "[", "-1"):
                with self.assertRaises(QueueError):
                    reader.seek(text)

        return Deferred.fromCoroutine(body())

    def test_an_empty_batch_has_no_outcomes(self) -> Deferred[None]:
        async def body() -> None:
            self.assertEqual(await self.queue.publish([]), [])

        return Deferred.fromCoroutine(body())


def bodies(found: Sequence[Stored]) -> list[bytes]:
    """Return what messages hold."""
    return [item.body for item in found]
