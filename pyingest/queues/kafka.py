"""Kafka: from a URL to a queue or a reader."""

from typing import Any

from pyingest.queues.interface import Queue, QueueUrl, Reader
from pyingest.queues.kafka_client import settings
from pyingest.queues.kafka_queue import KafkaWriter
from pyingest.queues.kafka_reader import KafkaReader
from pyingest.queues.loop_queue import LoopQueue, LoopReader
from pyingest.queues.url_options import DEADLINE

LANES = 8
"""Batches under way at once; librdkafka makes batches of its own for each partition."""


def queue(reactor: Any, url: QueueUrl) -> Queue:
    """Return a queue that writes to the topics of *url*.

    :raises QueueError: a topic is missing, or a name cannot be one.
    """
    settings(url)
    return LoopQueue(reactor, lambda: KafkaWriter(url), url.options.deadline or DEADLINE, LANES)


def reader(reactor: Any, url: QueueUrl, cursor: str, from_start: bool) -> Reader:
    """Return a reader that keeps its offsets under a group named *cursor*.

    :raises QueueError: a name cannot be a topic.
    """
    settings(url)
    return LoopReader(reactor, lambda: KafkaReader(url, cursor, from_start))
