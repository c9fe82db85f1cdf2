"""What every queue promises when its server fails, asked of real servers that do."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.trial.unittest import TestCase

from pyingest.queues.testing_faults import DEADLINE, FaultContract


class FaultCase(FaultContract):
    """An engine with a server of its own for each test."""

    engine: str

    @pytest.fixture(autouse=True)
    def _server(self, start_server: Callable[[str], Any]) -> Any:
        self.server = start_server(self.engine)
        yield
        self.server.kill()

    def url(self) -> str:
        names = ",".join(self.names)
        return f"{self.engine}://127.0.0.1:{self.server.port}/{names}?create=1&deadline={DEADLINE}"


class KestrelFaultTests(FaultCase, TestCase):
    """The embedded queue server."""

    engine = "kestrel"

    def url(self) -> str:
        return super().url().replace("create=1&", "")


class NatsFaultTests(FaultCase, TestCase):
    """nats-server that syncs always."""

    engine = "nats"

    def url(self) -> str:
        return super().url().replace("/events", "/EVENTS/events")


class RedisFaultTests(FaultCase, TestCase):
    """redis-server that syncs always."""

    engine = "redis"


class KafkaFaultTests(FaultCase, TestCase):
    """librdkafka's mock cluster, which keeps nothing and takes another port each time."""

    engine = "kafka"
    durable = False
    returns = False

    def url(self) -> str:
        self.server.make(self.names)
        return super().url().replace("create=1&", "")
