"""The e-process: its formulas, its table, and what it promises, by simulation."""

import math
from collections.abc import Callable
from random import Random

import pytest

from compare.evidence import (
    LAMBDA,
    Finding,
    boundary,
    log_e_fail,
    log_e_pass,
    weigh,
    weigh_net,
)

ALPHA = 0.05
TABLE = [4.514, 6.854, 8.851, 10.686, 12.420, 14.084, 15.695, 17.264, 18.800, 20.308, 21.793]


def simpson(f: Callable[[float], float], low: float, high: float, steps: int = 20_000) -> float:
    width = (high - low) / steps
    inner = sum((4 if k % 2 else 2) * f(low + k * width) for k in range(1, steps))
    return (f(low) + inner + f(high)) * width / 3


@pytest.mark.parametrize("mismatches", [0, 1, 2, 5, 10])
@pytest.mark.parametrize("x", [0.3, 4.5, 12.0, 40.0])
def test_the_evidence_for_a_pass_is_the_integral(mismatches: int, x: float) -> None:
    integral = simpson(lambda u: u**mismatches * math.exp(x * (1 - u)), 0, 1)
    assert log_e_pass(mismatches, x) == pytest.approx(math.log(integral), abs=1e-9)


@pytest.mark.parametrize("mismatches", [0, 1, 2, 5, 10])
@pytest.mark.parametrize("x", [0.3, 4.5, 12.0])
def test_the_evidence_for_a_fail_is_the_integral(mismatches: int, x: float) -> None:
    def inside(v: float) -> float:
        return LAMBDA * (1 + v) ** mismatches * math.exp(-(x + LAMBDA) * v)

    integral = simpson(inside, 0, 150 / (x + LAMBDA), 60_000)
    assert log_e_fail(mismatches, x) == pytest.approx(math.log(integral), abs=1e-6)


def test_the_table_of_boundaries_is_frozen() -> None:
    assert [round(boundary(mismatches, ALPHA), 3) for mismatches in range(11)] == TABLE
    assert boundary(20, ALPHA) == pytest.approx(35.800, abs=5e-4)


def test_four_nines_take_45_140_clean_requests() -> None:
    assert weigh(45_139, 0, 1e-4, ALPHA, ALPHA).finding is Finding.UNDECIDED
    assert weigh(45_140, 0, 1e-4, ALPHA, ALPHA).finding is Finding.PASS
    assert weigh(40_000, 0, 1e-4, ALPHA, ALPHA).needs_clean == 5_140


def test_nothing_seen_is_undecided_with_everything_needed() -> None:
    evidence = weigh(0, 0, 1e-4, ALPHA, ALPHA)
    assert (evidence.finding, evidence.needs_clean, evidence.bound) == (
        Finding.UNDECIDED,
        45_140,
        1.0,
    )


def test_a_rate_far_above_the_limit_fails_soon() -> None:
    assert weigh(3_000, 3, 1e-4, ALPHA, ALPHA).finding is Finding.FAIL


def test_needs_at_the_present_rate_are_those_at_which_it_would_pass() -> None:
    evidence = weigh(60_000, 2, 1e-4, ALPHA, ALPHA)
    assert evidence.needs_clean == 28_514
    assert evidence.needs_at_rate is not None
    n = 60_000 + evidence.needs_at_rate
    expected = math.ceil(2 + evidence.needs_at_rate * 2.5 / 60_000)
    assert weigh(n, expected, 1e-4, ALPHA, ALPHA).finding is Finding.PASS
    assert evidence.needs_at_rate < 120_000


def test_at_a_rate_above_the_limit_it_will_never_pass() -> None:
    assert weigh(10_000, 1, 1e-4, ALPHA, ALPHA).needs_at_rate is None


def test_the_evidence_never_improves_with_a_mismatch() -> None:
    for n in (1_000, 50_000, 200_000):
        passes = [weigh(n, s, 1e-4, ALPHA, ALPHA).e_pass for s in range(30)]
        bounds = [weigh(n, s, 1e-4, ALPHA, ALPHA).bound for s in range(30)]
        assert passes == sorted(passes, reverse=True)
        assert bounds == sorted(bounds)


def false_passes(passes: Callable[[int, float], bool], runs: int, seed: int) -> float:
    """Return how often a candidate whose rate is just the limit passes at one look or another.

    Between mismatches the evidence only grows, so looking at every unit is looking just before
    each mismatch; gaps between rare mismatches are exponential, with x = n·p0 as the time.
    """
    random, wrong = Random(seed), 0
    for _ in range(runs):
        x, mismatches = 0.0, 0
        while x < 60:
            x += random.expovariate(1.0)
            if passes(mismatches, x):
                wrong += 1
                break
            mismatches += 1
    return wrong / runs


def fixed_bound_passes(mismatches: int, x: float) -> bool:
    """Say whether the fixed-sample (Poisson, Clopper-Pearson) bound is below the limit."""
    term = total = math.exp(-x)
    for k in range(1, mismatches + 1):
        term *= x / k
        total += term
    return total <= ALPHA


def test_looking_all_the_time_gives_a_false_pass_in_one_of_twenty_at_most() -> None:
    runs = 20_000
    rate = false_passes(lambda s, x: x >= boundary(s, ALPHA), runs, seed=11)
    assert rate <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert rate > 0.02  # it is no trivial test that never passes


def test_a_fixed_sample_bound_looked_at_all_the_time_breaks_its_promise() -> None:
    assert false_passes(fixed_bound_passes, 4_000, seed=11) > 0.15


def test_looking_all_the_time_gives_a_false_fail_in_one_of_twenty_at_most() -> None:
    random, wrong, runs = Random(13), 0, 4_000
    limit = math.log(1 / ALPHA)
    for _ in range(runs):
        x = 0.0
        for mismatches in range(1, 40):
            x += random.expovariate(1.0)
            if log_e_fail(mismatches, x) >= limit:
                wrong += 1
                break
    assert wrong / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_equal_windows_pass_after_a_while_and_not_before() -> None:
    assert weigh_net([0] * 40, 0.10, ALPHA, ALPHA)[0] is Finding.UNDECIDED
    assert weigh_net([0] * 44, 0.10, ALPHA, ALPHA)[0] is Finding.PASS


def test_worse_windows_fail_soon() -> None:
    assert weigh_net([1] * 8, 0.10, ALPHA, ALPHA)[0] is Finding.FAIL


def test_windows_at_the_limit_rarely_pass() -> None:
    random, wrong, runs = Random(17), 0, 400
    for _ in range(runs):
        windows = [1 if random.random() < 0.10 else 0 for _ in range(200)]
        looks = range(20, 200, 20)
        wrong += any(weigh_net(windows[:n], 0.10, ALPHA, ALPHA)[0] is Finding.PASS for n in looks)
    assert wrong / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
