"""Whether mirroring slows legacy's answers down by more than is allowed: asked all the time.

For a quantile a limit is taken from what both arms did lately. A request of the control arm is
slow beyond the limit; a mirrored one only beyond what the bounds allow it on top. If mirroring
costs no more than that, mirrored ones are no more often slow than the others; ``bets`` weighs
whether they are.
"""

import math
from dataclasses import dataclass

from shadow.isolating.bets import Bets, log_sum
from shadow.isolating.histogram import FINE, Histogram, bucket_of
from shadow.isolating.units import Gathering, Limit

QUANTILES = (0.5, 0.99)
KNOWN = 200
"""Latencies that must have been seen before a limit means something."""
LOOKS_PER_LIMIT = 30
"""A limit comes from the last 30 to 60 looks."""


@dataclass(frozen=True, slots=True)
class TaxBounds:
    """What mirroring may cost."""

    ratio: float = 1.1
    """A mirrored request may take so many times as long,"""
    slack: float = 0.001
    """or so many seconds longer, whichever allows more."""
    alpha: float = 0.001
    """Chance that a tax within these bounds is ever taken for a larger one."""

    def limit(self, seconds: float) -> Limit:
        """Return from when on an answer is slow, if one without a copy is after *seconds*."""
        return Limit(seconds, max(self.ratio * seconds, seconds + self.slack))


class TaxTest:
    """Evidence against "mirroring costs at most the *bounds*"; *control* is the arm's share."""

    def __init__(self, control: float, bounds: TaxBounds, gathering: Gathering) -> None:
        self._control = control
        self._bounds = bounds
        self._gathering = gathering
        self._attempt = 0
        self._recent = Histogram(FINE)
        self._before = Histogram(FINE)
        self._looks = 0
        self._bets: list[Bets] = []
        self.restart()

    def restart(self) -> None:
        """Begin anew; the j-th attempt gets alpha/(j(j+1)), so all together get alpha."""
        self._attempt += 1
        self._bets = [Bets(self._control, 1.0 - one) for one in QUANTILES]

    def add(self, control: bool, seconds: float, at: float) -> None:
        """Take one answer, in the order in which legacy gives them."""
        self.count(control, seconds, bucket_of(seconds, FINE), at)

    def count(self, control: bool, seconds: float, bucket: int, at: float) -> None:
        """Take one answer whose fine bucket is known."""
        self._gathering.add(control, seconds, at)
        self._recent.count(bucket)

    def look(self, now: float) -> bool:
        """Weigh what came since the last look; return whether there is a tax beyond the bounds."""
        units = self._gathering.take(now)
        for bets, one in zip(self._bets, units, strict=False):
            bets.take(one)
        self._looks += 1
        if self._looks % LOOKS_PER_LIMIT == 0:
            self._before, self._recent = self._recent, Histogram(FINE)
        self._renew_limits()
        return self.log_e >= -math.log(self.alpha)

    def _renew_limits(self) -> None:
        known = Histogram(FINE, self._before.counts)
        known.merge(self._recent)
        if known.total >= KNOWN:
            limits = tuple(self._bounds.limit(known.quantile(one)) for one in QUANTILES)
            self._gathering.limit(limits)

    @property
    def alpha(self) -> float:
        """Chance that this attempt ever finds a tax where there is none."""
        return self._bounds.alpha / (self._attempt * (self._attempt + 1))

    @property
    def log_e(self) -> float:
        """Natural logarithm of the evidence: the mean of that of all quantiles."""
        logs = [one.log_e for one in self._bets]
        return log_sum(logs) - math.log(len(logs))
