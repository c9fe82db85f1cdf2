"""NATS, Redis and Kafka with faults on demand: each a server in a process of its own."""

import asyncio
import subprocess
import sys
from pathlib import Path

import nats
from confluent_kafka import Producer
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from pyingest.durability.testing import Fault, ServerBackend
from pyingest.queues.interface import Queue, Reader
from pyingest.queues.opening import open_queue, open_reader
from tests.pyingest.conftest import KAFKA, command

DEADLINE = 0.2
"""Seconds for one publish; below the patience of who writes."""


class Broker(ServerBackend):
    """An engine that has a URL; the writer goes by way of the proxy."""

    def url(self, name: str, port: int) -> str:
        """Return where the queue *name* lies, for a client of *port*."""
        raise NotImplementedError

    async def make(self, name: str) -> None:
        """Make the queue *name*: these engines make none by themselves."""
        await open_queue(self.reactor, self.url(name, self.port) + "?create=1").close()

    def queue(self, name: str) -> Queue:
        # The proxy runs in the thread that opening blocks: the server is asked for its stream
        # with the first events, as it is where the server comes up after its writer.
        return open_queue(self.reactor, f"{self.url(name, self.proxy.port)}?deadline={DEADLINE}")

    def reader(self, name: str) -> Reader:
        return open_reader(self.reactor, self.url(name, self.port), "tap", from_start=True)


class Nats(Broker):
    """JetStream that syncs before it answers, with a stream for each queue."""

    faults = frozenset(Fault)

    def __init__(self) -> None:
        super().__init__()
        self._streams: list[str] = []

    def command(self, full: bool) -> list[str]:
        return [*command("nats", self.port, self.directory, False, False), "-l", "/dev/null"]

    def url(self, name: str, port: int) -> str:
        return f"nats://127.0.0.1:{port}/{name.upper()}/{name}"

    async def make(self, name: str) -> None:
        await super().make(name)
        self._streams.append(name.upper())

    async def inflict(self, fault: Fault) -> None:
        if fault is Fault.FULL:
            await self._bound(full=True)
        else:
            await super().inflict(fault)

    async def mend(self) -> None:
        await super().mend()
        await self._bound(full=False)

    def _bound(self, full: bool) -> "Deferred[None]":
        """Give the newest stream no room beyond what it has, or all that there is."""
        limit = limited(self.port, self._streams[-1], full)
        done: Deferred[None] = deferToThread(asyncio.run, limit)
        return done


async def limited(port: int, stream: str, full: bool) -> None:
    """Set what a stream may hold, as ``nats stream edit --max-bytes`` does."""
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    manager = client.jsm()
    known = await manager.stream_info(stream)
    most = known.state.bytes + 1 if full else -1
    await manager.update_stream(known.config, max_bytes=most)
    await client.close()


class Redis(Broker):
    """Streams in a file that is synced before the answer; full by ``maxmemory``."""

    faults = frozenset(Fault)

    def command(self, full: bool) -> list[str]:
        words = command("redis", self.port, self.directory, False, False)
        bound = ["--maxmemory", "1", "--maxmemory-policy", "noeviction"] if full else []
        return [*words, *bound, "--loglevel", "warning"]

    def url(self, name: str, port: int) -> str:
        return f"redis://127.0.0.1:{port}/{name}"


class Kafka(Broker):
    """librdkafka's mock of a cluster.

    It has neither a disk nor a bound, and another port after each start. So it cannot be asked
    what outlives its end (dead, killed) nor what it does without room (full): that is left to a
    trial against a cluster of one's own. The way to it has all the faults that a way can have.
    """

    faults = frozenset(Fault) - {Fault.DEAD, Fault.KILLED, Fault.FULL}

    def command(self, full: bool) -> list[str]:
        return [sys.executable, "-c", KAFKA]

    def run(self, full: bool) -> None:
        self._process = subprocess.Popen(
            self.command(full), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        with self._process.stdout as output:
            self.port = int(output.readline())

    async def start(self, reactor: object, directory: Path) -> None:
        await super().start(reactor, directory)
        self.proxy.translate = self._through_the_proxy

    async def stop(self) -> None:
        process = self._process
        await super().stop()
        if process is not None and process.stdin is not None:
            process.stdin.close()

    def url(self, name: str, port: int) -> str:
        return f"kafka://127.0.0.1:{port}/{name}"

    async def make(self, name: str) -> None:
        await deferToThread(make_topic, self.port, name)

    def _through_the_proxy(self, answer: bytes) -> bytes:
        """Have the cluster name the proxy's port as its broker's, or clients would go round it."""
        here, there = (b"127.0.0.1" + port.to_bytes(4) for port in (self.port, self.proxy.port))
        return answer.replace(here, there)


def make_topic(port: int, name: str) -> None:
    """Make a topic, which the mock does for a producer that asks."""
    Producer({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(name, 10)
