"""Who takes part in a run, who of them is gone, and what all of them come to.

A process that was started again begins to count at 0; what its earlier lives had counted is kept.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from compare.live.buckets import added
from shadow.serving.statusfiles import Told
from shadow.status import (
    BreakerStatus,
    ControlArm,
    LaneStatus,
    QueueStatus,
    SideStatus,
    Status,
)

SILENT = 3.0
"""Seconds after which a process that tells nothing is missed; it should tell twice a second."""
_STATES = ("closed", "half-open", "open")


class Life(enum.StrEnum):
    """How a process fares."""

    ALIVE = "alive"
    SILENT = "silent"
    """It is there, and has told nothing for :data:`SILENT` seconds."""
    DEAD = "dead"
    """It told nothing of an end, and is gone."""
    ENDED = "ended"
    """It came to an orderly end."""


PRESENT = (Life.ALIVE, Life.SILENT)
"""Of those that are there."""


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the run."""

    status: Status
    """What it told last."""
    life: Life
    quiet: float
    """Seconds since then."""
    restarts: int
    """How often it was seen to begin again."""


@dataclass(slots=True)
class Totals:
    """All processes together: counts of all lives, and what is under way in those that live."""

    ledger: dict[str, int] = field(default_factory=dict)
    sides: dict[str, SideStatus] = field(default_factory=dict)
    arm: ControlArm = field(default_factory=ControlArm)
    lane: LaneStatus = field(default_factory=LaneStatus)
    breaker: BreakerStatus = field(default_factory=BreakerStatus)
    queues: dict[str, QueueStatus] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    """What the living say the stage is; more than one while it changes."""
    mirroring: bool = True
    """Whether all who live mirror."""
    stall: float = 0.0
    memory: int = 0

    @property
    def under_way(self) -> int:
        """Requests that have no bucket yet because a service, or the lane, has them."""
        return self.lane.requests + sum(side.in_flight for side in self.sides.values())

    @property
    def unexplained(self) -> int:
        """Requests in no bucket beyond those under way; below 0 when buckets hold too many.

        A moment's count may be off by what is between two steps; one that stays is a fault.
        """
        remainder = self.ledger.get("remainder", 0)
        return remainder if remainder < 0 else max(0, remainder - self.under_way)


class Roster:
    """Follows who tells what.

    :param exists: says whether the process that told this is there.
    """

    def __init__(self, exists: Callable[[Status], bool]) -> None:
        self._exists = exists
        self._last: dict[str, Status] = {}
        self._before: dict[str, Status] = {}
        """By name: what the earlier lives of a process came to."""
        self._restarts: dict[str, int] = {}

    def take(self, told: Told) -> None:
        """Take note of what all processes tell; one whose file is gone keeps its last word."""
        for status in told.statuses:
            last = self._last.get(status.name)
            if last is not None and (last.pid, last.began) != (status.pid, status.began):
                before = self._before.get(status.name)
                self._before[status.name] = joined(last, before) if before else last
                self._restarts[status.name] = self._restarts.get(status.name, 0) + 1
            self._last[status.name] = status

    def members(self, now: float) -> list[Member]:
        """Return all processes by name, at *now* (epoch seconds)."""
        return [
            Member(
                status,
                self._life(status, now),
                max(0.0, now - status.at),
                self._restarts.get(name, 0),
            )
            for name, status in sorted(self._last.items())
        ]

    def totals(self, now: float) -> Totals:
        """Return what all processes come to, at *now* (epoch seconds)."""
        members = self.members(now)
        here = [one.status for one in members if one.life in PRESENT]
        counted = [one.status for one in members] + list(self._before.values())
        found = Totals(
            ledger=_summed(one.ledger for one in counted),
            queues={name: queue for one in members for name, queue in one.status.queues.items()},
            stages=tuple(sorted({one.stage for one in here if one.ledger})),
            mirroring=all(one.mirroring for one in here),
            stall=max((one.stall for one in here), default=0.0),
            memory=sum(one.memory for one in here),
        )
        _count(found, counted)
        _gauge(found, here)
        return found

    def _life(self, status: Status, now: float) -> Life:
        if status.ending and not self._exists(status):
            return Life.ENDED
        if now - status.at <= SILENT:
            return Life.ALIVE
        if status.ending:
            return Life.ENDED
        return Life.SILENT if self._exists(status) else Life.DEAD


def joined(one: Status, other: Status) -> Status:
    """Return the counts of two lives of one process, under the name of the first."""
    found = Totals()
    _count(found, [one, other])
    return Status(
        name=one.name,
        pid=one.pid,
        began=min(one.began, other.began),
        at=max(one.at, other.at),
        ending=True,
        ledger=_summed([one.ledger, other.ledger]),
        sides=found.sides,
        arm=found.arm,
        breaker=BreakerStatus(openings=one.breaker.openings + other.breaker.openings),
    )


def _count(found: Totals, statuses: Iterable[Status]) -> None:
    for status in statuses:
        for name, side in status.sides.items():
            so_far = found.sides.get(name, SideStatus())
            found.sides[name] = SideStatus(
                answered=so_far.answered + side.answered,
                failed=so_far.failed + side.failed,
                errors=so_far.errors + side.errors,
                latency=added(so_far.latency, side.latency),
            )
        found.arm = ControlArm(
            mirrored=added(found.arm.mirrored, status.arm.mirrored),
            control=added(found.arm.control, status.arm.control),
        )
        found.breaker.openings += status.breaker.openings


def _gauge(found: Totals, here: list[Status]) -> None:
    for status in here:
        lane, one = found.lane, status.lane
        found.lane = LaneStatus(
            requests=lane.requests + one.requests,
            bytes=lane.bytes + one.bytes,
            most_requests=lane.most_requests + one.most_requests,
            most_bytes=lane.most_bytes + one.most_bytes,
            in_flight=lane.in_flight + one.in_flight,
            limit_requests=lane.limit_requests + one.limit_requests,
            limit_bytes=lane.limit_bytes + one.limit_bytes,
        )
        for name, side in status.sides.items():
            found.sides[name].in_flight += side.in_flight
        if _rank(status.breaker.state) > _rank(found.breaker.state):
            found.breaker.state = status.breaker.state
        found.breaker.why = status.breaker.why or found.breaker.why


def _rank(state: str) -> int:
    return _STATES.index(state) if state in _STATES else len(_STATES)


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    summed: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            summed[name] = summed.get(name, 0) + count
    return summed
