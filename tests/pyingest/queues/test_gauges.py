"""What readers tell of losses and of the queue's own consumers, against real servers."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats
import pytest
import redis
from nats.js.api import ConsumerConfig, DiscardPolicy, StreamConfig
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.gauge import Gauge, Gauging
from pyingest.queues.interface import Outcome, QueueError, Reader, parse_queue_url
from pyingest.queues.kafka_reader import KafkaReader, Place
from pyingest.queues.opening import open_queue, open_reader

reactor: Any = installed


class GaugeCase(TestCase):
    """A server that all tests share, and a queue for each."""

    engine: str

    @pytest.fixture(autouse=True)
    def _server(self, shared_server: Callable[[str], Any]) -> None:
        self.server = shared_server(self.engine)

    def setUp(self) -> None:
        self.name = f"events-{secrets.token_hex(4)}"

    def url(self) -> str:
        return f"{self.engine}://127.0.0.1:{self.server.port}/{self.name}?create=1"

    async def attached(self, cursor: str = "tap") -> Reader:
        reader = open_reader(reactor, self.url(), cursor)
        self.addCleanup(lambda: Deferred.fromCoroutine(reader.close()))
        await reader.attach()
        return reader

    async def publish(self, count: int, name: str = "") -> None:
        queue = open_queue(reactor, self.url())
        events = [Event(name or self.name, b"%d" % n) for n in range(count)]
        self.assertEqual(await queue.publish(events), [Outcome.STORED] * count)
        await queue.close()

    async def gauge(self, reader: Reader) -> Gauge:
        assert isinstance(reader, Gauging)
        return (await reader.gauge())[self.name]


class RedisGaugeTests(GaugeCase):
    """Streams that are trimmed, and groups that are behind."""

    engine = "redis"

    def setUp(self) -> None:
        super().setUp()
        self.admin = redis.Redis(port=self.server.port)
        self.addCleanup(self.admin.close)

    def test_what_was_trimmed_before_it_was_read_is_lost(self) -> Deferred[None]:
        async def body() -> None:
            await self.publish(0)
            reader = await self.attached()
            await self.publish(10)
            self.assertEqual(len(await reader.read(4)), 4)
            self.admin.xtrim(self.name, maxlen=3, approximate=False)
            self.assertEqual((await self.gauge(reader)).lost, 3)
            self.assertEqual((await self.gauge(reader)).waiting, 3)
            self.assertEqual([one.body for one in await reader.read(9)], [b"7", b"8", b"9"])
            self.assertEqual((await self.gauge(reader)).lost, 3)

        return Deferred.fromCoroutine(body())

    def test_what_was_trimmed_after_it_was_read_is_not(self) -> Deferred[None]:
        async def body() -> None:
            await self.publish(0)
            reader = await self.attached()
            await self.publish(10)
            await reader.read(10)
            self.admin.xtrim(self.name, maxlen=0, approximate=False)
            self.assertEqual((await self.gauge(reader)).lost, 0)
            await self.publish(2)
            self.assertEqual((await self.gauge(reader)).waiting, 2)

        return Deferred.fromCoroutine(body())

    def test_the_slowest_group_tells_depth_age_and_what_it_will_never_get(self) -> Deferred[None]:
        async def body() -> None:
            await self.publish(0)
            reader = await self.attached()
            self.assertEqual((await self.gauge(reader)).depth, -1)
            for group in ("quick", "slow"):
                self.admin.xgroup_create(self.name, group, "$")
            await self.publish(10)
            self.admin.xreadgroup("quick", "c", {self.name: ">"}, 10, noack=True)
            self.admin.xreadgroup("slow", "c", {self.name: ">"}, 2)
            gauge = await self.gauge(reader)
            self.assertEqual((gauge.depth, gauge.discarded), (10, 0))
            self.assertGreaterEqual(gauge.age, 0)
            self.admin.xtrim(self.name, maxlen=3, approximate=False)
            self.assertEqual((await self.gauge(reader)).discarded, 5)

        return Deferred.fromCoroutine(body())


class NatsGaugeTests(GaugeCase):
    """A stream that keeps little, and a consumer that is behind."""

    engine = "nats"

    def setUp(self) -> None:
        super().setUp()
        self.stream = self.name.upper()

        async def make(manager: Any) -> None:
            config = StreamConfig(
                name=self.stream, subjects=[self.name], max_msgs=5, discard=DiscardPolicy.OLD
            )
            await manager.add_stream(config)
            await manager.add_consumer(self.stream, ConsumerConfig(durable_name="own"))

        self.ask(make)

    def url(self) -> str:
        return f"nats://127.0.0.1:{self.server.port}/{self.stream}/{self.name}"

    def ask(self, work: Callable[[Any], Any]) -> None:
        """Do something as another client."""

        async def asked() -> None:
            client = await nats.connect(f"nats://127.0.0.1:{self.server.port}")
            await work(client.jsm())
            await client.close()

        asyncio.run(asked())

    def test_what_the_stream_dropped_is_lost_and_discarded(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            for _ in range(12):
                self.ask(self.put)
            gauge = await self.gauge(reader)
            self.assertEqual((gauge.lost, gauge.waiting), (7, 5))
            self.assertEqual((gauge.depth, gauge.discarded), (5, 7))
            self.assertGreaterEqual(gauge.age, 0)
            self.assertEqual(len(await reader.read(9)), 5)
            self.assertEqual((await self.gauge(reader)).lost, 7)

        return Deferred.fromCoroutine(body())

    def test_a_gap_between_two_reads_is_lost(self) -> Deferred[None]:
        async def body() -> None:
            reader = await self.attached()
            self.ask(self.put)
            self.assertEqual(len(await reader.read(9)), 1)
            for _ in range(8):
                self.ask(self.put)
            self.assertEqual(len(await reader.read(9)), 5)
            self.assertEqual((await self.gauge(reader)).lost, 3)

        return Deferred.fromCoroutine(body())

    async def put(self, manager: Any) -> None:
        await manager._nc.jetstream().publish(self.name, b"1")


class Shortened(KafkaReader):
    """A reader of a cluster that has deleted the beginning of each partition."""

    deleted = 0

    def _ends(self, place: Place) -> tuple[int, int]:
        low, high = super()._ends(place)
        return max(low, min(self.deleted, high)), high


class KafkaGaugeTests(GaugeCase):
    """librdkafka's mock cluster, which cannot delete: that is played."""

    engine = "kafka"

    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.server.port}/{self.name}"

    def test_what_the_cluster_deleted_before_it_was_read_is_lost(self) -> Deferred[None]:
        async def body() -> None:
            self.server.make([self.name])
            queue = open_queue(reactor, self.url())
            reader = Shortened(parse_queue_url(self.url()), f"tap-{self.name}")
            asyncio.run(reader.attach())
            key = [Event(self.name, b"%d" % n, b"k") for n in range(10)]
            self.assertEqual(await queue.publish(key), [Outcome.STORED] * 10)
            reader.deleted = 4
            (gauge,) = asyncio.run(reader.gauge()).values()
            self.assertEqual((gauge.lost, gauge.waiting), (4, 6))
            found = asyncio.run(reader.read(20))
            self.assertEqual([one.body for one in found], [b"%d" % n for n in range(4, 10)])
            asyncio.run(reader.close())
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_the_group_that_the_url_names_tells_depth(self) -> Deferred[None]:
        async def body() -> None:
            self.server.make([self.name])
            queue = open_queue(reactor, self.url())
            reader = open_reader(reactor, f"{self.url()}?group=own-{self.name}", f"tap-{self.name}")
            await reader.attach()
            own = open_reader(reactor, self.url(), f"own-{self.name}")
            await own.attach()
            self.assertEqual((await self.gauge(reader)).depth, 0)
            key = [Event(self.name, b"%d" % n, b"k") for n in range(10)]
            self.assertEqual(await queue.publish(key), [Outcome.STORED] * 10)
            self.assertEqual(len(await own.read(4)), 4)
            await own.close()
            gauge = await self.gauge(reader)
            self.assertEqual((gauge.waiting, gauge.depth, gauge.discarded), (10, 6, 0))
            await reader.close()
            await queue.close()

        return Deferred.fromCoroutine(body())


class KestrelGaugeTests(GaugeCase):
    """The embedded queue server."""

    engine = "kestrel"

    def url(self) -> str:
        return f"kestrel://127.0.0.1:{self.server.port}/{self.name}"

    def test_depth_is_the_queues_own_and_waiting_the_taps(self) -> Deferred[None]:
        async def body() -> None:
            await self.publish(3)
            reader = await self.attached()
            await self.publish(4)
            await reader.read(1)
            gauge = await self.gauge(reader)
            self.assertEqual((gauge.waiting, gauge.depth), (3, 7))
            self.assertEqual((gauge.lost, gauge.discarded), (0, 0))

        return Deferred.fromCoroutine(body())


class FleetGaugeTests(TestCase):
    """Two of the embedded queue servers as one queue."""

    @pytest.fixture(autouse=True)
    def _server(self, start_server: Callable[[str], Any]) -> Any:
        self.servers = [start_server("kestrel") for _ in range(2)]
        yield
        for server in self.servers:
            server.kill()

    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"kestrel://{places}/events"

    def test_the_servers_are_summed_up_and_a_dead_readers_place_is_found(self) -> Deferred[None]:
        async def body() -> None:
            dead: Any = open_reader(reactor, self.url(), "tap")
            await dead.attach()
            for server in self.servers:
                queue = open_queue(reactor, f"kestrel://127.0.0.1:{server.port}/events")
                await queue.publish([Event("events", b"%d" % n) for n in range(5)])
                await queue.close()
            self.assertEqual(len(await dead.read(4)), 4)
            gauge = (await dead.gauge())["events"]
            self.assertEqual((gauge.waiting, gauge.depth, gauge.lost), (6, 10, 0))
            position = dead.position()
            for each in dead._readers:
                await each.cut()
            heir: Any = open_reader(reactor, self.url(), "tap")
            heir.seek(position)
            found = [item for _ in range(3) for item in await heir.read(64)]
            self.assertEqual([item.offset for item in found], [5, 6, 7, 8, 9, 10])
            with self.assertRaises(QueueError):
                heir.seek("[]")
            for each in (dead, heir):
                await each.close()

        return Deferred.fromCoroutine(body())

    def test_a_read_says_whether_every_server_was_asked(self) -> Deferred[None]:
        async def body() -> None:
            fleet: Any = open_reader(reactor, self.url(), "tap")
            await fleet.attach()
            queue = open_queue(reactor, f"kestrel://127.0.0.1:{self.servers[0].port}/events")
            await queue.publish([Event("events", b"1")])
            await queue.close()
            self.servers[1].kill()
            self.assertEqual(len(await fleet.read(9)), 1)
            self.assertFalse(fleet.whole)
            await fleet.close()

        return Deferred.fromCoroutine(body())


class SqliteGaugeTests(TestCase):
    """A file with other cursors."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.place = tmp_path

    def test_depth_is_that_of_the_slowest_other_cursor(self) -> Deferred[None]:
        async def body() -> None:
            url = f"sqlite:{self.place}/q.db#events"
            queue = open_queue(reactor, url)
            tap, other = (open_reader(reactor, url, name) for name in ("tap", "other"))
            assert isinstance(tap, Gauging)
            await tap.attach()
            self.assertEqual((await tap.gauge())["events"].depth, -1)
            await other.attach()
            await queue.publish([Event("events", b"%d" % n) for n in range(5)])
            await other.read(2)
            await other.read(1)
            gauge = (await tap.gauge())["events"]
            self.assertEqual((gauge.waiting, gauge.depth, gauge.lost), (5, 3, 0))
            for one in (tap, other, queue):
                await one.close()

        return Deferred.fromCoroutine(body())
