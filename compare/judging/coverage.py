"""What traffic was seen, and how much there is that was not.

The gate speaks about the traffic that was there. How much of tomorrow's is of a class that no
request had yet: that is the unseen mass, which Good and Turing estimate by the share of requests
whose class was seen once (Good, Biometrika 40, 1953).
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

LEAST = 30
"""Requests that a value of a dimension needs to count as covered."""
DELTA = 0.05
"""Chance that the unseen mass lies above its bound."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one dimension, and how often it came."""

    dimension: str
    value: str
    count: int
    covered: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well the traffic seen stands for the traffic to come."""

    classes: int
    """Classes of input that came at least once."""
    singletons: int
    """Classes that came once."""
    unseen: float
    """Estimated share of future requests whose class was not seen; 1 when nothing was seen."""
    unseen_bound: float
    """Upper bound of that share, with 95 % confidence, if requests come independently."""
    thin: tuple[tuple[str, str, int], ...]
    """(dimension, value, count) that came too seldom, or not at all: the uncovered ones."""


def coverage(
    classes: Mapping[tuple[str, ...], int],
    dimensions: Sequence[str],
    least: int = LEAST,
    expected: Mapping[str, Collection[str]] | None = None,
) -> Coverage:
    """Return how well *classes* covers the traffic.

    A class is one value for each of *dimensions* (endpoint, library, content type, ...); the
    mapping counts requests by class. A value of *expected*, by dimension, that never came is thin
    with a count of 0. Raises ``ValueError`` when a class has another number of values.
    """
    table = values(classes, dimensions, least, expected)
    singletons = sum(count == 1 for count in classes.values())
    requests = sum(classes.values())
    return Coverage(
        classes=sum(count > 0 for count in classes.values()),
        singletons=singletons,
        unseen=singletons / requests if requests else 1.0,
        unseen_bound=unseen_bound(singletons, requests),
        thin=tuple((one.dimension, one.value, one.count) for one in table if not one.covered),
    )


def values(
    classes: Mapping[tuple[str, ...], int],
    dimensions: Sequence[str],
    least: int = LEAST,
    expected: Mapping[str, Collection[str]] | None = None,
) -> tuple[Value, ...]:
    """Return every value of every dimension: dimensions as given, the most frequent value first."""
    counts: dict[str, Counter[str]] = {
        dimension: Counter(dict.fromkeys((expected or {}).get(dimension, ()), 0))
        for dimension in dimensions
    }
    for one, count in classes.items():
        for dimension, value in zip(dimensions, one, strict=True):
            counts[dimension][value] += count
    return tuple(
        Value(dimension, value, count, count >= least)
        for dimension, seen in counts.items()
        for value, count in sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def unseen_bound(singletons: int, requests: int, delta: float = DELTA) -> float:
    """Return the share that the unseen mass exceeds with a chance of *delta* at most.

    ``N1/n + (1 + √2) √(ln(2/delta)/n)``: the missing mass is above its mean by ε with at most
    e^(-nε²) (Berend and Kontorovich, Electron. Commun. Probab. 18, 2013), its mean is at most
    that of N1/n, and N1/n is below its own by ε with at most e^(-nε²/2), since one request moves
    it by 2/n at most (McAllester and Schapire, COLT 2000); each gets half of delta. For
    independent requests.
    """
    if not requests:
        return 1.0
    spread = (1 + math.sqrt(2)) * math.sqrt(math.log(2 / delta) / requests)
    return min(1.0, singletons / requests + spread)
