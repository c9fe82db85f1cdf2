"""What may be said after the ``?`` of a queue URL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

DEADLINE = 5.0
"""Seconds that one publish may take as a whole, where the URL does not say."""
DEDUPLICATION = 120.0
"""Seconds for which an event's id is remembered, where an engine forgets: as long as NATS does."""

LOG = frozenset({"deadline", "create", "user", "password_file", "tls", "ca"})
TAKEN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "memory": frozenset(),
        "file": frozenset(),
        "sqlite": frozenset({"deadline", "max_bytes", "retain"}),
        "kestrel": frozenset({"deadline"}),
        "nats": LOG | {"dedup", "max_bytes", "replicas"},
        "kafka": LOG | {"partitions", "replicas", "mechanism", "group"},
        "redis": LOG | {"dedup"},
    }
)
"""The options of each scheme."""


@dataclass(frozen=True, slots=True)
class UrlOptions:
    """How a queue is opened and written; what an engine has no use for cannot be given."""

    deadline: float | None = None
    """Seconds that one publish may take as a whole; ``None`` for the engine's own."""
    create: bool = False
    """Make a stream or topic that is missing."""
    dedup: float = DEDUPLICATION
    """Seconds for which an id is remembered (NATS: of a stream that is made here)."""
    max_bytes: int | None = None
    """Size at which a file, or a stream that is made here, is full."""
    retain: int | None = None
    """Remove what every reader has read, but keep this many; ``None`` removes nothing."""
    partitions: int = 1
    """Of a topic that is made here."""
    replicas: int = 1
    """Copies of a stream or topic that is made here."""
    user: str = ""
    password_file: str = ""
    """A file whose first line is the password, so that the URL need not hold it."""
    mechanism: str = "PLAIN"
    """How Kafka is told the password: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``."""
    group: str = ""
    """The group of the topics' own consumers, whose offsets are looked at; nobody joins it."""
    tls: bool = False
    """Encrypt, and check the server's certificate."""
    ca: str = ""
    """A file of certificates to check it against; empty for the system's."""


def parse_options(scheme: str, query: str) -> UrlOptions:
    """Return the options in the query of a queue URL.

    :raises ValueError: one is unknown here, or its value makes no sense; the text says which.
    """
    values: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in TAKEN[scheme]:
            known = ", ".join(sorted(TAKEN[scheme])) or "no options at all"
            raise ValueError(f"{scheme}: does not know the option {name!r}; it takes {known}")
        try:
            values[name] = READ[name](text)
        except ValueError:
            raise ValueError(f"option {name}={text}: {WANTED[READ[name]]}") from None
    return UrlOptions(**values)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(text)
    return text == "1"


READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "deadline": _positive,
        "create": _flag,
        "dedup": _positive,
        "max_bytes": _count,
        "retain": _count,
        "partitions": _count,
        "replicas": _count,
        "user": str,
        "password_file": str,
        "mechanism": str,
        "group": str,
        "tls": _flag,
        "ca": str,
    }
)
WANTED: Mapping[Callable[[str], Any], str] = MappingProxyType(
    {
        _positive: "give a number of seconds above 0",
        _count: "give a whole number",
        _flag: "give 0 or 1",
    }
)
