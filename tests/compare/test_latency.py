"""Durations in windows."""

import math
from collections.abc import Sequence
from itertools import permutations
from random import Random

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.judging.latency import (
    Histogram,
    Window,
    Windows,
    slow_windows,
    usable_quantiles,
    worse_windows,
)


def histogram(values: Sequence[float]) -> Histogram:
    filled = Histogram()
    for value in values:
        filled.add(value)
    return filled


def test_quantiles_agree_with_hdrhistogram_within_its_own_precision() -> None:
    random = Random(1)
    values = [random.lognormvariate(-6, 1) for _ in range(20_000)]
    ours, theirs = histogram(values), HdrHistogram(1, 60_000_000, 3)
    for value in values:
        theirs.record_value(int(value * 1e6))
    for share in (0.5, 0.9, 0.99, 0.999):
        expected = theirs.get_value_at_percentile(share * 100) / 1e6
        assert ours.quantile(share) == pytest.approx(expected, rel=0.002, abs=2e-6)


def test_merging_is_counting_together() -> None:
    random = Random(2)
    parts = [[random.expovariate(100) for _ in range(500)] for _ in range(4)]
    merged = Histogram()
    for part in parts:
        merged.merge(histogram(part))
    whole = histogram([value for part in parts for value in part])
    assert merged.total == whole.total
    assert merged.most == whole.most
    assert all(merged.quantile(q / 100) == whole.quantile(q / 100) for q in range(1, 100))


durations = st.lists(st.floats(0, 120), max_size=30)


@settings(deadline=None, derandomize=True)
@given(parts=st.tuples(durations, durations, durations))
def test_the_order_and_the_grouping_of_merges_do_not_matter(
    parts: tuple[list[float], list[float], list[float]],
) -> None:
    whole = seen(histogram([value for part in parts for value in part]))
    for a, b, c in permutations(parts):
        left, right = histogram(a), histogram(b)
        left.merge(histogram(b))
        left.merge(histogram(c))
        right.merge(histogram(c))
        outer = histogram(a)
        outer.merge(right)
        assert seen(left) == seen(outer) == whole


def seen(one: Histogram) -> tuple[list[tuple[float, int]], int, float]:
    return one.counts(), one.total, one.most


@settings(deadline=None, derandomize=True)
@given(values=durations)
def test_merging_with_nothing_changes_nothing(values: list[float]) -> None:
    filled, empty = histogram(values), Histogram()
    filled.merge(Histogram())
    empty.merge(histogram(values))
    assert seen(filled) == seen(empty) == seen(histogram(values))


@settings(deadline=None, derandomize=True)
@given(values=st.lists(st.floats(0, 59), min_size=1, max_size=30))
def test_each_duration_is_kept_to_a_thousandth_and_never_made_longer(values: list[float]) -> None:
    kept = [length for length, n in histogram(values).counts() for _ in range(n)]
    for value, length in zip(sorted(values), kept, strict=True):
        assert value - max(value / 1000, 1e-6) - 1e-9 <= length <= value


@pytest.mark.parametrize("before", [-0.5, -1e9, -math.inf])
def test_a_duration_below_zero_counts_as_none(before: float) -> None:
    assert histogram([before]).counts() == [(0.0, 1)]


@pytest.mark.parametrize("after", [60.0, 1e9, math.inf])
def test_a_duration_without_end_counts_as_the_longest(after: float) -> None:
    ((length, count),) = histogram([after]).counts()
    assert length == pytest.approx(60, rel=0.001)
    assert count == 1


def test_an_empty_histogram_has_quantile_zero() -> None:
    assert Histogram().quantile(0.99) == 0.0


def test_what_takes_longer_than_a_minute_is_counted_as_a_minute() -> None:
    assert histogram([3600.0]).quantile(0.5) == pytest.approx(60, rel=0.001)


def windows(each: list[tuple[float, float | None]], count: int) -> Windows:
    filled = Windows(1.0)
    for number in range(count):
        for place, (legacy, candidate) in enumerate(each):
            filled.add(100 + number + place / 1000, legacy, candidate)
    return filled


def test_the_first_and_the_last_window_are_left_out() -> None:
    assert len(windows([(0.01, 0.01)], 10).whole()) == 8


def test_no_answer_is_as_bad_as_a_slow_one() -> None:
    fine: list[tuple[float, float | None]] = [(0.01, 0.01)] * 99
    for odd in (0.2, None):
        bad = slow_windows(windows([*fine, (0.01, odd)], 3).whole(), 0.1, 0.999)
        assert list(bad) == [True]
    assert list(slow_windows(windows(fine, 3).whole(), 0.1, 0.999)) == [False]


def test_windows_too_thin_for_a_quantile_drop_it() -> None:
    whole = windows([(0.01, 0.01)] * 250, 5).whole()
    assert usable_quantiles(whole, [0.5, 0.9, 0.99]) == [0.5, 0.9]


@pytest.mark.parametrize(
    ("legacy", "candidate", "sign"),
    [(0.010, 0.010, 0), (0.010, 0.020, 1), (0.020, 0.010, -1), (0.001, 0.002, 0), (0.1, 0.105, 0)],
)
def test_worse_means_beyond_the_ratio_and_the_slack(
    legacy: float, candidate: float, sign: int
) -> None:
    window = Window(histogram([legacy] * 100), histogram([candidate] * 100))
    assert list(worse_windows([window], 0.5, 1.1, 0.002)) == [sign]


def test_merged_windows_are_as_if_counted_in_one_place() -> None:
    one, other = windows([(0.01, 0.02)], 4), windows([(0.03, None)], 6)
    one.merge(other)
    pool = one.pooled()
    assert (pool.legacy.total, pool.candidate.total, pool.unanswered) == (10, 4, 6)
