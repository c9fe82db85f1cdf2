"""When mirroring has to stop for a while, though the candidate answers: from looks to a trip.

One look a second. A bound must be well cleared, for a while, before a trip is over; so something
that swings around its bound opens the circuit once.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from shadow.exchange import Side
from shadow.isolating.settings import TripSettings
from shadow.status import QueueStatus

TAX, QUEUE, LAG, MEMORY, LANE = (
    "shadow tax",
    "queue growth",
    "proxy lag",
    "memory",
    "full lane",
)
LONGEST_PAUSE = 3600.0
"""Seconds that a trip for the shadow tax lasts at most, and the calm after any trip."""
_SOON = 10
"""Times the calm after a trip in which another one counts as its continuation."""
_STEPS = 4
"""Parts of the time for which a queue must grow; in each of them it must."""


@dataclass(frozen=True, slots=True)
class Look:
    """What there was to see at one moment."""

    now: float
    """Monotonic seconds."""
    tax: str = ""
    """What mirroring costs, if that is more than is allowed."""
    stall: float = 0.0
    """Seconds of the longest stall of the last second."""
    memory: int = 0
    """Bytes of resident memory."""
    lane_full: bool = False
    queues: Mapping[str, QueueStatus] = field(default_factory=dict)
    """By side and name, as in ``status``."""


@dataclass(frozen=True, slots=True)
class Trip:
    """Mirroring has to stop."""

    cause: str
    why: str
    """With the numbers."""

    def __str__(self) -> str:
        """Return both, as a status shows them."""
        return f"{self.cause}: {self.why}"


@dataclass(frozen=True, slots=True)
class _Measure:
    """One number that has a bound; it is not looked at where the bound is 0."""

    cause: str
    value: float
    bound: float
    text: str

    @property
    def is_beyond(self) -> bool:
        return 0 < self.bound < self.value

    def is_calm(self, release: float) -> bool:
        return self.bound <= 0 or self.value <= release * self.bound


class Trips:
    """Says what keeps the circuit open. *pause* is that of the first trip for the tax, in s."""

    def __init__(self, limits: TripSettings, pause: float = 60.0) -> None:
        self._limits = limits
        self._pause = pause
        self._stalls = 0
        self._lane_since: float | None = None
        self._growth: dict[str, _Growth] = {}
        self._trip: Trip | None = None
        self._calm = limits.calm
        self._calm_since: float | None = None
        self._not_before = 0.0
        self._ended_at = -math.inf

    def look(self, look: Look) -> Trip | None:
        """Take one *look*; return the trip that holds now, if one does."""
        found = list(self._measures(look))
        beyond = next((one for one in found if one.is_beyond), None)
        if look.tax and self._trip is None:
            self._not_before = look.now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._begin(Trip(TAX, look.tax), look.now)
        elif beyond is not None:
            self._begin(Trip(beyond.cause, beyond.text), look.now)
        elif self._trip is not None:
            self._recover(look.now, found)
        return self._trip

    def _begin(self, trip: Trip, now: float) -> None:
        """Take *trip*; one that follows soon after another lasts longer."""
        if self._trip is None:
            soon = now - self._ended_at < _SOON * self._calm
            self._calm = min(2 * self._calm, LONGEST_PAUSE) if soon else self._limits.calm
        self._trip, self._calm_since = trip, None

    def _recover(self, now: float, found: list[_Measure]) -> None:
        """End the trip, if all has been well for long enough."""
        if not all(one.is_calm(self._limits.release) for one in found):
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= self._calm and now >= self._not_before:
            self._trip = self._calm_since = None
            self._ended_at = now

    def _measures(self, look: Look) -> Iterator[_Measure]:
        limits = self._limits
        self._stalls = self._stalls + 1 if look.stall > limits.stall else 0
        stalled = look.stall if self._stalls >= limits.stall_looks else 0.0
        calm = look.stall <= limits.release * limits.stall
        yield _Measure(
            LAG,
            stalled if stalled or calm else limits.stall,
            limits.stall,
            f"the proxy looked at nothing for {look.stall * 1000:.0f} ms, "
            f"{self._stalls} seconds in a row",
        )
        memory = f"{look.memory / 2**20:.0f} MiB, allowed are {limits.memory / 2**20:.0f}"
        yield _Measure(MEMORY, look.memory, limits.memory, memory)
        if not look.lane_full:
            self._lane_since = None
        elif self._lane_since is None:
            self._lane_since = look.now
        full = 0.0 if self._lane_since is None else look.now - self._lane_since
        yield _Measure(LANE, full, limits.lane, f"for {full:.0f} s")
        yield from self._queues(look)

    def _queues(self, look: Look) -> Iterator[_Measure]:
        limits = self._limits
        for key, one in look.queues.items():
            self._growth.setdefault(key, _Growth(limits.queue_growing)).add(look.now, one.depth)
        for key, one in look.queues.items():
            side, _, name = key.partition(" ")
            if side != Side.CANDIDATE.value:
                continue
            for value, bound, what in (
                (one.lag, limits.queue_lag, "messages wait for the tap"),
                (one.depth, limits.queue_depth, "messages wait"),
                (one.age, limits.queue_age, "s is the age of the oldest message"),
            ):
                text = f"{key}: {value:,.0f} {what}, allowed are {bound:,.0f}"
                yield _Measure(QUEUE, value, bound, text)
            legacy = self._growth.get(f"{Side.LEGACY.value} {name}")
            seconds = self._growth[key].seconds(limits.queue_floor)
            if legacy is not None and legacy.seconds(0):
                seconds = 0.0
            text = f"{key}: {one.depth:,} messages wait, more and more for {seconds:.0f} s"
            yield _Measure(QUEUE, seconds and limits.queue_growing + 1, limits.queue_growing, text)


class _Growth:
    """Whether a queue grows, steadily, for so many *seconds*."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: deque[tuple[float, int]] = deque(maxlen=_STEPS + 1)
        self._last = -1
        self._is_read = False

    def add(self, now: float, depth: int) -> None:
        """Take the depth *now*; -1 where it is not known."""
        if depth < 0:
            return
        # A queue that never gets shorter has nobody who reads it, and is meant to grow.
        self._is_read = self._is_read or depth < self._last
        self._last = depth
        if not self._samples or now - self._samples[-1][0] >= self._seconds / _STEPS:
            self._samples.append((now, depth))

    def seconds(self, floor: int) -> float:
        """Return for how long it has grown, if that is long enough and it is above *floor*."""
        depths = [depth for _, depth in self._samples]
        grows = all(one < after for one, after in pairwise(depths))
        if len(depths) <= _STEPS or not grows or not self._is_read or self._last < floor:
            return 0.0
        return self._samples[-1][0] - self._samples[0][0]
