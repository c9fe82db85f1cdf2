"""What one line of a log holds, and what becomes of it."""

from dataclasses import dataclass

from pyingest.message import Headers, Request


@dataclass(frozen=True, slots=True)
class Logged:
    """A request as a front server's access log tells it: never the whole of it."""

    at: float
    """Epoch seconds; when the request began, if the log tells, else when it was logged."""
    method: bytes
    target: bytes
    version: bytes
    """``1.1`` of ``HTTP/1.1``; empty when the log has none."""
    status: int
    """The answer's status; 0 when the log has none."""
    remote: bytes
    """The client's address as the front saw it."""
    headers: Headers
    """The header fields that the log holds, without ``X-Forwarded-For`` and the length."""
    forwarded: bytes = b""
    """``X-Forwarded-For`` as the client sent it."""
    body: bytes | None = None
    """``None`` when the log holds no bodies, or not the whole of this one."""
    id: bytes = b""
    """What the front called the request, the same in every log that tells of it."""
    seconds: float = -1.0
    """How long the service took for its answer; below 0 when the log does not tell."""
    mirrored: bool = True
    """Whether the front meant to mirror it; false only where the log says so."""
    reached: bool | None = None
    """Whether the service answered at all, else the status is the front's own; ``None`` when the
    log does not tell."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A whole request, as one of our own recordings or captures holds it."""

    at: float
    request: Request


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A line that is not in its format."""

    why: str


Line = Logged | Captured | Unparsable


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that can be replayed."""

    number: int
    """Of the line in its file, from 1."""
    at: float
    """Epoch seconds."""
    request: Request


@dataclass(frozen=True, slots=True)
class Unreplayable:
    """A sound line whose request cannot be sent again as it was."""

    number: int
    why: str
    """One of a few texts: they name the buckets of the account."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that cannot be read."""

    where: str
    """``FILE:LINE``."""
    why: str


Parsed = Entry | Unreplayable | Malformed
