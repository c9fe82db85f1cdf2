"""Who takes part in a run, who of them is gone, and what all of them come to.

A process that was started again begins to count at 0; what its earlier lives had counted is kept,
and so is what was counted before the run was gone on with.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from shadow.serving.statusfiles import Told
from shadow.serving.summing import joined
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
    most: dict[str, int] = field(default_factory=dict)
    """The most that was ever told of the ledger; see ``Status.most``."""
    earlier: int = 0
    """Of the requests received, those from before the run was gone on with."""
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
        self._before: Status | None = None
        """What the earlier lives of processes came to."""
        self._earlier: Status | None = None
        """What all came to before the run was gone on with."""
        self._lives: dict[str, tuple[int, float]] = {}
        self._restarts: dict[str, int] = {}

    def take(self, told: Told) -> None:
        """Take note of what all processes tell; one whose file is gone keeps its last word."""
        if told.earlier is not None and told.earlier != self._earlier:
            # All that was told until then is in it.
            self._earlier, self._before = told.earlier, None
            self._last.clear()
        for status in told.statuses:
            self._note_life(status)
            self._last[status.name] = status

    def _note_life(self, status: Status) -> None:
        """Keep what the last life of a process came to, if this is another."""
        name, life = status.name, (status.pid, status.began)
        if self._lives.setdefault(name, life) == life:
            return
        self._lives[name] = life
        self._restarts[name] = self._restarts.get(name, 0) + 1
        ended = (self._before, self._last.get(name))
        self._before = joined(one for one in ended if one is not None)

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
        past = [one for one in (self._earlier, self._before) if one is not None]
        counts = joined([*(one.status for one in members), *past])
        found = Totals(
            ledger=counts.ledger,
            most=counts.most,
            earlier=self._earlier.ledger.get("received", 0) if self._earlier is not None else 0,
            sides=counts.sides,
            arm=counts.arm,
            breaker=BreakerStatus(openings=counts.breaker.openings),
            queues={name: queue for one in members for name, queue in one.status.queues.items()},
            stages=tuple(sorted({one.stage for one in here if one.ledger})),
            mirroring=all(one.mirroring for one in here),
            stall=max((one.stall for one in here), default=0.0),
            memory=sum(one.memory for one in here),
        )
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
