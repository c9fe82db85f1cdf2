"""Where clients come in: what their connections share, limits, and an orderly end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IAddress

from pyingest.reception import Reception
from shadow.relaying.framing import FramingLimits
from shadow.relaying.raw import RawRequest
from shadow.relaying.visitor import Visitor

Ask = Callable[[RawRequest, Visitor, bool], None]
"""Takes a request of a client, and whether that has had its ``100 Continue``."""


MOST = 20_000
"""Connections of clients at a time."""


def places(files: int, owners: int, copies: int, most: int = MOST) -> int:
    """Return how many clients there is room for with so many *files* for connections.

    Each client may need a connection to the owner of its request, too: without one it would hear
    502. *owners* and *copies* are how many connections there may be to those.
    """
    rest = files - copies
    return max(1, min(most, max(rest - owners, rest // 2)))


@dataclass(frozen=True, slots=True)
class DoorTimes:
    """Time limits of a client's connection, in whole seconds; they are kept to within a second."""

    idle: int = 75
    """Without a byte in either direction while nothing is being answered."""
    head: int = 60
    """From the first byte of a head to its last."""
    request: int = 300
    """From the first byte of a request to its last, while it is kept here; a large one that is
    passed on as it comes has only the limit of ``idle``."""
    linger: int = 2
    """For the client to read a refusal before its connection is cut."""


class Door(Reception[Visitor]):
    """Makes the clients' connections, and keeps what they share."""

    def __init__(
        self,
        ask: Ask,
        refused: Callable[[], None],
        clock: Any,
        limits: FramingLimits | None = None,
        times: DoorTimes | None = None,
        most: int = MOST,
    ) -> None:
        super().__init__(clock)
        self.ask = ask
        self.refused = refused
        """Called for each request that is none."""
        self.limits = limits or FramingLimits()
        self.times = times or DoorTimes()
        self.most = most
        """Connections at a time; who comes then is turned away."""
        self.held = 0
        """Bytes of requests that are not complete, or wait for their answer with a body that
        came in several pieces."""
        self.timed_out = 0
        """Requests that were given up because the rest of them did not come."""
        self.turned_away = 0
        """Connections that were cut because there were too many."""

    def buildProtocol(self, addr: IAddress | None) -> Visitor | None:
        """Return the protocol for one connection, if there may be one more."""
        if len(self.connections) >= self.most:
            self.turned_away += 1
            return None
        return Visitor(self)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be kept: bodies are passed on as they come then."""
        return self.held > self.limits.together
