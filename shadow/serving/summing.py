"""What the processes of a run told last, and the sum of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from shadow.status import QueueStatus, SideStatus, Status

K = TypeVar("K")


@dataclass(slots=True)
class Sum:
    """All processes of a run together."""

    ledger: dict[str, int] = field(default_factory=dict)
    sides: dict[str, SideStatus] = field(default_factory=dict)
    queues: dict[str, QueueStatus] = field(default_factory=dict)
    waiting: int = 0
    """Requests in the lanes."""
    in_flight: int = 0
    """Requests that the other side has."""
    stage: str = ""
    mirroring: bool = True
    breakers: list[str] = field(default_factory=list)
    """Processes whose circuit is not closed, and why."""
    errors: list[str] = field(default_factory=list)


def summed(statuses: Iterable[Status], present: set[str]) -> Sum:
    """Return the sum of what several processes told.

    :param present: names of those that are there; of the others only the counts are taken.
    """
    found = Sum()
    for one in statuses:
        add_counts(found.ledger, one.ledger)
        for name, side in one.sides.items():
            found.sides[name] = _added(found.sides.get(name, SideStatus()), side)
        found.queues |= one.queues
        if one.error:
            found.errors.append(f"{one.name}: {one.error}")
        if one.name in present:
            _add_present(found, one)
    return found


def add_counts(into: dict[K, int], counts: dict[K, int]) -> None:
    """Add *counts* to those of *into*."""
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def _add_present(found: Sum, one: Status) -> None:
    found.waiting += one.lane.requests
    found.in_flight += one.lane.in_flight
    if one.sides:
        found.stage = found.stage or one.stage
        found.mirroring = found.mirroring and one.mirroring
    if one.breaker.state != "closed":
        why = f" ({one.breaker.why})" if one.breaker.why else ""
        found.breakers.append(f"{one.name} {one.breaker.state}{why}")


def _added(one: SideStatus, other: SideStatus) -> SideStatus:
    latency = dict(one.latency)
    add_counts(latency, other.latency)
    return SideStatus(
        answered=one.answered + other.answered,
        failed=one.failed + other.failed,
        errors=one.errors + other.errors,
        in_flight=one.in_flight + other.in_flight,
        latency=latency,
    )
