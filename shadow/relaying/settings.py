"""What can be set about the clients' connections, with defaults: ``[relaying]``."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from pyingest.serving.settings import Section

Seconds = Annotated[int, Meta(ge=1, le=86_400)]
HeadBytes = Annotated[int, Meta(ge=1024, le=16 * 1024 * 1024)]
Bytes = Annotated[int, Meta(ge=1024)]


class ClientTimes(Section, frozen=True):
    """Time limits of a client's connection, in whole seconds; see ``DoorTimes``."""

    idle: Seconds = 75
    """Without a byte while nothing is being answered."""
    head: Seconds = 60
    """From the first byte of a head to its last."""
    request: Seconds = 300
    """From the first byte of a request to its last, while it is kept here."""
    linger: Seconds = 2
    """For the client to read a refusal before its connection is cut."""


class RequestLimits(Section, frozen=True):
    """How much requests may hold, in bytes; see ``FramingLimits``."""

    head: HeadBytes = 192 * 1024
    """Request line and header lines of one request; a longer one is refused."""
    kept: Bytes = 10 * 1024 * 1024
    """Of one request; a larger one is passed on as it comes in, neither mirrored nor recorded."""
    together: Bytes = 256 * 1024 * 1024
    """Of all clients of one process; above it no body is kept until it is complete."""


class RelayingSettings(Section, frozen=True):
    """What clients may take, of time and of memory."""

    times: ClientTimes = ClientTimes()
    limits: RequestLimits = RequestLimits()

    def flaws(self) -> Iterator[str]:
        """Yield what contradicts itself, with its keys."""
        if self.limits.kept > self.limits.together:
            yield (
                f"relaying.limits.kept: {self.limits.kept:,} bytes of one request are more than "
                f"those of all together ({self.limits.together:,}); lower it, or raise "
                "relaying.limits.together"
            )
        if self.times.head > self.times.request:
            yield (
                f"relaying.times.head: {self.times.head} s for a head are more than for the whole "
                f"request ({self.times.request} s); lower it, or raise relaying.times.request"
            )
