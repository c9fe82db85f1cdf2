"""What mirroring costs the clients: legacy's latency with a copy to the candidate, and without.

Requests are drawn for the control arm at random, so that nothing else tells the two apart.
"""

from dataclasses import dataclass

from compare.live.buckets import quantile, quantile_interval, total
from shadow.status import ControlArm

SHARES = {"p50": 0.5, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Tax:
    """One quantile of both arms, in seconds."""

    name: str
    mirrored: float
    control: float
    low: float
    high: float
    """The two ends of an interval for mirrored less control that holds at 90 % at least."""

    @property
    def is_felt(self) -> bool:
        """Whether mirroring makes the clients wait, beyond chance and the buckets' width."""
        return self.low > 0


def taxes(arm: ControlArm) -> list[Tax]:
    """Return the quantiles of which both arms have enough; none without a control arm.

    The interval is that of two intervals of 95 % taken together, so it holds at 90 % by Bonferroni.
    """
    found = []
    for name, share in SHARES.items():
        ours, theirs = quantile(arm.mirrored, share), quantile(arm.control, share)
        wide, narrow = (quantile_interval(one, share) for one in (arm.mirrored, arm.control))
        if ours is None or theirs is None or wide is None or narrow is None:
            continue
        found.append(Tax(name, ours, theirs, wide[0] - narrow[1], wide[1] - narrow[0]))
    return found


def arm_sizes(arm: ControlArm) -> dict[str, int]:
    """Return how many requests each arm has."""
    return {"mirrored": total(arm.mirrored), "control": total(arm.control)}
