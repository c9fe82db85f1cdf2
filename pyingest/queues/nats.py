"""NATS JetStream: from a URL to a queue or a reader."""

from typing import Any

from pyingest.queues.interface import Queue, QueueError, QueueUrl, Reader
from pyingest.queues.loop_queue import LoopQueue, LoopReader
from pyingest.queues.nats_queue import NatsWriter
from pyingest.queues.nats_reader import NatsReader
from pyingest.queues.url_options import DEADLINE

LANES = 8
"""Batches under way at once; a cluster syncs several in the time of one."""
FORBIDDEN = frozenset(" \t\r\n*>/\\")


def queue(reactor: Any, url: QueueUrl) -> Queue:
    """Return a queue that writes to the subjects of *url*.

    :raises QueueError: the stream is missing, or a name cannot be one.
    """
    _check(url)
    return LoopQueue(reactor, lambda: NatsWriter(url), url.options.deadline or DEADLINE, LANES)


def reader(reactor: Any, url: QueueUrl, cursor: str, from_start: bool) -> Reader:
    """Return a reader with a durable consumer named *cursor*.

    :raises QueueError: a name cannot be one.
    """
    _check(url)
    if "." in cursor or FORBIDDEN & set(cursor):
        raise QueueError(f"{cursor!r} cannot be the name of a consumer; use letters and digits")
    return LoopReader(reactor, lambda: NatsReader(url, cursor, from_start))


def _check(url: QueueUrl) -> None:
    for name in url.names:
        if FORBIDDEN & set(name) or "" in name.split("."):
            raise QueueError(f"queue URL {url.shown!r}: {name!r} cannot be a subject of NATS")
    if "." in url.stream or FORBIDDEN & set(url.stream):
        raise QueueError(f"queue URL {url.shown!r}: {url.stream!r} cannot be a stream of NATS")
