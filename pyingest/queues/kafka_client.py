"""How a client of Kafka is set up, and what its errors mean."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError

from pyingest.queues.credentials import password
from pyingest.queues.interface import Outcome, QueueError, QueueUrl

QUIET = logging.getLogger("mixmigrate.kafka")
"""Takes what librdkafka would print; its errors come to us otherwise."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

TIMED_OUT = frozenset({KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT})
REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._QUEUE_FULL,
        KafkaError._AUTHENTICATION,
        KafkaError._FATAL,
    }
)
"""Errors after which an event is surely not in the topic."""


def settings(url: QueueUrl) -> dict[str, Any]:
    """Return what producers and consumers have in common.

    :raises QueueError: a name cannot be a topic, or the password's file cannot be read.
    """
    for name in url.names:
        if not _TOPIC.fullmatch(name) or name in (".", ".."):
            raise QueueError(f"queue URL {url.shown!r}: {name!r} cannot be a topic of Kafka")
    common: dict[str, Any] = {
        "bootstrap.servers": url.location,
        "client.id": "mixmigrate",
        "allow.auto.create.topics": False,
        "reconnect.backoff.max.ms": 2000,
        "logger": QUIET,
    }
    secret = password(url)
    if secret:
        common |= {
            "sasl.mechanism": url.options.mechanism,
            "sasl.username": url.user,
            "sasl.password": secret,
        }
    protocol = ("SASL_" if secret else "") + ("SSL" if url.options.tls else "PLAINTEXT")
    common["security.protocol"] = protocol
    if url.options.ca:
        common["ssl.ca.location"] = url.options.ca
    return common


def outcome(error: KafkaError | None) -> Outcome:
    """Return what a delivery report says; what is not surely refused is in doubt."""
    if error is None:
        return Outcome.STORED
    if error.code() in TIMED_OUT:
        return Outcome.TIMED_OUT
    return Outcome.REFUSED if error.code() in REFUSED else Outcome.UNKNOWN


def missing(topics: Mapping[str, Any], url: QueueUrl) -> list[str]:
    """Return which names of *url* are not among *topics*, as a cluster's metadata has them."""
    return [name for name in url.names if name not in topics or topics[name].error is not None]


def no_topics(url: QueueUrl, names: list[str]) -> QueueError:
    """Return what to tell about topics that are not there."""
    return QueueError(
        f"queue {url.shown}: there is no topic {', '.join(names)}; make it with: kafka-topics.sh "
        f"--bootstrap-server {url.location} --create --topic {names[0]}, "
        "or add ?create=1 to the URL"
    )
