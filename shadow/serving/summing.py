"""What the processes of a run told last, and the sum of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shadow.ledger import merged
from shadow.status import EARLIER, BreakerStatus, ControlArm, QueueStatus, SideStatus, Status


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
    told = list(lives)
    names = dict.fromkeys(name for one in told for name in one.sides)
    return Status(
        name=EARLIER,
        pid=0,
        began=min((one.began for one in told), default=0.0),
        at=max((one.at for one in told), default=0.0),
        ending=True,
        ledger=merged(one.ledger for one in told),
        most=merged(map(most_told, told)),
        sides={
            name: _side([one.sides[name] for one in told if name in one.sides]) for name in names
        },
        arm=ControlArm(
            mirrored=merged(one.arm.mirrored for one in told),
            control=merged(one.arm.control for one in told),
        ),
        breaker=BreakerStatus(openings=sum(one.breaker.openings for one in told)),
    )


def most_told(status: Status) -> dict[str, int]:
    """Return the most that a process ever told of its ledger, by bucket."""
    names = dict.fromkeys((*status.ledger, *status.most))
    return {name: max(status.ledger.get(name, 0), status.most.get(name, 0)) for name in names}


def _side(lives: Sequence[SideStatus]) -> SideStatus:
    """Return what a side has counted in several lives; what is in flight there is no count."""
    return SideStatus(
        answered=sum(one.answered for one in lives),
        failed=sum(one.failed for one in lives),
        errors=sum(one.errors for one in lives),
        latency=merged(one.latency for one in lives),
    )


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
