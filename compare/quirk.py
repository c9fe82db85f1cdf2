"""What a quirk is, and what it is asked about."""

from collections.abc import Callable
from dataclasses import dataclass

from compare.difference import Difference, Kind
from compare.payload import Payload


@dataclass(frozen=True, slots=True)
class Evidence:
    """A difference and what is known about the exchange behind it."""

    difference: Difference
    payload: Payload | None = None
    """The request's; ``None`` when no request could be linked."""
    has_answer: bool = True
    """Whether the candidate answered."""
    has_server_time: bool = False
    """Whether the request left the event's time to the server."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One way in which Erlang and Python differ."""

    name: str
    """A noun of the field; it is part of a cause's signature and must not change."""
    kinds: frozenset[Kind]
    """The kinds of difference that it can lead to."""
    explains: Callable[[Evidence], bool]
    why: str
    """What happens in Erlang, and what in Python."""
    advice: str
