"""Intervals of a rate, for showing: exact for independent units, and robust for clusters.

No gate uses them: a bound for a fixed number of units, looked at again and again, breaks its
promise (``tests/compare/test_simulation_rates.py`` shows by how much).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate and the two ends of its interval."""

    rate: float
    low: float
    high: float
    effective: float
    """Independent units that would say as much."""


def beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for a, b > 0 (DLMF 8.17.22).

    Correct to about 1e-12 for small a and b, to 1e-6 for ten million: enough to show.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = a * math.log(x) + b * math.log1p(-x)
    front += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    if x < (a + 1) / (a + b + 2):
        return math.exp(front) * _fraction(a, b, x) / a
    return 1 - math.exp(front) * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of I_x by Lentz's method; it takes about √max(a, b) steps."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    value = d
    for m in range(1, 200_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for top in (even, odd):
            d = 1 / (1 + top * d or _TINY)
            c = 1 + top / c or _TINY
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the x with I_x(a, b) = *share*, by bisection to 1e-12 of itself."""
    high = 1.0
    # Rates of 1e-9 are to be found as exactly as ones of a half: so first the order of magnitude.
    while high > _TINY and beta_share(a, b, high / 16) >= share:
        high /= 16
    low = high / 16
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if beta_share(a, b, middle) < share else (low, middle)
    return (low + high) / 2


def clopper_pearson(bad: float, n: float, alpha: float) -> tuple[float, float]:
    """Return the ends of the two-sided interval of a rate (Clopper and Pearson, 1934).

    Each end misses with alpha/2 at most; *n* and *bad* may be effective numbers, not whole.
    Without units it is (0, 1).
    """
    if n <= 0:
        return 0.0, 1.0
    low = beta_quantile(alpha / 2, bad, n - bad + 1) if bad > 0 else 0.0
    high = beta_quantile(1 - alpha / 2, bad + 1, n - bad) if bad < n else 1.0
    return low, high


def wilson(bad: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's score interval (1927), *z* standard errors wide to each side."""
    if n <= 0:
        return 0.0, 1.0
    rate, extra = bad / n, z * z / n
    middle = rate + extra / 2
    half = z * math.sqrt((rate * (1 - rate) + extra / 4) / n)
    return max(0.0, (middle - half) / (1 + extra)), min(1.0, (middle + half) / (1 + extra))


def student_quantile(share: float, freedom: float) -> float:
    """Return the t with P(|T| <= t) = *share*, for Student's T of so many degrees of freedom."""
    rest = beta_quantile(1 - share, freedom / 2, 0.5)
    return math.sqrt(freedom * (1 - rest) / rest)


def clustered_interval(clusters: Mapping[tuple[int, int], int], alpha: float) -> Interval:
    """Return the rate of bad events and an interval that allows for events of one request.

    *clusters* counts requests by (bad events, events). Korn and Graubard (Survey Methodology 24,
    1998): the events are divided by the design effect, the variance between clusters over the
    binomial one, with Student's t for few clusters, and Clopper-Pearson follows. Never more than
    the events themselves. When no event, or every event, is bad, there is no variance to go by,
    and each request is taken to answer as one: (Σm)²/Σm² units (Kish).
    """
    requests = sum(clusters.values())
    events = sum(size * count for (_, size), count in clusters.items())
    if not events:
        return Interval(0.0, 0.0, 1.0, 0.0)
    rate = sum(bad * count for (bad, _), count in clusters.items()) / events
    squares = sum((bad - rate * size) ** 2 * count for (bad, size), count in clusters.items())
    if requests > 1 and 0 < rate < 1 and squares > 0:
        variance = requests / (requests - 1) * squares / events**2
        effective = rate * (1 - rate) / variance * _fewness(events, requests, alpha)
    else:
        effective = events**2 / sum(size**2 * count for (_, size), count in clusters.items())
    effective = min(effective, float(events))
    return Interval(rate, *clopper_pearson(rate * effective, effective, alpha), effective)


def _fewness(events: int, requests: int, alpha: float) -> float:
    """Return (t of the events / t of the requests)²; 1 for many, and not computed there."""
    if requests > 10_000:
        return 1.0
    few = student_quantile(1 - alpha, requests - 1)
    return (student_quantile(1 - alpha, max(1, events - 1)) / few) ** 2
