"""Who answers a request, and whether the other side gets a copy: the seam between way and rules.

The proxy asks once for each request and does what the route says. Sampling, rules, the switch and
the stage of a cutover stand behind this one question.
"""

from dataclasses import dataclass
from typing import Protocol

from pyingest.message import Headers
from shadow.exchange import Reason, Side


class Seen(Protocol):
    """What a router may look at. Headers and body are read from the bytes when first asked for."""

    @property
    def method(self) -> bytes:
        """As it came."""

    @property
    def target(self) -> bytes:
        """The request target, never decoded."""

    @property
    def headers(self) -> Headers:
        """In the order and case in which they came."""

    @property
    def body(self) -> bytes:
        """Decoded from its transfer coding, and from nothing else."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one request."""

    owner: Side = Side.LEGACY
    """Answers the client; its event belongs on the production queue."""
    skip: Reason | None = None
    """Why the other side gets no copy; ``None`` if it does."""

    @property
    def other(self) -> Side:
        """The side that gets the copy."""
        return self.owner.other


MIRRORED = Route()


class Router(Protocol):
    """Gives each request its route, at once and without any I/O."""

    def route(self, request: Seen) -> Route:
        """Return the way of *request*."""
