"""The seams of the service: what each part of a request's way must be able to do."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyingest.event import Event
from pyingest.ingest import Decision
from pyingest.message import Request
from pyingest.queues.interface import Outcome

Contract = Callable[[Request, str, float], Decision]
"""Request, peer's address, time in epoch seconds -> what is to be done. Never raises."""
Publish = Callable[[Sequence[Event]], Awaitable[list[Outcome]]]
"""Writes events, one outcome each; :meth:`pyingest.queues.interface.Queue.publish`."""


class Aliasing(Protocol):
    """Puts the canonical person into events."""

    def resolve(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return *events* with their identities resolved; as many, in the same order.

        Never raises.
        """


@dataclass(frozen=True, slots=True)
class Observed:
    """One request, after its answer was made."""

    peer: str
    endpoint: str
    """``track``, ``engage`` and so on, or ``other``."""
    method: bytes
    path: bytes
    """The request target without its query."""
    payload: bytes
    """The body, or the query where there is none. Never for a log."""
    size: int
    """Bytes of target and body."""
    status: int
    decision: Decision
    outcomes: Sequence[Outcome]
    """What became of the decision's events; empty when none was given to the queue."""
    seconds: float
    """From the whole request to its answer."""
    turned_away: str = ""
    """Which limit said no: ``requests``, ``rate``, ``token``, ``fault``; empty: none."""


class Observer(Protocol):
    """Takes note of requests: counts, traffic, logs, dead letters."""

    def observe(self, seen: Observed) -> None:
        """Take note of one request. Quick, and never raises."""
