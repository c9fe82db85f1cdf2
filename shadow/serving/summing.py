"""What the processes of a run told last, and the sum of it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from shadow.status import EARLIER, QueueStatus, SideStatus, Status

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
    told = list(statuses)
    counts = joined(told)
    found = Sum(ledger=counts.ledger, sides=counts.sides)
    for one in told:
        found.queues |= one.queues
        if one.error:
            found.errors.append(f"{one.name}: {one.error}")
        if one.name in present:
            _add_present(found, one)
    return found


def joined(lives: Iterable[Status]) -> Status:
    """Return the counts of several lives as those of one that has ended."""
    found = Status(name=EARLIER, pid=0, began=math.inf, at=0.0, ending=True)
    for one in lives:
        found.began, found.at = min(found.began, one.began), max(found.at, one.at)
        add_counts(found.ledger, one.ledger)
        add_counts(found.most, most_told(one))
        for name, side in one.sides.items():
            _add_side(found.sides.setdefault(name, SideStatus()), side)
        add_counts(found.arm.mirrored, one.arm.mirrored)
        add_counts(found.arm.control, one.arm.control)
        found.breaker.openings += one.breaker.openings
    found.began = min(found.began, found.at)
    return found


def most_told(status: Status) -> dict[str, int]:
    """Return the most that a process ever told of its ledger, by bucket."""
    names = dict.fromkeys((*status.ledger, *status.most))
    return {name: max(status.ledger.get(name, 0), status.most.get(name, 0)) for name in names}


def add_counts(into: dict[K, int], counts: dict[K, int]) -> None:
    """Add *counts* to those of *into*."""
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def _add_side(into: SideStatus, side: SideStatus) -> None:
    """Add what *side* has counted; what is in flight there is no count."""
    into.answered += side.answered
    into.failed += side.failed
    into.errors += side.errors
    add_counts(into.latency, side.latency)


def _add_present(found: Sum, one: Status) -> None:
    found.waiting += one.lane.requests
    found.in_flight += one.lane.in_flight
    for name, side in one.sides.items():
        found.sides[name].in_flight += side.in_flight
    if one.sides:
        found.stage = found.stage or one.stage
        found.mirroring = found.mirroring and one.mirroring
    if one.breaker.state != "closed":
        why = f" ({one.breaker.why})" if one.breaker.why else ""
        found.breakers.append(f"{one.name} {one.breaker.state}{why}")
