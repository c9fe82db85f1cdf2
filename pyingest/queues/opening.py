"""From a queue URL to a queue or a reader."""

import socket
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast

from pyingest.queues.credentials import check_credentials
from pyingest.queues.file import FileQueue
from pyingest.queues.file_reader import FileReader
from pyingest.queues.interface import Queue, QueueError, QueueUrl, Reader, parse_queue_url
from pyingest.queues.kestrel import DEADLINE as KESTREL_DEADLINE
from pyingest.queues.kestrel import KestrelQueue
from pyingest.queues.kestrel_fleet import KestrelFleet
from pyingest.queues.kestrel_fleet_reader import KestrelFleetReader
from pyingest.queues.kestrel_reader import KestrelReader
from pyingest.queues.kestrel_wire import is_queue_name
from pyingest.queues.memory import MemoryQueue
from pyingest.queues.sqlite import LOCK_SECONDS, SqliteOptions, SqliteQueue
from pyingest.queues.sqlite_reader import SqliteReader
from pyingest.queues.url_options import DEADLINE, UrlOptions

PORTS = MappingProxyType({"kestrel": 22133, "nats": 4222, "kafka": 9092, "redis": 6379})
"""Where the server of each engine listens, as it is shipped."""


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
        case "file":
            return FileQueue(reactor, Path(url.location))
        case "sqlite":
            return SqliteQueue(reactor, Path(url.location), sqlite_options(url.options))
        case "kestrel":
            servers = _kestrels(url)
            deadline = url.options.deadline or KESTREL_DEADLINE
            if len(servers) > 1:
                return KestrelFleet(reactor, servers, deadline=deadline)
            return KestrelQueue(reactor, *servers[0], deadline=deadline)
        case scheme:
            _servers(url)
            check_credentials(url)
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
                f"queue URL {url.shown!r}: a queue in memory cannot be followed from another "
                "process; use sqlite: or kestrel:"
            )
        case "file":
            return FileReader(Path(url.location), url.names, cursor, from_start)
        case "sqlite":
            return SqliteReader(reactor, Path(url.location), url.names, cursor, from_start)
        case "kestrel":
            servers = _kestrels(url)
            if len(servers) > 1:
                return KestrelFleetReader(reactor, servers, url.names, cursor)
            return KestrelReader(reactor, *servers[0], url.names, cursor)
        case scheme:
            _servers(url)
            check_credentials(url)
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


def _servers(url: QueueUrl) -> list[tuple[str, int]]:
    """Return host and port of each server.

    :raises QueueError: one has no port, or none of the hosts is known.
    """
    servers: list[tuple[str, int]] = []
    for place in url.location.split(","):
        host, colon, port = place.rpartition(":")
        if not colon or not port.isdigit() or not 0 < int(port) < 65536:
            raise QueueError(
                f"queue URL {url.shown!r}: {place!r} is not HOST:PORT, such as "
                f"127.0.0.1:{PORTS[url.scheme]}"
            )
        servers.append((host.removeprefix("[").removesuffix("]"), int(port)))
    errors: list[Exception] = []
    for host, number in servers:
        try:
            socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            errors.append(error)
    if len(errors) == len(servers):
        raise QueueError(
            f"queue URL {url.shown!r}: host {servers[0][0]!r} is unknown ({errors[0]}); "
            "check its name"
        )
    return servers


def _kestrels(url: QueueUrl) -> list[tuple[str, int]]:
    servers = _servers(url)
    for name in url.names:
        if not is_queue_name(name):
            raise QueueError(
                f"queue URL {url.shown!r}: {name!r} cannot be the name of a Kestrel queue"
            )
    return servers
