"""What a queue can do, what can come of a write, and what can go wrong with one."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote, urlsplit

from pyingest.event import Event, Stored
from pyingest.queues.url_options import UrlOptions, parse_options


class Outcome(enum.Enum):
    """What became of one event that was given to a queue. Only ``STORED`` allows a ``1``."""

    STORED = "stored"
    """The queue confirmed the write."""
    REFUSED = "refused"
    """The queue said no, or could not be reached before anything was sent."""
    FULL = "full"
    """The queue said that it has no room."""
    TIMED_OUT = "timed out"
    """No answer within the deadline; the event may or may not be stored."""
    UNKNOWN = "unknown"
    """The connection was lost after sending; the event may or may not be stored."""


class QueueError(Exception):
    """A queue cannot be opened or read. The text says which, why, and what to do."""


class Queue(Protocol):
    """Somewhere to put events."""

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events* in order; return one outcome per event. Never raises."""

    async def close(self) -> None:
        """Finish what is under way and let go of files and connections."""


class Reader(Protocol):
    """A reader that takes nothing from the queue's own consumers."""

    async def attach(self) -> None:
        """Take the position from which messages will be read.

        :raises QueueError: the queue cannot be reached now.
        """

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages that this reader has not yet returned, oldest first.

        Returns at once, with an empty list when nothing is waiting.

        :raises QueueError: the queue cannot be read now; a later call may succeed.
        """

    async def backlog(self) -> int:
        """Return how many messages wait to be read.

        :raises QueueError: the queue cannot be asked now.
        """

    async def detach(self) -> None:
        """Give the position up for good, so that nothing gathers behind it.

        :raises QueueError: the queue cannot be told now.
        """

    async def close(self) -> None:
        """Let go of files and connections. What was read stays read."""


@dataclass(frozen=True, slots=True)
class QueueUrl:
    """Where a set of queues lies: ``kestrel://HOST:PORT/events,profiles`` and the like."""

    scheme: str
    location: str
    """``HOST:PORT`` (several with commas), or a file's path; empty for ``memory:``."""
    names: tuple[str, ...]
    """Queue names. The first takes ``/track``, the second ``/engage`` (the first, if alone)."""
    stream: str = ""
    """The stream that holds the subjects; NATS only."""
    user: str = ""
    password: str = field(default="", repr=False)
    options: UrlOptions = field(default_factory=UrlOptions)
    shown: str = ""
    """The URL as it may be printed and kept: without its password."""


FORMS = MappingProxyType(
    {
        "memory": "memory:#events",
        "file": "file:PATH#events",
        "sqlite": "sqlite:PATH#events",
        "kestrel": "kestrel://HOST:PORT/events",
        "nats": "nats://HOST:PORT/STREAM/events",
        "kafka": "kafka://HOST:PORT/events",
        "redis": "redis://HOST:PORT/events",
    }
)
"""What the URL of each engine looks like."""


def parse_queue_url(text: str) -> QueueUrl:
    """Return the parts of a queue URL.

    Forms: ``memory:#events``, ``file:PATH#events``, ``sqlite:PATH#events,profiles``,
    ``kestrel://HOST:PORT,HOST:PORT/events,profiles``, ``nats://HOST:PORT/STREAM/events,profiles``,
    ``kafka://HOST:PORT/events,profiles``, ``redis://HOST:PORT/events,profiles``; options come
    as ``?deadline=2`` before the ``#``; a server's user and password as ``USER:PASSWORD@HOST``.

    :raises QueueError: the scheme or an option is unknown, or no queue is named.
    """
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise QueueError(
            f"queue URL {text!r}: {error}; write a host as [::1] or 127.0.0.1"
        ) from None
    login, _, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    secret = password or (login if parts.scheme == "nats" else "")
    shown = text.replace(f"{secret}@", "***@", 1) if secret else text
    if parts.scheme not in FORMS:
        raise QueueError(
            f"queue URL {shown!r}: unknown scheme {parts.scheme!r}; use one of "
            + ", ".join(f"{scheme}:" for scheme in FORMS)
        )
    stream, location, names = _places(parts.scheme, place, parts.path, parts.fragment)
    queues = tuple(name for name in names.split(",") if name)
    lacking = parts.scheme != "memory" and not location
    if not queues or lacking or (parts.scheme == "nats" and not stream):
        raise QueueError(
            f"queue URL {shown!r}: needs a place and a queue name, as in {FORMS[parts.scheme]}"
        )
    try:
        options = parse_options(parts.scheme, parts.query)
    except ValueError as error:
        raise QueueError(f"queue URL {shown!r}: {error}") from None
    return QueueUrl(
        scheme=parts.scheme,
        location=location,
        names=queues,
        stream=stream,
        user=unquote(user) or options.user,
        password=unquote(password),
        options=options,
        shown=shown,
    )


def _places(scheme: str, place: str, path: str, fragment: str) -> tuple[str, str, str]:
    """Return the stream, the location, and the names with commas."""
    match scheme:
        case "memory":
            return "", "", fragment or "events"
        case "sqlite" | "file":
            return "", path, fragment
        case "nats":
            stream, _, names = path.lstrip("/").partition("/")
            return stream, place, names
        case _:
            return "", place, path.lstrip("/")
