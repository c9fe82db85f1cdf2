"""What every queue promises, asked of each engine and its real server."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.trial.unittest import TestCase

from pyingest.queues.interface import Queue, Reader
from pyingest.queues.kestrel_reader import KestrelReader
from pyingest.queues.memory import MemoryQueue
from pyingest.queues.testing import QueueContract


class MemoryQueueTests(QueueContract, TestCase):
    """The reference."""

    resumes = False
    repeats = False

    def setUp(self) -> None:
        self.memory = MemoryQueue()
        super().setUp()

    def opened(self) -> Queue:
        return self.memory

    def reader(self, cursor: str = "tap", from_start: bool = False) -> Reader:
        return self.memory.reader(self.names, from_start)


class SqliteQueueTests(QueueContract, TestCase):
    """The embedded default."""

    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="queue-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        super().setUp()

    def url(self) -> str:
        return f"sqlite:{self.place}/queue.db#{','.join(self.names)}"


class ServerCase(QueueContract):
    """An engine with a server, which all its tests share."""

    engine: str
    port: int
    server: Any

    @pytest.fixture(autouse=True)
    def _server(self, shared_server: Callable[[str], Any]) -> None:
        self.server = shared_server(self.engine)
        self.port = self.server.port


class KestrelQueueTests(ServerCase, TestCase):
    """The embedded queue server, over loopback."""

    engine = "kestrel"
    idempotent = False
    overtakes = True
    repeats = False
    remembers = False

    async def died(self, reader: Reader) -> None:
        """Cut its connection: until then the server keeps for it what is open."""
        assert isinstance(reader, KestrelReader)
        await reader.cut()

    def url(self) -> str:
        return f"kestrel://127.0.0.1:{self.port}/{','.join(self.names)}"


class NatsQueueTests(ServerCase, TestCase):
    """nats-server with JetStream."""

    engine = "nats"
    tells_each = False

    def url(self) -> str:
        stream = self.names[0].upper()
        return f"nats://127.0.0.1:{self.port}/{stream}/{','.join(self.names)}?create=1"


class RedisQueueTests(ServerCase, TestCase):
    """redis-server that syncs before it answers."""

    engine = "redis"

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/{','.join(self.names)}?create=1"


class KafkaQueueTests(ServerCase, TestCase):
    """librdkafka's mock cluster, with four partitions a topic."""

    engine = "kafka"
    idempotent = False
    ordered = False

    def url(self) -> str:
        self.server.make(self.names)
        return f"kafka://127.0.0.1:{self.port}/{','.join(self.names)}"
