"""A tap against real brokers: killed and begun again, and with a broker that goes and comes back.

What was published is recorded once and whole; the queue's own consumers get all of it, too.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue
from pyingest.queues.opening import open_queue, open_reader
from shadow.exchange import Side, TappedEvent
from shadow.recording import RunReader
from shadow.tap import Tap
from shadow.tapping.journal import left_in

reactor: Any = installed

PROCESS = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from pyingest.queues.opening import open_reader
from shadow.exchange import Side
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest
from shadow.tap import Tap, TapFiles
from shadow.tapping.journal import Journal, unrecorded

place, life, url, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4].split(",")
writer = RunWriter(place / f"part-{life}", Manifest(created=1.0, partitions=4))
journal = Journal(place / "tap")
left = journal.left.events
for n in range(life):
    left = unrecorded(left, place / f"part-{n}")
for event in left:
    writer.add_event(event)
reader = open_reader(reactor, url, "tap")
tap = Tap(reactor, Side.LEGACY, reader, {n: n for n in names}, writer.add_event,
          TapFiles(journal=journal))
tap.seek(journal.left.positions.get(Side.LEGACY, ""))

def flush():
    writer.flush()
    journal.turn()

async def begin():
    await tap.attach()
    tap.start()
    print("ready", flush=True)
    LoopingCall(flush).start(0.3, now=False)

async def end():
    await tap.finish(20.0)
    writer.close({}, {"legacy": tap.report()})
    journal.end()

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(begin()).addErrback(
    lambda failure: (failure.printTraceback(), reactor.stop())))
reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(end()))
reactor.run()
"""
KEY = b"k"
STEP = 300


class TapProcess:
    """A tap in a process of its own, which can be killed."""

    def __init__(self, place: Path, life: int, url: str, names: str) -> None:
        words = [sys.executable, "-c", PROCESS, str(place), str(life), url, names]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> int:
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        assert self._process.stdout is not None
        status = self._process.wait(30)
        self._process.stdout.close()
        return status


class TappedCase:
    """The tests; each engine has a server of its own for each of them."""

    engine = ""
    ordered = True
    comes_back = True
    """Whether the server can be begun again with what it had."""
    consumed = True
    """Whether a second reader stands for the queue's own consumers."""
    lives = 2
    names = "events,profiles"
    server: Any
    assertEqual: Any
    assertGreater: Any
    assertIn: Any
    addCleanup: Any

    @pytest.fixture(autouse=True)
    def _server(self, start_server: Callable[[str], Any], tmp_path: Path) -> Any:
        self.place = tmp_path
        self.server = start_server(self.engine) if self.engine else None
        yield
        if self.server is not None:
            self.server.kill()

    def url(self) -> str:
        return f"{self.engine}://127.0.0.1:{self.server.port}/{self.names}?create=1"

    def opened(self) -> Queue:
        queue = open_queue(reactor, self.url())
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    async def publish(self, queue: Queue, first: int, last: int) -> None:
        """Store numbered messages, ten at once; those that are refused, again."""
        for start in range(first, last, 10):
            events = [
                Event("events" if n % 3 else "profiles", b"%d" % n, KEY)
                for n in range(start, start + 10)
            ]
            for _ in range(100):
                outcomes = await queue.publish(events)
                events = [
                    event
                    for event, outcome in zip(events, outcomes, strict=True)
                    if outcome is not Outcome.STORED
                ]
                if not events:
                    break
                await deferLater(reactor, 0.1)
            self.assertEqual(events, [])
            await deferLater(reactor, 0.001)

    def test_a_killed_tap_is_followed_without_a_gap_and_without_a_repeat(self) -> "Deferred[None]":
        async def body() -> None:
            queue = self.opened()
            await self.publish(queue, 0, 10)  # from before
            self.flushed(queue)
            consumer = None
            for life in range(self.lives):
                process = TapProcess(self.place, life, self.url(), self.names)
                if consumer is None and self.consumed:
                    consumer = open_reader(reactor, self.url(), "their-own")
                    await consumer.attach()
                asked = self.publish(queue, 10 + life * STEP, 10 + (life + 1) * STEP)
                publishing = Deferred.fromCoroutine(asked)
                if life < self.lives - 1:
                    await deferLater(reactor, 0.1 + 0.1 * life)
                    process.kill()
                await publishing
            self.flushed(queue)
            self.assertEqual(process.stop(), 0)
            expected = set(range(10, 10 + self.lives * STEP))
            recorded = Counter(int(event.body) for event in self.events())
            self.assertEqual(set(recorded), expected)
            self.assertEqual([n for n, count in recorded.items() if count > 1], [])
            self.assertEqual(left_in(self.place / "tap").events, [])
            if consumer is not None:
                found = await consumer.read(10_000)
                self.assertEqual({int(one.body) for one in found}, expected)
                await consumer.close()

        return Deferred.fromCoroutine(body())

    def test_a_broker_that_comes_back_is_read_on_and_its_absence_is_told(self) -> "Deferred[None]":
        async def body() -> None:
            if not self.comes_back:
                return
            queue, found = self.opened(), list[TappedEvent]()
            reader = open_reader(reactor, self.url(), "tap")
            names = dict(zip(*[self.names.split(",")] * 2, strict=True))
            tap = Tap(reactor, Side.LEGACY, reader, names, found.append)
            await tap.attach()
            tap.start()
            await self.publish(queue, 0, 100)
            self.server.kill()
            await deferLater(reactor, 0.4)
            self.server.start()
            await self.publish(queue, 100, 200)
            before = time.time()
            await tap.finish(20.0)
            report = tap.report()
            self.assertEqual((report["backlog"], report["error"], report["lost"]), (0, "", 0))
            self.assertEqual({int(one.body) for one in found}, set(range(200)))
            self.assertEqual(len(found), 200)
            self.assertGreater(report["outage_count"], 0)
            self.assertGreater(report["watermark"], before)

        return Deferred.fromCoroutine(body())

    def flushed(self, queue: Queue) -> None:
        """Make sure that what was published can be read."""

    def events(self) -> list[TappedEvent]:
        """Return what all lives recorded."""
        found: list[TappedEvent] = []
        for life in range(self.lives):
            run = RunReader(self.place / f"part-{life}")
            found += [event for number in run.partitions for event in run.events(number)]
        return found


class KestrelTaps(TappedCase, TestCase):
    """The embedded queue server: a fan-out queue of our own."""

    engine = "kestrel"
    lives = 4

    def url(self) -> str:
        return super().url().replace("?create=1", "")


class NatsTaps(TappedCase, TestCase):
    """nats-server: a durable consumer of our own."""

    engine = "nats"

    def url(self) -> str:
        return super().url().replace("/events", "/EVENTS/events")


class RedisTaps(TappedCase, TestCase):
    """redis-server: positions in a hash."""

    engine = "redis"


class KafkaTaps(TappedCase, TestCase):
    """librdkafka's mock cluster: offsets of a group of our own."""

    engine = "kafka"
    comes_back = False

    def url(self) -> str:
        self.server.make(self.names.split(","))
        return super().url().replace("?create=1", "")


class SqliteTaps(TappedCase, TestCase):
    """A file with cursors; there is no broker that could go."""

    comes_back = False

    def url(self) -> str:
        return f"sqlite:{self.place}/queue.db#{self.names}"


class FileTaps(TappedCase, TestCase):
    """A plain file, by its position."""

    comes_back = False

    def url(self) -> str:
        return f"file:{self.place}/queue.tsv#{self.names}"

    def flushed(self, queue: Any) -> None:
        queue.flush()
