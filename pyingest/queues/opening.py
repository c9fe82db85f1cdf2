"""From a queue URL to a queue or a reader."""

import socket
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from pyingest.queues.interface import Queue, QueueError, QueueUrl, Reader, parse_queue_url
from pyingest.queues.kestrel import DEADLINE as KESTREL_DEADLINE
from pyingest.queues.kestrel import KestrelQueue, KestrelReader
from pyingest.queues.kestrel_wire import is_queue_name
from pyingest.queues.memory import MemoryQueue
from pyingest.queues.sqlite import LOCK_SECONDS, SqliteOptions, SqliteQueue
from pyingest.queues.sqlite_reader import SqliteReader
from pyingest.queues.url_options import DEADLINE, UrlOptions


def open_queue(reactor: Any, text: str) -> Queue:
    """Return the queue that a URL names; see :func:`parse_queue_url` for the forms.

    A queue in memory grows for as long as the process lives: for trials and tests. NATS, Kafka
    and Redis are asked for their streams, which blocks for the deadline at most.

    :raises QueueError: the URL is wrong, a file cannot be opened, a host is unknown, a stream
        or topic is missing, or the engine's client is not installed. A server that is not there
        is no error yet: it may come.
    """
    url = parse_queue_url(text)
    match url.scheme:
        case "memory":
            return MemoryQueue()
        case "sqlite":
            return SqliteQueue(reactor, Path(url.location), sqlite_options(url.options))
        case "kestrel":
            host, port = _server(url)
            return KestrelQueue(
                reactor, host, port, deadline=url.options.deadline or KESTREL_DEADLINE
            )
        case scheme:
            return engine(scheme).queue(reactor, url)


def open_reader(reactor: Any, text: str, cursor: str, from_start: bool = False) -> Reader:
    """Return a reader of the queues that a URL names, which takes nothing from their consumers.

    It goes on where a reader with the same *cursor* name stopped. A new one begins at the
    present end, or with *from_start* at the oldest message that is kept; a Kestrel server has
    nothing older for a new reader.

    :raises QueueError: the URL is wrong, a file cannot be opened, a host is unknown, or the
        engine's client is not installed.
    """
    url = parse_queue_url(text)
    match url.scheme:
        case "memory":
            raise QueueError(
                f"queue URL {url.shown!r}: a queue in memory cannot be read from another "
                "process; use sqlite: or kestrel:"
            )
        case "sqlite":
            return SqliteReader(reactor, Path(url.location), url.names, cursor, from_start)
        case "kestrel":
            host, port = _server(url)
            return KestrelReader(reactor, host, port, url.names, cursor)
        case scheme:
            return engine(scheme).reader(reactor, url, cursor, from_start)


def sqlite_options(options: UrlOptions) -> SqliteOptions:
    """Return how a file is written, from what its URL says."""
    deadline = options.deadline or DEADLINE
    return SqliteOptions(
        max_bytes=options.max_bytes,
        lock_seconds=min(LOCK_SECONDS, deadline / 2),
        deadline=deadline,
        retain=options.retain,
    )


class Engine(Protocol):
    """A module for a server whose client is an extra."""

    def queue(self, reactor: Any, url: QueueUrl) -> Queue:
        """Return a queue."""

    def reader(self, reactor: Any, url: QueueUrl, cursor: str, from_start: bool) -> Reader:
        """Return a reader."""


def engine(scheme: str) -> Engine:
    """Return the module of *scheme*, imported now: nobody loads what is not used.

    :raises QueueError: its client is not installed.
    """
    try:
        return cast(Engine, import_module(f"pyingest.queues.{scheme}"))
    except ImportError as error:
        raise QueueError(
            f"{scheme}: its client cannot be loaded ({error}); "
            f"install it with: pip install 'mixmigrate[{scheme}]'"
        ) from None


def _server(url: QueueUrl) -> tuple[str, int]:
    host, colon, port = url.location.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise QueueError(
            f"queue URL {url.shown!r}: {url.location!r} is not HOST:PORT, such as 127.0.0.1:22133"
        )
    for name in url.names:
        if not is_queue_name(name):
            raise QueueError(
                f"queue URL {url.shown!r}: {name!r} cannot be the name of a Kestrel queue"
            )
    host = host.removeprefix("[").removesuffix("]")
    try:
        socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise QueueError(
            f"queue URL {url.shown!r}: host {host!r} is unknown ({error}); check its name"
        ) from None
    return host, int(port)
