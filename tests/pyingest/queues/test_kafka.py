"""Kafka alone: its topics, its sizes, its errors."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError, parse_queue_url
from pyingest.queues.kafka_client import outcome, settings
from pyingest.queues.opening import open_queue, open_reader

reactor: Any = installed
STORED, REFUSED = Outcome.STORED, Outcome.REFUSED


class KafkaTests(TestCase):
    """librdkafka's mock cluster."""

    @pytest.fixture(autouse=True)
    def _server(self, shared_server: Callable[[str], Any]) -> None:
        self.server = shared_server("kafka")

    def setUp(self) -> None:
        self.name = f"events-{secrets.token_hex(4)}"

    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.server.port}/{self.name}"

    def test_a_missing_topic_is_said_with_what_makes_it(self) -> Deferred[None]:
        async def body() -> None:
            with self.assertRaises(QueueError) as caught:
                open_queue(reactor, self.url())
            told = str(caught.exception)
            self.assertIn(f"there is no topic {self.name}; make it with: kafka-topics.sh", told)
            self.assertIn("?create=1", told)
            reader = open_reader(reactor, self.url(), "tap")
            attach: Deferred[Any] = Deferred.fromCoroutine(reader.attach())
            failed = await self.assertFailure(attach, QueueError)
            self.assertIn("there is no topic", str(failed))
            await reader.close()

        return Deferred.fromCoroutine(body())

    def test_what_kafka_will_not_take_is_refused_alone(self) -> Deferred[None]:
        async def body() -> None:
            self.server.make([self.name])
            queue = open_queue(reactor, self.url() + "?deadline=2")
            bodies = (b"1", b"x" * 1_100_000, b"3")
            events = [Event(self.name, body) for body in bodies]
            self.assertEqual(await queue.publish(events), [STORED, REFUSED, STORED])
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_producer_that_lost_its_count_is_replaced(self) -> Deferred[None]:
        async def body() -> None:
            self.server.make([self.name])
            queue: Any = open_queue(reactor, self.url())
            self.assertEqual(await queue.publish([Event(self.name, b"1")]), [STORED])
            first = queue._writer._producer
            queue._writer._failed(KafkaError(KafkaError._FATAL, "count lost", fatal=True))
            self.assertEqual(await queue.publish([Event(self.name, b"2")]), [STORED])
            self.assertIsNot(queue._writer._producer, first)
            self.assertEqual(await queue.publish([Event(self.name, b"3")]), [STORED])
            await queue.close()

        return Deferred.fromCoroutine(body())

    def test_a_record_has_its_key_and_its_id(self) -> Deferred[None]:
        async def body() -> None:
            self.server.make([self.name])
            queue = open_queue(reactor, self.url())
            await queue.publish([Event(self.name, b"1", b"k", b"i"), Event(self.name, b"2", b"k")])
            await queue.close()
            consumer = Consumer({**settings(parse_queue_url(self.url())), "group.id": "x"})
            consumer.assign([TopicPartition(self.name, n, 0) for n in range(4)])
            found = consumer.consume(2, 10.0)
            self.assertEqual(
                [(item.key(), item.headers()) for item in found],
                [
                    (b"k", [("id", b"i")]),
                    (b"k", None),
                ],
            )
            consumer.close()

        return Deferred.fromCoroutine(body())


def test_only_what_surely_is_not_stored_is_refused() -> None:
    assert outcome(None) is STORED
    assert outcome(KafkaError(KafkaError._MSG_TIMED_OUT)) is Outcome.TIMED_OUT
    assert outcome(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)) is REFUSED
    assert outcome(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND)) is Outcome.UNKNOWN
    assert outcome(KafkaError(KafkaError._PURGE_INFLIGHT)) is Outcome.UNKNOWN


def test_a_password_and_certificates_go_to_the_client() -> None:
    url = parse_queue_url("kafka://me:pw@h:1,i:2/a?tls=1&ca=/c.pem&mechanism=SCRAM-SHA-256")
    known = settings(url)
    assert known["bootstrap.servers"] == "h:1,i:2"
    assert known["security.protocol"] == "SASL_SSL"
    assert (known["sasl.username"], known["sasl.password"]) == ("me", "pw")
    assert known["sasl.mechanism"] == "SCRAM-SHA-256"
    assert known["ssl.ca.location"] == "/c.pem"
    assert settings(parse_queue_url("kafka://h:1/a"))["security.protocol"] == "PLAINTEXT"


def test_a_name_that_cannot_be_a_topic_is_said() -> None:
    with pytest.raises(QueueError, match="'a b' cannot be a topic"):
        open_queue(reactor, "kafka://127.0.0.1:1/a b")
