"""What a queue can do, what can come of a write, and what can go wrong with one."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from pyingest.event import Event, Stored


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
    """``HOST:PORT`` or a file's path; empty for ``memory:``."""
    names: tuple[str, ...]
    """Queue names. The first takes ``/track``, the second ``/engage`` (the first, if alone)."""


def parse_queue_url(text: str) -> QueueUrl:
    """Return the parts of a queue URL.

    Forms: ``memory:#events``, ``sqlite:PATH#events,profiles``,
    ``kestrel://HOST:PORT/events,profiles``.

    :raises QueueError: the scheme is unknown, or no queue is named.
    """
    parts = urlsplit(text)
    match parts.scheme:
        case "memory":
            location, names = "", parts.fragment or "events"
        case "sqlite":
            location, names = parts.path, parts.fragment
        case "kestrel":
            location, names = parts.netloc, parts.path.lstrip("/")
        case other:
            raise QueueError(
                f"queue URL {text!r}: unknown scheme {other!r}; use memory:, sqlite: or kestrel:"
            )
    queues = tuple(name for name in names.split(",") if name)
    if not queues or (parts.scheme != "memory" and not location):
        raise QueueError(
            f"queue URL {text!r}: needs a place and a queue name, "
            "as in sqlite:PATH#events or kestrel://HOST:PORT/events"
        )
    return QueueUrl(parts.scheme, location, queues)
