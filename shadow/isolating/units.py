"""Answers of legacy's gathered into the units of which the coin of the control arm is thrown."""

from dataclasses import dataclass, field
from typing import Protocol

from shadow.isolating.bets import Unit

GRACE = 2.0
"""Seconds after the end of a slice in which answers to its requests may still come."""


@dataclass(frozen=True, slots=True)
class Limit:
    """From how many seconds on an answer is slow."""

    control: float
    mirrored: float
    """The same, with what mirroring may cost on top."""

    def of(self, control: bool) -> float:
        """Return the limit for one of the arms."""
        return self.control if control else self.mirrored


class Gathering(Protocol):
    """Collects answers, and gives the units that are complete."""

    def limit(self, limits: tuple[Limit, ...]) -> None:
        """Take the limits for what begins from now on, one for each quantile."""

    def add(self, control: bool, seconds: float, at: float) -> None:
        """Take one answer to a request that came *at* (epoch seconds)."""

    def take(self, now: float) -> list[list[Unit]]:
        """Return for each limit the units that are complete *now*, and forget them."""


class Requests:
    """Each request is a unit; there are only four kinds of them for each limit."""

    def __init__(self) -> None:
        self._limits: tuple[Limit, ...] = ()
        self._counts: list[list[int]] = []

    def limit(self, limits: tuple[Limit, ...]) -> None:
        """Take the limits for what is added from now on."""
        self._limits = limits
        self._counts = [[0, 0, 0, 0] for _ in limits]

    def add(self, control: bool, seconds: float, at: float) -> None:
        """Take one answer."""
        kinds = 0 if control else 2
        for index, limit in enumerate(self._limits):
            beyond = limit.control if control else limit.mirrored
            self._counts[index][kinds + (seconds > beyond)] += 1

    def take(self, now: float) -> list[list[Unit]]:
        """Return what came since the last time."""
        taken, self._counts = self._counts, [[0, 0, 0, 0] for _ in self._limits]
        return [
            [(kind > 1, float(kind % 2), count) for kind, count in enumerate(counts) if count]
            for counts in taken
        ]


@dataclass(slots=True)
class _Slice:
    control: bool
    limits: tuple[Limit, ...]
    slow: list[int]
    total: int = 0


@dataclass(slots=True)
class Slices:
    """All requests that came in one slice of *seconds* are a unit: one coin was thrown for them."""

    seconds: float
    _limits: tuple[Limit, ...] = ()
    _open: dict[int, _Slice] = field(default_factory=dict)
    _done: int = -1

    def limit(self, limits: tuple[Limit, ...]) -> None:
        """Take the limits for the slices that begin from now on."""
        self._limits = limits

    def add(self, control: bool, seconds: float, at: float) -> None:
        """Take one answer; one that comes too late for its slice is passed over."""
        number = int(at / self.seconds)
        if number <= self._done or not self._limits:
            return
        one = self._open.get(number)
        if one is None:
            one = _Slice(control, self._limits, [0] * len(self._limits))
            self._open[number] = one
        one.total += 1
        for index, limit in enumerate(one.limits):
            one.slow[index] += seconds > limit.of(control)

    def take(self, now: float) -> list[list[Unit]]:
        """Return the slices that ended a while before *now*."""
        self._done = int((now - GRACE) / self.seconds) - 1
        ended = [self._open.pop(number) for number in sorted(self._open) if number <= self._done]
        return [
            [(not one.control, one.slow[index] / one.total, 1) for one in ended]
            for index in range(len(self._limits))
        ]
