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


class Aliasing(Protocol):
    """Puts the canonical person into events."""

    async def resolve(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return *events* with their identities resolved; as many, in the same order."""


class Condition(Protocol):
    """Knows whether events could be stored now."""

    def problem(self) -> str:
        """Return why not; empty when they could."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One request, after its answer was made."""

    request: Request
    peer: str
    endpoint: str
    """``track``, ``engage`` and so on, or ``other``."""
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


Publish = Callable[[Sequence[Event]], Awaitable[list[Outcome]]]
