"""NATS alone: its streams, its limits, and who is asked for what."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import nats
import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue, QueueError
from pyingest.queues.nats_connection import ApiError, headers_of, is_full
from pyingest.queues.nats_queue import loses, takes
from pyingest.queues.opening import open_queue, open_reader

reactor: Any = installed
STORED, REFUSED = Outcome.STORED, Outcome.REFUSED


class NatsCase(TestCase):
    """A server that all tests share, and a stream for each."""

    @pytest.fixture(autouse=True)
    def _server(self, shared_server: Callable[[str], Any]) -> None:
        self.port = shared_server("nats").port

    def setUp(self) -> None:
        self.stream = f"S{secrets.token_hex(4)}"
        self.subject = self.stream.lower()

    def url(self, options: str = "", more: str = "") -> str:
        return f"nats://127.0.0.1:{self.port}/{self.stream}/{self.subject}{more}?{options}"

    def opened(self, options: str = "", more: str = "") -> Queue:
        queue = open_queue(reactor, self.url(options, more))
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    def made(self, **config: Any) -> None:
        """Make the stream as another client would."""

        async def make() -> None:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}")
            await client.jetstream().add_stream(
                StreamConfig(name=self.stream, subjects=[self.subject, "w.*"], **config)
            )
            await client.close()

        asyncio.run(make())
        self.addCleanup(self.gone)

    def gone(self) -> None:
        """Remove the stream."""

        async def remove() -> None:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}")
            await client.jetstream().delete_stream(self.stream)
            await client.close()

        asyncio.run(remove())

    def refused(self, url: str) -> str:
        with self.assertRaises(QueueError) as caught:
            open_queue(reactor, url)
        return str(caught.exception)


class StreamTests(NatsCase):
    """Streams that are missing, made, and full."""

    def test_a_missing_stream_is_said_with_what_makes_it(self) -> None:
        told = self.refused(self.url())
        self.assertIn(f"nats stream add {self.stream} --subjects {self.subject}", told)
        self.assertIn("?create=1", told)

    def test_a_subject_that_the_stream_does_not_take_is_said(self) -> None:
        self.made()
        told = self.refused(self.url(more=",w.1,lost"))
        self.assertIn(f"does not take lost; add it with: nats stream edit {self.stream}", told)

    def test_a_stream_made_here_refuses_when_it_is_full_and_keeps_the_oldest(
        self,
    ) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1&max_bytes=5000")
            events = [Event(self.subject, b"%d " % n + b"x" * 400) for n in range(20)]
            outcomes = await queue.publish(events)
            stored = outcomes.count(STORED)
            self.assertEqual(outcomes, [STORED] * stored + [Outcome.FULL] * (20 - stored))
            self.assertGreater(stored, 5)
            reader = open_reader(reactor, self.url(), "all", from_start=True)
            found = await reader.read(100)
            self.assertEqual([item.body for item in found], [e.body for e in events[:stored]])
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_an_event_over_the_servers_limit_is_refused_alone(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1")
            events = [Event(self.subject, b"x" * size) for size in (5, 2_000_000, 1_048_576, 5)]
            self.assertEqual(await queue.publish(events), [STORED, REFUSED, REFUSED, STORED])

        return Deferred.fromCoroutine(body())

    def test_a_subject_outside_the_stream_is_refused(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1")
            events = [Event("nobody.takes.this", b"1"), Event(self.subject, b"2")]
            self.assertEqual(await queue.publish(events), [REFUSED, STORED])

        return Deferred.fromCoroutine(body())

    def test_a_subject_of_another_stream_is_refused(self) -> Deferred[None]:
        async def body() -> None:
            first = self.opened("create=1")
            await first.publish([Event(self.subject, b"1")])
            theirs = self.subject
            self.setUp()
            self.assertEqual(await self.opened("create=1").publish([Event(theirs, b"")]), [REFUSED])

        return Deferred.fromCoroutine(body())

    def test_a_stream_that_vanished_refuses(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1")
            self.assertEqual(await queue.publish([Event(self.subject, b"1")]), [STORED])
            self.gone()
            self.assertEqual(await queue.publish([Event(self.subject, b"1")]), [REFUSED])

        return Deferred.fromCoroutine(body())

    def test_names_that_cannot_be_are_said(self) -> None:
        self.assertIn("'a b' cannot be a subject", self.refused("nats://127.0.0.1:1/S/a b"))
        self.assertIn("'a..b' cannot be a subject", self.refused("nats://127.0.0.1:1/S/a..b"))
        self.assertIn("'S.T' cannot be a stream", self.refused("nats://127.0.0.1:1/S.T/a"))
        with self.assertRaises(QueueError):
            open_reader(reactor, "nats://127.0.0.1:1/S/a", "a.b")


class ReaderTests(NatsCase):
    """What a reader will not do, and what it says."""

    def attach(self, words: str) -> Deferred[None]:
        async def body() -> None:
            reader = open_reader(reactor, self.url(), "tap")
            attach: Deferred[Any] = Deferred.fromCoroutine(reader.attach())
            told = await self.assertFailure(attach, QueueError)
            self.assertIn(words, str(told))
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_a_work_queue_is_not_read_for_that_would_take_from_it(self) -> Deferred[None]:
        self.made(retention=RetentionPolicy.WORK_QUEUE)
        return self.attach("is a work queue")

    def test_a_stream_that_is_missing_is_said(self) -> Deferred[None]:
        return self.attach(f"there is no stream {self.stream}")

    def test_a_consumer_that_vanished_is_made_anew_behind_what_was_read(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1")
            reader = open_reader(reactor, self.url(), "tap", from_start=True)
            await queue.publish([Event(self.subject, b"%d" % n) for n in range(4)])
            self.assertEqual([item.body for item in await reader.read(2)], [b"0", b"1"])
            other = open_reader(reactor, self.url(), "tap")
            await other.detach()
            await other.close()
            read = Deferred.fromCoroutine(reader.read(9))
            await self.assertFailure(read, QueueError)
            self.assertEqual([item.body for item in await reader.read(9)], [b"2", b"3"])
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_a_stream_that_was_made_anew_is_read_from_its_start(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened("create=1")
            reader = open_reader(reactor, self.url(), "tap", from_start=True)
            await queue.publish([Event(self.subject, b"%d" % n) for n in range(4)])
            self.assertEqual(len(await reader.read(9)), 4)
            self.gone()
            again = self.opened("create=1")
            await again.publish([Event(self.subject, b"new")])
            await self.assertFailure(Deferred.fromCoroutine(reader.read(9)), QueueError)
            self.assertEqual([item.body for item in await reader.read(9)], [b"new"])
            await reader.close()

        return Deferred.fromCoroutine(body())


def test_a_server_without_jetstream_is_said(start_server: Callable[..., Any]) -> None:
    server = start_server("nats", bare=True)
    with pytest.raises(QueueError, match="no JetStream; start it with: nats-server -js"):
        open_queue(reactor, f"nats://127.0.0.1:{server.port}/S/a?create=1")
    server.kill()


def test_wildcards_take_what_nats_says_they_take() -> None:
    assert takes(["a.b", "x"], "x")
    assert takes(["a.*"], "a.b")
    assert takes(["a.>"], "a.b.c")
    assert not takes(["a.>"], "a")
    assert not takes(["a.*"], "a.b.c")
    assert not takes(["a.*"], "a")
    assert not takes(["a"], "a.b")
    assert not takes([], "a")


def test_only_a_limit_with_the_old_discard_loses_events() -> None:
    assert loses(StreamConfig(max_bytes=5))
    assert not loses(StreamConfig(max_bytes=-1))
    assert not loses(StreamConfig(max_bytes=5, discard=DiscardPolicy.NEW))


def test_full_is_told_from_other_refusals() -> None:
    assert is_full(ApiError(503, 10077, "maximum bytes exceeded"))
    assert is_full(ApiError(503, 10023, "insufficient resources"))
    assert not is_full(ApiError(503, 10077, "stream is sealed"))
    assert not is_full(ApiError(400, 10060, "expected stream does not match"))


def test_an_id_and_a_key_of_any_bytes_make_fit_headers() -> None:
    headers = headers_of(Event("q", b"", key=b"k\r\n\xff", id=b"i d"), "S")
    assert headers == {
        "Nats-Expected-Stream": "S",
        "Nats-Msg-Id": "q/i%20d",
        "Event-Key": "k%0D%0A%FF",
    }
    assert headers_of(Event("q", b""), "S") == {"Nats-Expected-Stream": "S"}
