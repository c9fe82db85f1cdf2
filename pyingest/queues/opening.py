"""From a queue URL to a queue or a reader."""

import socket
from pathlib import Path
from typing import Any

from pyingest.queues.interface import Queue, QueueError, QueueUrl, Reader, parse_queue_url
from pyingest.queues.kestrel import KestrelQueue, KestrelReader
from pyingest.queues.kestrel_wire import is_queue_name
from pyingest.queues.memory import MemoryQueue
from pyingest.queues.sqlite import SqliteQueue
from pyingest.queues.sqlite_reader import SqliteReader


def open_queue(reactor: Any, text: str) -> Queue:
    """Return the queue that a URL names; see :func:`parse_queue_url` for the forms.

    A queue in memory grows for as long as the process lives: for trials and tests.

    :raises QueueError: the URL is wrong, a file cannot be opened, or a host is unknown. A
        server that is not there is no error yet: it may come.
    """
    url = parse_queue_url(text)
    match url.scheme:
        case "memory":
            return MemoryQueue()
        case "sqlite":
            return SqliteQueue(reactor, Path(url.location))
        case _:
            host, port = _server(text, url)
            return KestrelQueue(reactor, host, port)


def open_reader(reactor: Any, text: str, cursor: str, from_start: bool = False) -> Reader:
    """Return a reader of the queues that a URL names, which takes nothing from their consumers.

    It goes on where a reader with the same *cursor* name stopped. A new one begins at the
    present end, or with *from_start* at the oldest message that is kept; a Kestrel server has
    nothing older for a new reader.

    :raises QueueError: the URL is wrong, a file cannot be opened, or a host is unknown.
    """
    url = parse_queue_url(text)
    match url.scheme:
        case "memory":
            raise QueueError(
                f"queue URL {text!r}: a queue in memory cannot be read from another process; "
                "use sqlite: or kestrel:"
            )
        case "sqlite":
            return SqliteReader(reactor, Path(url.location), url.names, cursor, from_start)
        case _:
            host, port = _server(text, url)
            return KestrelReader(reactor, host, port, url.names, cursor)


def _server(text: str, url: QueueUrl) -> tuple[str, int]:
    host, colon, port = url.location.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise QueueError(
            f"queue URL {text!r}: {url.location!r} is not HOST:PORT, such as 127.0.0.1:22133"
        )
    for name in url.names:
        if not is_queue_name(name):
            raise QueueError(f"queue URL {text!r}: {name!r} cannot be the name of a Kestrel queue")
    host = host.removeprefix("[").removesuffix("]")
    try:
        socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise QueueError(
            f"queue URL {text!r}: host {host!r} is unknown ({error}); check its name"
        ) from None
    return host, int(port)
