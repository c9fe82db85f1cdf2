"""Servers that encrypt and ask for a password, and connections that were idle."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues import redis_connection
from pyingest.queues.interface import Outcome, Queue, QueueError
from pyingest.queues.opening import open_queue

reactor: Any = installed


class ServerCase:
    """An engine with a server of its own for each test."""

    engine: str
    secure: bool
    addCleanup: Any
    assertEqual: Any
    assertNotIn: Any
    assertRaises: Any

    @pytest.fixture(autouse=True)
    def _server(self, start_server: Callable[..., Any]) -> Any:
        self.server = start_server(self.engine, secure=self.secure)
        yield
        self.server.kill()

    def url(self, login: str, options: str) -> str:
        place = "S/events" if self.engine == "nats" else "events"
        address = f"127.0.0.1:{self.server.port}"
        return f"{self.engine}://{login}{address}/{place}?create=1&deadline=4&{options}"

    def opened(self, login: str, options: str) -> Queue:
        queue = open_queue(reactor, self.url(login, options))
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue


class SecureContract(ServerCase):
    """TLS and a password."""

    secure = True
    user: str

    def outcome(self, login: str, options: str) -> Deferred[list[Outcome]]:
        queue = self.opened(login, options)
        return Deferred.fromCoroutine(queue.publish([Event("events", b"1")]))

    def test_a_server_with_the_right_certificate_is_written(self) -> Deferred[None]:
        async def body() -> None:
            ca = f"tls=1&ca={self.server.place}/cert.pem"
            answer = await self.outcome(f"{self.user}:open%20sesame@", ca)
            self.assertEqual(answer, [Outcome.STORED])
            secret = self.server.place / "secret"
            secret.write_text("open sesame\n")
            answer = await self.outcome("", f"{ca}&user={self.user}&password_file={secret}")
            self.assertEqual(answer, [Outcome.STORED])

        return Deferred.fromCoroutine(body())

    def test_a_server_with_an_unknown_certificate_is_not(self) -> Deferred[None]:
        async def body() -> None:
            answer = await self.outcome(f"{self.user}:open%20sesame@", "tls=1")
            self.assertEqual(answer, [Outcome.REFUSED])

        return Deferred.fromCoroutine(body())

    def test_a_wrong_password_is_said_and_not_shown(self) -> None:
        with self.assertRaises(QueueError) as caught:
            self.opened(f"{self.user}:wrong@", f"tls=1&ca={self.server.place}/cert.pem")
        self.assertNotIn("wrong@", str(caught.exception))


class SecureNatsTests(SecureContract, TestCase):
    """nats-server."""

    engine = "nats"
    user = "me"


class SecureRedisTests(SecureContract, TestCase):
    """redis-server."""

    engine = "redis"
    user = ""


class IdleContract(ServerCase):
    """A connection that ended while nobody used it."""

    secure = False

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_connection, "IDLE_SECONDS", 0.0)

    def test_it_is_noticed_before_anything_is_sent(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("", "")
            self.assertEqual(await queue.publish([Event("events", b"1")]), [Outcome.STORED])
            self.server.kill()
            self.server.start()
            self.assertEqual(await queue.publish([Event("events", b"2")]), [Outcome.STORED])

        return Deferred.fromCoroutine(body())


class IdleNatsTests(IdleContract, TestCase):
    """nats-server."""

    engine = "nats"


class IdleRedisTests(IdleContract, TestCase):
    """redis-server."""

    engine = "redis"
