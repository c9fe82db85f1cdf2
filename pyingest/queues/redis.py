"""Redis Streams: from a URL to a queue or a reader."""

from typing import Any

from pyingest.queues.interface import Queue, QueueUrl, Reader
from pyingest.queues.loop_queue import LoopQueue, LoopReader
from pyingest.queues.redis_connection import address
from pyingest.queues.redis_queue import RedisWriter
from pyingest.queues.redis_reader import RedisReader
from pyingest.queues.url_options import DEADLINE

LANES = 1
"""Batches under way at once. What comes meanwhile goes with the next, and shares its sync."""


def queue(reactor: Any, url: QueueUrl) -> Queue:
    """Return a queue that writes to the streams of *url*.

    :raises QueueError: a stream is missing, or the URL has no port.
    """
    address(url)
    return LoopQueue(reactor, lambda: RedisWriter(url), url.options.deadline or DEADLINE, LANES)


def reader(reactor: Any, url: QueueUrl, cursor: str, from_start: bool) -> Reader:
    """Return a reader whose positions are kept under the name *cursor*.

    :raises QueueError: the URL has no port.
    """
    address(url)
    return LoopReader(reactor, lambda: RedisReader(url, cursor, from_start))
