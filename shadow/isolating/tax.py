"""The shadow tax: how much longer legacy takes when a copy goes to the candidate.

Both arms are drawn at random from the same traffic (``sampling.control``), so the difference of
their latencies is what mirroring costs, and nothing else. With single requests drawn, that is
what a request's own copy costs it; what the copies of all others cost, both arms bear alike. With
slices of time drawn, nothing at all is mirrored in those of the control arm, and the difference
is the whole cost.

The interval is a delete-a-group jackknife over twenty groups of stretches of time, since
latencies of one moment hang together (Shao and Wu, A general theory for jackknife variance
estimation, Ann. Statist. 17, 1989; Kott, The delete-a-group jackknife, J. Official Statistics 17,
2001). It holds for a look at the end; what trips the circuit is ``taxtest``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shadow.isolating.histogram import FINE, Histogram, bucket_of, merged
from shadow.status import ControlArm

GROUPS = 20
BEYOND = 20
"""Answers of an arm that must lie beyond a quantile for it to mean something; and each group
must hold some of both arms."""
T = 2.093
"""Student's t with 19 degrees of freedom: 95 % lie within."""


@dataclass(frozen=True, slots=True)
class Tax:
    """What mirroring costs at one quantile of legacy's latency, in seconds."""

    quantile: float
    control: float
    """Without a copy."""
    mirrored: float
    low: float
    """The difference is at least this,"""
    high: float
    """and at most this, with 95 % confidence."""

    @property
    def difference(self) -> float:
        """How much longer it takes with a copy."""
        return self.mirrored - self.control


class Arms:
    """Legacy's latencies of both arms, in groups by time. Mergeable: sum the arms of all workers.

    *stretch* is the length in seconds of what stays together: a slice, or a few of them.
    """

    def __init__(self, stretch: float = 1.0) -> None:
        self.stretch = stretch
        self._groups = [_group() for _ in range(GROUPS)]

    def add(self, control: bool, seconds: float, at: float) -> None:
        """Take one answer to a request that came *at* (epoch seconds)."""
        self.count(control, bucket_of(seconds, FINE), at)

    def count(self, control: bool, bucket: int, at: float) -> None:
        """Take one answer whose fine bucket is known."""
        self._groups[int(at / self.stretch) % GROUPS][control].count(bucket)

    def merge(self, other: "Arms") -> None:
        """Add what *other* counted."""
        for ours, theirs in zip(self._groups, other._groups, strict=True):
            for arm, add in zip(ours, theirs, strict=True):
                arm.merge(add)

    def whole(self, control: bool) -> Histogram:
        """Return one arm."""
        return merged((group[control] for group in self._groups), FINE)

    def status(self) -> ControlArm:
        """Return both arms by the buckets of a status."""
        mirrored, control = self.whole(False), self.whole(True)
        return ControlArm(mirrored=mirrored.coarse(), control=control.coarse())

    def tax(self, quantile: float) -> Tax | None:
        """Return the tax at *quantile*, or ``None`` while too little is known."""
        arms = [self.whole(False), self.whole(True)]
        if min(arm.total for arm in arms) * (1 - quantile) < BEYOND:
            return None
        if not all(arm.total for group in self._groups for arm in group):
            return None
        mirrored, control = (arm.quantile(quantile) for arm in arms)
        without = [_difference(_less(arms, group), quantile) for group in self._groups]
        mean = sum(without) / GROUPS
        variance = (GROUPS - 1) / GROUPS * sum((one - mean) ** 2 for one in without)
        half = T * math.sqrt(variance)
        found = mirrored - control
        return Tax(quantile, control, mirrored, found - half, found + half)

    def to_dict(self) -> dict[str, Any]:
        """Return all counts as plain data, for the manifest of a run."""
        groups = [[arm.counts for arm in group] for group in self._groups]
        return {"stretch": self.stretch, "per_octave": FINE, "groups": groups}


class _Stored(msgspec.Struct):
    """What :meth:`Arms.to_dict` gives, as it comes back from a file."""

    stretch: float
    per_octave: int
    groups: list[tuple[dict[int, int], dict[int, int]]]


def arms_of(parts: Sequence[Mapping[str, Any]]) -> Arms:
    """Return the arms of all *parts* of a run, each as :meth:`Arms.to_dict` gave it.

    What is empty, or of another version, adds nothing.
    """
    whole = Arms()
    for part in parts:
        try:
            stored = msgspec.convert(part, _Stored, strict=False)
        except msgspec.ValidationError:
            continue
        if stored.per_octave == FINE and len(stored.groups) == GROUPS:
            whole.stretch = stored.stretch
            for ours, theirs in zip(whole._groups, stored.groups, strict=True):
                for arm, counts in zip(ours, theirs, strict=True):
                    arm.merge(Histogram(FINE, counts))
    return whole


def _group() -> tuple[Histogram, Histogram]:
    """Return the mirrored and the control arm of one group."""
    return Histogram(FINE), Histogram(FINE)


def _less(whole: list[Histogram], group: tuple[Histogram, Histogram]) -> list[Histogram]:
    """Return both arms without one *group*."""
    left = []
    for arm, part in zip(whole, group, strict=True):
        counts = dict(arm.counts)
        for bucket, count in part.counts.items():
            counts[bucket] -= count
        left.append(Histogram(FINE, counts))
    return left


def _difference(arms: list[Histogram], quantile: float) -> float:
    return arms[False].quantile(quantile) - arms[True].quantile(quantile)
