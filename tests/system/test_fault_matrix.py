"""Every engine under every fault: what was answered 1 comes out, and nothing else is said."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import skipIf

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.durability.acknowledgement import Ack, DurableOptions, DurableStatus
from pyingest.durability.durable import DurableQueue
from pyingest.durability.spool import Spool, open_spool
from pyingest.durability.testing import Backend, Fault, ServerBackend, kestrel_command
from pyingest.event import Event, Stored
from pyingest.queues.interface import Outcome, Queue, QueueError, Reader
from pyingest.queues.kestrel import KestrelQueue
from pyingest.queues.kestrel_fleet import KestrelFleet
from pyingest.queues.kestrel_fleet_reader import KestrelFleetReader
from pyingest.queues.kestrel_reader import KestrelReader
from pyingest.queues.sqlite import SqliteOptions, SqliteQueue
from pyingest.queues.sqlite_reader import SqliteReader
from tests.pyingest.conftest import program
from tests.system.brokers import Kafka, Nats, Redis

reactor: Any = installed
WRITERS = 6
BEFORE, DURING, AFTER = 0.1, 0.3, 0.1
"""Seconds of load before, while and after something is broken."""
PATIENCE = 0.25
OPTIONS = DurableOptions(patience=PATIENCE, first_pause=0.02, longest_pause=0.1)


class Kestrel(ServerBackend):
    """Our server, one connection pool."""

    faults = frozenset(Fault)

    def command(self, full: bool) -> list[str]:
        return kestrel_command(self.port, self.directory, 0 if full else 10_000_000)

    def queue(self, name: str) -> Queue:
        return KestrelQueue(self.reactor, "127.0.0.1", self.proxy.port, 4, PATIENCE / 2)

    def reader(self, name: str) -> Reader:
        return KestrelReader(self.reactor, "127.0.0.1", self.port, [name])


class Fleet:
    """Two of our servers; the first one has the faults."""

    faults = frozenset({Fault.KILLED, Fault.HANGING, Fault.REFUSING, Fault.CUT, Fault.FULL})

    def __init__(self) -> None:
        self.first, self.second = Kestrel(), Kestrel()

    async def start(self, reactor: Any, directory: Path) -> None:
        await self.first.start(reactor, directory / "first")
        await self.second.start(reactor, directory / "second")

    async def make(self, name: str) -> None:
        """Both make queues by themselves."""

    def queue(self, name: str) -> Queue:
        servers = [("127.0.0.1", one.proxy.port) for one in (self.first, self.second)]
        return KestrelFleet(reactor, servers, 2, PATIENCE / 2)

    def reader(self, name: str) -> Reader:
        servers = [("127.0.0.1", one.port) for one in (self.first, self.second)]
        return KestrelFleetReader(reactor, servers, [name])

    async def inflict(self, fault: Fault) -> None:
        await self.first.inflict(fault)

    async def mend(self) -> None:
        await self.first.mend()

    async def stop(self) -> None:
        await self.first.stop()
        await self.second.stop()


class Sqlite:
    """The embedded queue; other processes and the disk have the faults."""

    faults = frozenset({Fault.HANGING, Fault.FULL, Fault.SLOW})

    def __init__(self) -> None:
        self._other: sqlite3.Connection | None = None
        self._queues: list[SqliteQueue] = []

    async def start(self, reactor: Any, directory: Path) -> None:
        self._path = directory / "queue.db"

    async def make(self, name: str) -> None:
        """The file makes queues by itself."""

    def queue(self, name: str) -> Queue:
        self._queues.append(SqliteQueue(reactor, self._path, SqliteOptions(lock_seconds=0.5)))
        return self._queues[-1]

    def reader(self, name: str) -> Reader:
        return SqliteReader(reactor, self._path, [name], "tap", from_start=True)

    async def inflict(self, fault: Fault) -> None:
        if fault is Fault.FULL:
            await self._pragma("max_page_count=1")
            return
        self._other = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        self._other.execute("BEGIN IMMEDIATE")
        if fault is Fault.SLOW:
            reactor.callLater(PATIENCE / 2, self._unlock)

    async def mend(self) -> None:
        self._unlock()
        await self._pragma("max_page_count=1000000")

    async def stop(self) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._other is not None:
            self._other.close()
            self._other = None

    async def _pragma(self, text: str) -> None:
        thread = self._queues[-1]._thread
        if not thread.closed:
            await thread.call(thread.file._connection.execute, f"PRAGMA {text}")


@dataclass
class Load:
    """Writers that never rest, and what they were told."""

    queue: Queue
    name: str
    sent: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    """What was answered 1."""
    over: bool = False

    async def run(self) -> None:
        writers = [Deferred.fromCoroutine(self._write(lane)) for lane in range(WRITERS)]
        await gatherResults(writers)

    async def _write(self, lane: int) -> None:
        number = 0
        while not self.over:
            bodies = [b"%d-%06d" % (lane, number + n) for n in range(1 + lane % 3)]
            number += len(bodies)
            self.sent += bodies
            outcomes = await self.queue.publish([Event(self.name, body) for body in bodies])
            pairs = zip(bodies, outcomes, strict=True)
            self.told += [body for body, outcome in pairs if outcome is Outcome.STORED]
            await deferLater(reactor, 0.002)


class Matrix:
    """One backend; each test is one fault, on a queue of its own."""

    backend: Backend
    addCleanup: Any
    timeout = 60

    async def cell(
        self, fault: Fault, spool: Spool | None
    ) -> tuple[Load, list[bytes], DurableStatus]:
        """Break and mend under load; return the load, what came out, and the last status."""
        name = f"events-{fault.name.lower()}-{spool is None}"
        await self.backend.make(name)
        reader = self.backend.reader(name)
        await reader.attach()
        queue = DurableQueue(reactor, self.backend.queue(name), spool, Ack.QUEUE, OPTIONS)
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        self.addCleanup(lambda: Deferred.fromCoroutine(reader.close()))
        load = Load(queue, name)
        running = Deferred.fromCoroutine(load.run())
        await deferLater(reactor, BEFORE)
        await self.backend.inflict(fault)
        await deferLater(reactor, DURING)
        await self.backend.mend()
        await deferLater(reactor, AFTER)
        load.over = True
        await running
        await until(lambda: not queue.status().spooled_events)
        status = queue.status()
        await queue.close()
        found = await everything(reader)
        return load, found, status


async def everything(reader: Reader) -> list[bytes]:
    """Return all that waits for *reader*, which may have to find its server again first."""
    found: list[bytes] = []
    while items := await patiently(reader):
        found += [item.body for item in items]
    return found


async def patiently(reader: Reader) -> list[Stored]:
    for _ in range(100):
        with contextlib.suppress(QueueError):
            return await reader.read(100_000)
        await deferLater(reactor, 0.05)
    raise AssertionError("the reader does not come back")


async def until(true: Callable[[], object]) -> None:
    for _ in range(1500):
        if true():
            return
        await deferLater(reactor, 0.01)
    raise AssertionError("it did not come to that")


def with_spool(fault: Fault) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """Return the test that nothing is lost, and that nothing but doubt is doubled."""

    async def test(self: Any) -> None:
        root = Path(tempfile.mkdtemp(prefix="spool-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        load, found, status = await self.cell(fault, open_spool(reactor, root))
        seen = Counter(found)
        assert set(load.told) - set(seen) == set()
        assert set(seen) - set(load.sent) == set()
        # The spool was there all the time: nobody heard 0.
        assert len(load.told) == len(load.sent) > WRITERS
        if self.knows_repeats:
            assert sum(seen.values()) - len(seen) <= status.possible_duplicates
        assert (status.refused, status.set_aside) == (0, 0)

    return test


def without_spool(fault: Fault) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """Return the test that there is no false 1, and nothing is sent twice."""

    async def test(self: Any) -> None:
        load, found, status = await self.cell(fault, None)
        seen = Counter(found)
        assert set(load.told) - set(seen) == set()
        assert set(seen) - set(load.sent) == set()
        if self.knows_repeats:
            assert set(seen.values()) == {1}
        assert status.refused == len(load.sent) - len(load.told)

    return test


def matrix(
    kind: Callable[[], Backend], name: str, bare: frozenset[Fault], knows_repeats: bool = True
) -> type[TestCase]:
    """Return the tests of one engine: each of its faults with a spool, those of *bare* without.

    :param knows_repeats: whether the engine drops what its own client sends again.
    """
    running: list[Backend] = []

    async def start(self: Any) -> None:
        # Trial ends the reactor's work between tests, but not processes and listening ports.
        directory = Path(tempfile.mkdtemp(prefix="backend-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.backend = kind()
        running.append(self.backend)
        await self.backend.start(reactor, directory)

    async def stop(self: Any) -> None:
        await self.backend.stop()

    body: dict[str, Any] = {
        "setUp": lambda self: Deferred.fromCoroutine(start(self)),
        "tearDown": lambda self: Deferred.fromCoroutine(stop(self)),
        "__module__": __name__,
        "knows_repeats": knows_repeats,
    }
    for fault in sorted(kind().faults, key=lambda one: one.name):
        label = fault.name.lower()
        body[f"test_{label}_nothing_is_lost"] = with_spool(fault)
        if fault in bare:
            body[f"test_{label}_without_a_spool_no_1_is_false"] = without_spool(fault)
    return type(name, (Matrix, TestCase), body)


BARE = frozenset({Fault.KILLED, Fault.SILENT, Fault.CUT, Fault.FULL})
SqliteMatrix = matrix(Sqlite, "SqliteMatrix", frozenset({Fault.HANGING, Fault.FULL}))
KestrelMatrix = matrix(Kestrel, "KestrelMatrix", BARE)
FleetMatrix = matrix(Fleet, "FleetMatrix", frozenset({Fault.KILLED}))
NatsMatrix = skipIf(program("nats-server") is None, "nats-server is not installed")(
    matrix(Nats, "NatsMatrix", frozenset({Fault.KILLED, Fault.SILENT, Fault.FULL}))
)
RedisMatrix = skipIf(program("redis-server") is None, "redis-server is not installed")(
    matrix(Redis, "RedisMatrix", frozenset({Fault.KILLED, Fault.SILENT, Fault.FULL}))
)
# A cluster knows an idempotent producer's repeated batch by its number; the mock does not.
KafkaMatrix = matrix(
    Kafka, "KafkaMatrix", frozenset({Fault.SILENT, Fault.CUT}), knows_repeats=False
)
