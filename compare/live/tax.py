"""What mirroring costs the clients: legacy's latency with a copy to the candidate, and without.

Requests (or slices of time) are drawn for the control arm at random, so that nothing else tells
the two apart. Latencies of one moment hang together, so the interval is a delete-a-group jackknife
over stretches of time (Kott, The delete-a-group jackknife, J. Official Statistics 17, 2001), as in
``shadow.isolating.tax``; this one needs no more than the counts that processes tell anyway.
"""

import math
from dataclasses import dataclass

from compare.live.buckets import since, total
from shadow.isolating.histogram import Histogram
from shadow.isolating.tax import BEYOND, GROUPS, T
from shadow.ledger import merged
from shadow.status import ControlArm

SHARES = {"p50": 0.5, "p99": 0.99}
STRETCH = 5.0
"""Seconds that stay together."""
LEAST = 0.05
"""Share of control's latency below which a difference is not told from the buckets' width."""

Arms = tuple[dict[int, int], dict[int, int]]
"""Mirrored and control, by bucket."""


@dataclass(frozen=True, slots=True)
class Tax:
    """One quantile of both arms, in seconds."""

    name: str
    mirrored: float
    control: float
    low: float
    high: float
    """The two ends of an interval of 95 % for mirrored less control."""

    @property
    def is_felt(self) -> bool:
        """Whether mirroring makes the clients wait, beyond chance and the buckets' width."""
        return self.low > 0 and self.mirrored - self.control > LEAST * self.control


class TaxWatch:
    """Takes what both arms have counted, again and again; tells what mirroring costs."""

    def __init__(self) -> None:
        self._groups: list[Arms] = [({}, {}) for _ in range(GROUPS)]
        self._before: ControlArm | None = None

    def add(self, at: float, arm: ControlArm) -> None:
        """Take the counts as they are *at* (epoch seconds)."""
        if self._before is not None:
            group = int(at / STRETCH) % GROUPS
            before, (mirrored, control) = self._before, self._groups[group]
            self._groups[group] = (
                merged((mirrored, since(arm.mirrored, before.mirrored))),
                merged((control, since(arm.control, before.control))),
            )
        self._before = arm

    def taxes(self) -> list[Tax]:
        """Return the quantiles of which enough is known; none without a control arm."""
        if not all(total(arm) for group in self._groups for arm in group):
            return []
        whole: Arms = ({}, {})
        for mirrored, control in self._groups:
            whole = merged((whole[0], mirrored)), merged((whole[1], control))
        smaller = min(map(total, whole))
        return [
            self._tax(name, share, whole)
            for name, share in SHARES.items()
            if smaller * (1 - share) >= BEYOND
        ]

    def _tax(self, name: str, share: float, whole: Arms) -> Tax:
        mirrored, control = (Histogram(counts=arm).quantile(share) for arm in whole)
        without = []
        for group in self._groups:
            ours, theirs = (
                Histogram(counts=since(arm, part)).quantile(share)
                for arm, part in zip(whole, group, strict=True)
            )
            without.append(ours - theirs)
        mean = sum(without) / GROUPS
        variance = (GROUPS - 1) / GROUPS * sum((one - mean) ** 2 for one in without)
        half, found = T * math.sqrt(variance), mirrored - control
        return Tax(name, mirrored, control, found - half, found + half)


def arm_sizes(arm: ControlArm) -> dict[str, int]:
    """Return how many requests each arm has."""
    return {"mirrored": total(arm.mirrored), "control": total(arm.control)}
