"""The last minutes of a run: rates and latencies now, and how they were."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from compare.live.buckets import Buckets, quantile, since
from compare.live.roster import Totals
from compare.live.tax import Tax, TaxWatch

WINDOW = 10.0
"""Seconds that a rate, or a quantile, looks back."""
POINTS = 300
"""Moments that are kept."""
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
SIDES = ("legacy", "candidate")
RATES = ("received", "mirrored", "shed", "candidate_failed", "legacy_failed")

Point = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class SideNow:
    """One side within the last seconds."""

    answered: int = 0
    failed: int = 0
    errors: int = 0
    """Answers of status 500 and above."""
    quantiles: dict[str, float | None] = field(default_factory=dict)
    """Seconds at each of :data:`SHARES`; ``None`` when nothing was answered."""

    @property
    def calls(self) -> int:
        """Requests that ended."""
        return self.answered + self.failed

    @property
    def bad(self) -> int:
        """Requests that ended without a good answer."""
        return self.failed + self.errors


@dataclass(frozen=True, slots=True)
class Recent:
    """What happened within the last seconds."""

    seconds: float = 0.0
    """Length of the time looked at; 0 at the first moment, of which nothing can be said."""
    rates: dict[str, float] = field(default_factory=dict)
    """Per second, by bucket of the ledger."""
    sides: dict[str, SideNow] = field(default_factory=dict)


@dataclass(slots=True)
class _Sample:
    at: float
    ledger: Mapping[str, int]
    sides: dict[str, tuple[int, int, int, Buckets]]


class History:
    """Takes one moment after the other; gives the recent ones."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()
        self.recent = Recent()
        self.points: deque[tuple[float, Point]] = deque(maxlen=POINTS)
        """Epoch seconds, and the values of that moment."""
        self.unexplained = 0
        """Requests that stayed in no bucket all the time looked at; see ``Totals.unexplained``."""
        self.taxes: list[Tax] = []
        """What mirroring costs, as far as it is known since the page looks."""
        self._watch = TaxWatch()
        self._open: deque[tuple[float, int]] = deque()

    def add(self, at: float, totals: Totals) -> None:
        """Take what the processes come to *at* (epoch seconds)."""
        sample = _Sample(
            at,
            dict(totals.ledger),
            {
                name: (side.answered, side.failed, side.errors, dict(side.latency))
                for name, side in totals.sides.items()
            },
        )
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].at <= at - WINDOW:
            self._samples.popleft()
        self.recent = _between(self._samples[0], sample)
        self.points.append((at, self._point(totals)))
        self._note_open(at, totals.unexplained)
        self._watch.add(at, totals.arm)
        self.taxes = self._watch.taxes()

    def _note_open(self, at: float, count: int) -> None:
        """Keep the smallest that a fault can be: what is between two steps does not stay."""
        self._open.append((at, count))
        while self._open[0][0] < at - WINDOW:
            self._open.popleft()
        counts = [count for _, count in self._open]
        long_enough = at - self._open[0][0] >= WINDOW / 2
        self.unexplained = 0
        if long_enough and (min(counts) > 0 or max(counts) < 0):
            self.unexplained = min(counts, key=abs)

    def _point(self, totals: Totals) -> Point:
        recent = self.recent
        point: Point = {name: _or_none(recent, recent.rates.get(name)) for name in RATES[:2]}
        for name in SIDES:
            side = recent.sides.get(name, SideNow())
            for share in SHARES:
                point[f"{name}_{share}"] = side.quantiles.get(share)
            lags = [queue.lag for key, queue in totals.queues.items() if key.startswith(f"{name} ")]
            known = [lag for lag in lags if lag >= 0]
            point[f"{name}_lag"] = float(sum(known)) if known else None
        point["lane"] = fill(totals)
        point["under_way"] = float(totals.under_way)
        return point


def fill(totals: Totals) -> float | None:
    """Return how full the lane is, by requests or by bytes, whichever is fuller; 1 is full."""
    lane = totals.lane
    shares = [
        have / most
        for have, most in ((lane.requests, lane.limit_requests), (lane.bytes, lane.limit_bytes))
        if most
    ]
    return max(shares, default=None)


def _or_none(recent: Recent, value: float | None) -> float | None:
    return value if recent.seconds else None


def _between(then: _Sample, now: _Sample) -> Recent:
    seconds = now.at - then.at
    if seconds <= 0:
        return Recent()
    grown = {name: max(0, now.ledger.get(name, 0) - then.ledger.get(name, 0)) for name in RATES}
    sides = {}
    for name, (answered, failed, errors, latency) in now.sides.items():
        before = then.sides.get(name, (0, 0, 0, {}))
        new = since(latency, before[3])
        sides[name] = SideNow(
            answered=max(0, answered - before[0]),
            failed=max(0, failed - before[1]),
            errors=max(0, errors - before[2]),
            quantiles={share: quantile(new, value) for share, value in SHARES.items()},
        )
    return Recent(seconds, {name: count / seconds for name, count in grown.items()}, sides)
