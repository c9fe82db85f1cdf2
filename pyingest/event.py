"""What one queue message holds."""

from dataclasses import dataclass

from msgspec import Struct


class Event(Struct, frozen=True, gc=False):
    """One message for an output queue."""

    # A Struct: one is made for each message, and a frozen dataclass takes ten times as long.

    queue: str
    """The queue's name on its server, for example ``events``."""
    body: bytes
    """The message as it lies on the queue: JSON text in UTF-8, normally."""
    key: bytes = b""
    """Events of one key stay in their order where an engine keeps order by key; empty: any."""
    id: bytes = b""
    """What makes a second publish of the same event known as such, where an engine can tell;
    empty: every publish is an event of its own."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as a reader finds it on a queue."""

    queue: str
    offset: int
    """Position within what this reader has seen of *queue*, growing; units are the engine's."""
    body: bytes
