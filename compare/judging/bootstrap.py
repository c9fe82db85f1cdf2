"""Quantiles of a whole run with intervals that allow for pauses. To be shown; no gate.

Requests within one pause are not independent, so windows are drawn again, not requests, and the
same ones for both sides: a block bootstrap, paired (Künsch, Ann. Statist. 17, 1989; percentile
interval: Efron, 1979). A run too short to hold a pause shows none: no bootstrap can know better.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import mul
from random import Random

from compare.judging.latency import Histogram, Window

RESAMPLES = 200
BLOCKS = 128
"""Windows beyond this many are joined to their neighbours: cost is bounded, and independence
gains."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure and the two ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PooledQuantile:
    """One quantile over the whole run: seconds, infinite where it falls among the unanswered."""

    quantile: float
    legacy: Spread
    candidate: Spread
    ratio: Spread
    """Candidate over legacy; 1 when they are the same, be it zero or infinite."""


def pooled_intervals(
    windows: Sequence[Window], quantiles: Sequence[float], seed: int, resamples: int = RESAMPLES
) -> tuple[PooledQuantile, ...]:
    """Return the pooled quantiles of both sides with block-bootstrap intervals.

    The same *seed* gives the same intervals. No windows give nothing. The time it takes does not
    grow with the run beyond 128 blocks, but for reading each histogram once.
    """
    blocks = _blocks(windows)
    if not blocks:
        return ()
    legacy = _Side([(block.legacy, block.legacy_unanswered) for block in blocks])
    candidate = _Side([(block.candidate, block.unanswered) for block in blocks])
    draws = list(_draws(len(blocks), resamples, seed))
    return tuple(_pooled(share, legacy, candidate, draws) for share in quantiles)


def _blocks(windows: Sequence[Window]) -> list[Window]:
    length = max(1, math.ceil(len(windows) / BLOCKS))
    blocks = []
    for start in range(0, len(windows), length):
        block = Window()
        for window in windows[start : start + length]:
            block.merge(window)
        blocks.append(block)
    return blocks


def _draws(blocks: int, resamples: int, seed: int) -> Iterator[list[int]]:
    """Yield how often each block is drawn: first each once, which is the run itself."""
    random, every = Random(seed), range(blocks)
    yield [1] * blocks
    for _ in range(resamples):
        drawn = [0] * blocks
        for block in random.choices(every, k=blocks):
            drawn[block] += 1
        yield drawn


class _Side:
    """The blocks of one side, made for many quantiles of many weightings.

    A weighted sum of the histograms is never formed: the quantile is searched for among the
    durations that occur, and each step asks every block for how many it has up to there.
    """

    def __init__(self, blocks: list[tuple[Histogram, int]]) -> None:
        counts = [histogram.counts() for histogram, _ in blocks]
        self._durations = [[duration for duration, _ in one] for one in counts]
        self._up_to = [list(accumulate((n for _, n in one), initial=0)) for one in counts]
        self._sizes = [histogram.total + unanswered for histogram, unanswered in blocks]
        self._all = sorted(set(chain.from_iterable(self._durations)))
        self._columns: dict[float, list[int]] = {}

    def quantile(self, share: float, drawn: list[int]) -> float:
        """Return the quantile when each block counts as often as it was *drawn*."""
        size = sum(map(mul, drawn, self._sizes))
        wanted = share * size - 1e-9
        if not size:
            return 0.0
        low, high = 0, len(self._all)
        while low < high:
            middle = (low + high) // 2
            if sum(map(mul, drawn, self._column(self._all[middle]))) >= wanted:
                high = middle
            else:
                low = middle + 1
        return self._all[low] if low < len(self._all) else math.inf

    def _column(self, duration: float) -> list[int]:
        """Return how many of each block took at most *duration*."""
        if duration not in self._columns:
            self._columns[duration] = [
                up_to[bisect_right(durations, duration)]
                for durations, up_to in zip(self._durations, self._up_to, strict=True)
            ]
        return self._columns[duration]


def _pooled(
    share: float, legacy: _Side, candidate: _Side, draws: list[list[int]]
) -> PooledQuantile:
    ours = [legacy.quantile(share, drawn) for drawn in draws]
    theirs = [candidate.quantile(share, drawn) for drawn in draws]
    return PooledQuantile(
        quantile=share,
        legacy=_spread(ours),
        candidate=_spread(theirs),
        ratio=_spread(list(map(_ratio, theirs, ours))),
    )


def _ratio(theirs: float, ours: float) -> float:
    if theirs == ours:
        return 1.0
    return theirs / ours if ours else math.inf


def _spread(figures: list[float]) -> Spread:
    """Return the first figure, the run's own, with the percentiles of the others."""
    drawn = sorted(figures[1:]) or figures
    cut = int((1 - LEVEL) / 2 * len(drawn))
    return Spread(figures[0], drawn[cut], drawn[len(drawn) - 1 - cut])
