"""Redis alone: its streams, its memory, its passwords."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
import redis
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue, QueueError
from pyingest.queues.opening import open_queue, open_reader
from pyingest.queues.redis_reader import Position, decode

reactor: Any = installed
STORED, REFUSED = Outcome.STORED, Outcome.REFUSED


class RedisCase(TestCase):
    """A server that all tests share, and a stream for each."""

    @pytest.fixture(autouse=True)
    def _server(self, shared_server: Callable[[str], Any]) -> None:
        self.port = shared_server("redis").port

    def setUp(self) -> None:
        self.name = f"events-{secrets.token_hex(4)}"
        self.admin = redis.Redis(port=self.port)
        self.addCleanup(self.admin.close)

    def url(self, options: str = "", login: str = "") -> str:
        return f"redis://{login}127.0.0.1:{self.port}/{self.name}?{options}"

    def opened(self, options: str = "create=1", login: str = "") -> Queue:
        queue = open_queue(reactor, self.url(options, login))
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    def refused(self, url: str) -> str:
        with self.assertRaises(QueueError) as caught:
            open_queue(reactor, url)
        return str(caught.exception)


class StreamTests(RedisCase):
    """Streams."""

    def test_a_missing_stream_is_said_with_what_makes_it(self) -> None:
        told = self.refused(self.url())
        self.assertIn(f"redis-cli XGROUP CREATE {self.name} all $ MKSTREAM", told)
        self.assertIn("?create=1", told)
        self.assertFalse(self.admin.exists(self.name))

    def test_a_stream_made_here_is_empty_and_has_no_group(self) -> None:
        self.opened()
        known: Any = self.admin.xinfo_stream(self.name)
        self.assertEqual((known["length"], known["groups"]), (0, 0))

    def test_what_is_no_stream_is_said(self) -> None:
        self.admin.lpush(self.name, "x")
        self.assertIn(f"{self.name} is a list and no stream", self.refused(self.url("create=1")))

    def test_a_stream_that_vanished_refuses_and_is_not_made_in_silence(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            self.admin.delete(self.name)
            events = [Event(self.name, b"1"), Event(self.name, b"2", id=b"2")]
            self.assertEqual(await queue.publish(events), [REFUSED] * 2)
            self.assertFalse(self.admin.exists(self.name))
            self.opened()
            self.assertEqual(await queue.publish(events), [STORED] * 2)

        return Deferred.fromCoroutine(body())

    def test_an_entry_has_its_body_key_and_id(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            await queue.publish([Event(self.name, b"1"), Event(self.name, b"2", b"k", b"i")])
            entries: Any = self.admin.xrange(self.name)
            self.assertEqual(
                [fields for _, fields in entries],
                [{b"body": b"1"}, {b"body": b"2", b"key": b"k", b"id": b"i"}],
            )

        return Deferred.fromCoroutine(body())

    def test_an_id_is_remembered_as_long_as_was_asked_for(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1&dedup=90")
            await queue.publish([Event(self.name, b"2", id=b"i")])
            left: Any = self.admin.pttl(f"mixmigrate:id:{{{self.name}}}:i")
            self.assertGreater(left, 60_000)
            self.assertLessEqual(left, 90_000)

        return Deferred.fromCoroutine(body())

    def test_a_script_that_the_server_forgot_is_refused_once(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            self.admin.script_flush()
            events = [Event(self.name, b"2", id=b"i")]
            self.assertEqual(await queue.publish(events), [REFUSED])
            self.assertEqual(await queue.publish(events), [STORED])

        return Deferred.fromCoroutine(body())

    def test_the_backlog_is_right_after_a_trim_by_others(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            await queue.publish([Event(self.name, b"%d" % n) for n in range(10)])
            self.admin.xtrim(self.name, maxlen=4, approximate=False)
            reader = open_reader(reactor, self.url(), "all", from_start=True)
            self.assertEqual(await reader.backlog(), 4)
            found = await reader.read(100)
            self.assertEqual((found[0].offset, found[0].body), (7, b"6"))
            self.assertEqual(await reader.backlog(), 0)
            await reader.close()

        return Deferred.fromCoroutine(body())


class ServerTests(RedisCase):
    """A server of one's own, with its own settings."""

    @pytest.fixture(autouse=True)
    def _server(self, start_server: Callable[[str], Any]) -> Any:
        server = start_server("redis")
        self.port = server.port
        yield
        server.kill()

    def test_a_full_server_is_full(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            self.admin.config_set("maxmemory", 1)
            events = [Event(self.name, b"1"), Event(self.name, b"2", id=b"2")]
            self.assertEqual(await queue.publish(events), [Outcome.FULL] * 2)
            self.admin.config_set("maxmemory", 0)
            self.assertEqual(await queue.publish(events), [STORED] * 2)

        return Deferred.fromCoroutine(body())

    def test_a_password_is_asked_for_and_taken(self) -> Deferred[None]:
        async def body() -> None:
            self.admin.config_set("requirepass", "open sesame")
            self.assertIn(
                "Authentication required. Name another as redis://USER:PASSWORD@",
                self.refused(self.url("create=1")),
            )
            self.assertIn(
                "invalid username-password", self.refused(self.url("create=1", ":wrong@"))
            )
            queue = self.opened(login=":open%20sesame@")
            self.assertEqual(await queue.publish([Event(self.name, b"1")]), [STORED])

        return Deferred.fromCoroutine(body())


def test_a_position_is_kept_as_text() -> None:
    assert decode(Position(b"15-2", 7).encode()) == Position(b"15-2", 7)
