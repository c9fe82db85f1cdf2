"""What pairing found about one exchange: the records between pairing and explaining."""

import msgspec

from compare.differing.difference import Difference

STRANGERS = -1
"""Destination of the findings that belong to no known exchange."""


class Finding(msgspec.Struct, frozen=True, array_like=True):
    """A pair that differs, an event without a partner, or only what became of an event."""

    number: int
    """Of the exchange; 0 when none is known."""
    differences: tuple[Difference, ...]
    """Empty when the finding only says what became of an event."""
    legacy: bytes | None
    candidate: bytes | None
    has_server_time: bool = False
    queued: bool = True
    """Whether the candidate has an event of this exchange on its queue."""
