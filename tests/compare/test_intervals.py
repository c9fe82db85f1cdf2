"""Intervals for showing, against known values."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.judging.intervals import (
    beta_quantile,
    beta_share,
    clopper_pearson,
    clustered_interval,
    student_quantile,
    wilson,
)


@pytest.mark.parametrize(
    ("a", "b", "x", "share"),
    [
        (1, 1, 0.3, 0.3),
        (2, 3, 0.5, 0.6875),
        (3, 4, 0.15316111797524812, 0.05),
        (0.5, 0.5, 0.25, 1 / 3),  # the arc sine law: 2/π · asin(√x)
        (10, 1, 0.9, 0.9**10),
        (1, 10, 0.1, 1 - 0.9**10),
    ],
)
def test_the_incomplete_beta_function_is_the_known_one(
    a: float, b: float, x: float, share: float
) -> None:
    assert beta_share(a, b, x) == pytest.approx(share, rel=1e-12)


@settings(deadline=None, derandomize=True)
@given(n=st.integers(1, 60), k=st.integers(0, 59), p=st.floats(0.01, 0.99))
def test_it_is_the_upper_tail_of_the_binomial(n: int, k: int, p: float) -> None:
    k = min(k, n - 1)
    tail = math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k + 1, n + 1))
    assert beta_share(k + 1, n - k, p) == pytest.approx(tail, rel=1e-9, abs=1e-14)


@settings(deadline=None, derandomize=True)
@given(share=st.floats(0.001, 0.999), a=st.floats(0.5, 1e4), b=st.floats(0.5, 1e7))
def test_a_quantile_is_where_the_share_is(share: float, a: float, b: float) -> None:
    assert beta_share(a, b, beta_quantile(share, a, b)) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    ("bad", "n"), [(0, 29_956), (1, 47_437), (2, 62_956), (10, 169_619), (100, 1_180_784)]
)
def test_four_nines_at_a_fixed_sample_take_the_known_number(bad: int, n: int) -> None:
    assert clopper_pearson(bad, n, 0.10)[1] <= 1e-4 < clopper_pearson(bad, n - 1, 0.10)[1]


@pytest.mark.parametrize(
    ("bad", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (5, 100, 0.01643, 0.11283),
        (50, 100, 0.39832, 0.60168),
    ],
)
def test_clopper_pearson_is_the_known_one(bad: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(bad, n, 0.05) == pytest.approx((low, high), abs=1e-4)


def test_wilson_is_the_known_one_and_too_short_for_a_small_rate() -> None:
    assert wilson(5, 100, 1.959964) == pytest.approx((0.02154, 0.11175), abs=1e-5)
    assert wilson(0, 27_055, 1.644854)[1] <= 1e-4
    assert (1 - 1e-4) ** 27_055 > 0.066


def test_nothing_seen_leaves_everything_possible() -> None:
    assert clopper_pearson(0, 0, 0.05) == wilson(0, 0, 2.0) == (0.0, 1.0)
    empty = clustered_interval({}, 0.05)
    assert (empty.rate, empty.low, empty.high, empty.effective) == (0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.7062), (2, 4.3027), (10, 2.2281), (30, 2.0423), (1000, 1.9623)]
)
def test_students_quantile_is_the_known_one(freedom: int, t: float) -> None:
    assert student_quantile(0.95, freedom) == pytest.approx(t, abs=1e-4)


def test_single_events_are_as_good_as_independent() -> None:
    interval = clustered_interval({(0, 1): 990, (1, 1): 10}, 0.05)
    assert interval.effective == pytest.approx(1000, rel=2e-3)
    assert (interval.low, interval.high) == pytest.approx(clopper_pearson(10, 1000, 0.05), rel=3e-3)


def test_events_that_fail_together_count_as_one() -> None:
    together = clustered_interval({(0, 50): 190, (50, 50): 10}, 0.05)
    assert together.rate == pytest.approx(0.05)
    assert together.effective == pytest.approx(200, rel=0.02)
    alone = clopper_pearson(500, 10_000, 0.05)
    assert together.high - together.low > 5 * (alone[1] - alone[0])


def test_no_more_units_are_claimed_than_there_are_events() -> None:
    """Events of a request that take turns in failing say less than they seem to."""
    assert clustered_interval({(1, 2): 99, (0, 2): 1}, 0.05).effective == 200


def test_without_a_bad_event_each_request_is_taken_to_answer_as_one() -> None:
    assert clustered_interval({(0, 50): 200}, 0.05).effective == pytest.approx(200)
    assert clustered_interval({(50, 50): 200}, 0.05).low == pytest.approx(0.025 ** (1 / 200))


def test_the_clustered_interval_covers_where_the_plain_one_does_not() -> None:
    random, runs = Random(31), 200
    held = plain = 0
    for _ in range(runs):
        clusters: dict[tuple[int, int], int] = {}
        for _ in range(400):
            size = 20 if random.random() < 0.3 else 1
            bad = size if random.random() < (0.10 if size > 1 else 0.02) else 0
            clusters[bad, size] = clusters.get((bad, size), 0) + 1
        truth = (0.3 * 20 * 0.10 + 0.7 * 0.02) / (0.3 * 20 + 0.7)
        interval = clustered_interval(clusters, 0.05)
        held += interval.low <= truth <= interval.high
        events = sum(size * count for (_, size), count in clusters.items())
        low, high = clopper_pearson(interval.rate * events, events, 0.05)
        plain += low <= truth <= high
    assert held / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert plain / runs < 0.75
