"""The e-process: its formulas and its tables. What it promises: test_simulation_*.py."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.judging.evidence import (
    LAMBDA,
    Finding,
    boundary,
    exchangeable,
    fail_boundary,
    found,
    log_e_fail,
    log_e_pass,
    spent,
    weigh,
    weigh_net,
)
from compare.judging.gamma import lower, upper

ALPHA = 0.05
TABLE = [4.514, 6.854, 8.851, 10.686, 12.420, 14.084, 15.695, 17.264, 18.800, 20.308, 21.793]


def simpson(f: Callable[[float], float], low: float, high: float, steps: int = 20_000) -> float:
    width = (high - low) / steps
    inner = math.fsum((4 if k % 2 else 2) * f(low + k * width) for k in range(1, steps))
    return (f(low) + inner + f(high)) * width / 3


# u^S has no smooth derivatives at 0 for a small S that is not whole, so Simpson needs S >= 4 there.
@pytest.mark.parametrize("mismatches", [0, 1, 2, 5, 10, 4.5, 7.02, 30.98])
@pytest.mark.parametrize("x", [0.3, 4.5, 12.0, 40.0])
def test_the_evidence_for_a_pass_is_the_integral(mismatches: float, x: float) -> None:
    integral = simpson(lambda u: u**mismatches * math.exp(x * (1 - u)), 0, 1, 4_000)
    assert log_e_pass(mismatches, x) == pytest.approx(math.log(integral), abs=1e-9)


@pytest.mark.parametrize("mismatches", [0, 1, 2, 5, 10, 0.02, 2.5, 30.98])
@pytest.mark.parametrize("x", [0.3, 4.5, 12.0])
def test_the_evidence_for_a_fail_is_the_integral(mismatches: float, x: float) -> None:
    def inside(v: float) -> float:
        return LAMBDA * math.pow(1 + v, mismatches) * math.exp(-(x + LAMBDA) * v)

    integral = simpson(inside, 0, (60 + 4 * mismatches) / (x + LAMBDA), 20_000)
    assert log_e_fail(mismatches, x) == pytest.approx(math.log(integral), abs=1e-9)


@pytest.mark.parametrize("mismatches", [50_000, 50_000.5, 1_000_000])
@pytest.mark.parametrize("ratio", [0.98, 1.0, 1.001, 1.02, 5.0])
def test_a_great_many_mismatches_are_weighed_as_exactly(mismatches: float, ratio: float) -> None:
    x = ratio * mismatches
    top = min(1.0, mismatches / x)
    peak = mismatches * math.log(top) + x * (1 - top)
    slope, bend = abs(mismatches - x * top) / top, mismatches / top**2
    width = 80 / (slope + math.sqrt(slope**2 + 80 * bend))
    integral = simpson(
        lambda u: math.exp(mismatches * math.log(u) + x * (1 - u) - peak),
        max(1e-12, top - width),
        min(1.0, top + width),
        4_000,
    )
    expected = math.log(integral) + peak
    assert log_e_pass(mismatches, x) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(deadline=None, derandomize=True)
@given(mismatches=st.floats(0, 1e6), x=st.floats(0.01, 1e9))
def test_both_halves_of_the_integral_make_the_whole(mismatches: float, x: float) -> None:
    """γ(a, x) + Γ(a, x) = Γ(a)."""
    a = mismatches + 1
    halves = sorted((lower(a, x), upper(a, x)))
    whole = halves[1] + math.log1p(math.exp(halves[0] - halves[1]))
    expected = x - a * math.log(x) + math.lgamma(a)
    assert whole == pytest.approx(expected, rel=1e-9, abs=1e-7 + 1e-14 * (x + a * math.log(a + x)))


@pytest.mark.parametrize("a", [999.0, 999.999, 999.5])
@pytest.mark.parametrize("ratio", [0.5, 0.9, 0.99, 1.0, 1.01, 1.1, 2.0])
def test_the_two_ways_to_the_integral_meet(a: float, ratio: float) -> None:
    """γ(a+1, x) = a γ(a, x) - xᵃ e⁻ˣ, and Γ likewise: the change lies between a and a + 1."""
    x = a * ratio
    below = (a * math.exp(lower(a, x)) - 1) / x
    above = (a * math.exp(upper(a, x)) + 1) / x
    # The recurrence for the lower half loses digits where its two terms are nearly the same.
    assert math.exp(lower(a + 1, x)) == pytest.approx(below, rel=1e-9)
    assert math.exp(upper(a + 1, x)) == pytest.approx(above, rel=1e-9)


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


FAIL_TABLE = {2: 0.048, 3: 0.342, 4: 0.694, 5: 1.090, 10: 3.509, 15: 6.374}


def test_the_table_of_fail_boundaries_is_frozen() -> None:
    got = {mismatches: fail_boundary(mismatches, 0.05) for mismatches in FAIL_TABLE}
    assert got == pytest.approx(FAIL_TABLE, abs=6e-4)
    assert [round(fail_boundary(s, 0.01), 2) for s in (3, 5, 10, 20)] == [0.11, 0.70, 2.78, 8.26]


def test_one_mismatch_never_fails_by_itself() -> None:
    assert fail_boundary(1, 0.05) < 0
    assert found(1, 1, 1e-9, ALPHA, ALPHA) is Finding.UNDECIDED


@pytest.mark.parametrize(
    ("alpha", "clean"), [(0.10, 3.61), (0.025, 5.38), (0.01, 6.47), (0.001, 9.12)]
)
def test_what_a_clean_run_takes_at_other_risks_is_frozen(alpha: float, clean: float) -> None:
    assert boundary(0, alpha) == pytest.approx(clean, abs=6e-3)


@settings(deadline=None, derandomize=True)
@given(
    mismatches=st.floats(0, 1e6),
    risk=st.sampled_from([0.2, 0.05, 0.01, 1e-4, 1e-9]),
    side=st.booleans(),
)
def test_a_boundary_is_where_the_evidence_crosses(
    mismatches: float, risk: float, side: bool
) -> None:
    target = math.log(1 / risk)
    if side:
        x = boundary(mismatches, risk)
        just, under = log_e_pass(mismatches, x), log_e_pass(mismatches, x * (1 - 1e-6))
    else:
        x = fail_boundary(mismatches, risk)
        if x < 1e-6:
            return
        just, under = log_e_fail(mismatches, x), log_e_fail(mismatches, x * (1 + 1e-6))
    assert just == pytest.approx(target, abs=1e-8)
    assert under < target


@pytest.mark.parametrize("n", [10_000, 90_000, 400_000])
@pytest.mark.parametrize("mismatches", [0, 0.5, 1, 3, 17.98, 40, 200])
def test_the_finding_by_boundaries_is_that_of_the_evidence(n: int, mismatches: float) -> None:
    evidence = weigh(n, mismatches, 1e-4, ALPHA, ALPHA)
    threshold = math.log(1 / ALPHA)
    by_weight = Finding.UNDECIDED
    if evidence.e_pass >= threshold:
        by_weight = Finding.PASS
    elif evidence.e_fail >= threshold:
        by_weight = Finding.FAIL
    assert evidence.finding is by_weight is found(n, mismatches, 1e-4, ALPHA, ALPHA)


def test_part_of_a_mismatch_is_evidence_between_none_and_one() -> None:
    fails = [log_e_fail(tenth / 10, 1.0) for tenth in range(31)]
    passes = [log_e_pass(tenth / 10, 5.0) for tenth in range(31)]
    assert fails == sorted(set(fails))
    assert passes == sorted(set(passes), reverse=True)


def test_a_billion_units_with_a_million_mismatches_are_weighed() -> None:
    evidence = weigh(10**9, 10**6, 1.01e-3, ALPHA, ALPHA)
    assert evidence.finding is Finding.PASS
    assert 1e-3 < evidence.bound < 1.01e-3
    assert weigh(10**9, 10**6, 0.99e-3, ALPHA, ALPHA).finding is Finding.FAIL
    close = weigh(10**9, 998_000, 1e-3, ALPHA, ALPHA)
    assert close.finding is Finding.UNDECIDED
    assert close.needs_at_rate is not None


def test_repeated_looks_take_the_boundaries_from_memory() -> None:
    boundary.cache_clear()
    fail_boundary.cache_clear()
    for n in range(1_000, 3_000):
        found(n, 1, 1e-4, ALPHA, ALPHA)
    assert boundary.cache_info().misses == fail_boundary.cache_info().misses == 1


def test_what_all_attempts_spend_is_the_risk_of_one() -> None:
    assert [round(spent(0.05, attempt), 4) for attempt in (1, 2, 3)] == [0.025, 0.0083, 0.0042]
    assert sum(spent(0.05, attempt) for attempt in range(1, 10_000)) == pytest.approx(
        0.05, rel=2e-4
    )


def test_later_attempts_take_longer_clean_runs() -> None:
    clean = [weigh(0, 0, 1e-4, spent(0.05, attempt), 0.05).needs_clean for attempt in (1, 2, 3)]
    assert clean == [53_754, 66_893, 74_955]


def test_there_is_no_attempt_number_zero() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        spent(0.05, 0)


@pytest.mark.parametrize(
    ("b", "c", "e"), [(8, 0, 28.4), (10, 0, 93.1), (20, 5, 24.3), (60, 40, 0.9), (0, 0, 1.0)]
)
def test_the_evidence_against_exchangeable_sides_is_the_known_one(b: int, c: int, e: float) -> None:
    assert math.exp(exchangeable(b, c)) == pytest.approx(e, rel=0.02)
    assert exchangeable(b, c) == pytest.approx(exchangeable(c, b))


def test_equal_windows_pass_after_a_while_and_not_before() -> None:
    first = next(n for n in range(200) if passes_net([0] * n))
    assert first == 44


def passes_net(signs: list[int]) -> bool:
    return weigh_net(signs, 0.10, ALPHA, ALPHA)[0] is Finding.PASS


def test_worse_windows_fail_soon() -> None:
    assert weigh_net([1] * 4, 0.10, ALPHA, ALPHA)[0] is Finding.UNDECIDED
    assert weigh_net([1] * 8, 0.10, ALPHA, ALPHA)[0] is Finding.FAIL


@settings(deadline=None, derandomize=True)
@given(signs=st.lists(st.sampled_from([-1, 0, 1]), max_size=60))
def test_the_net_evidence_is_the_mean_of_the_products(signs: list[int]) -> None:
    def wealth(side: int, most: float) -> float:
        bets = [step / 21 / most for step in range(1, 21)]
        return sum(math.prod(1 + bet * side * (d - 0.1) for d in signs) for bet in bets) / 20

    _, for_pass, for_fail = weigh_net(signs, 0.10, ALPHA, ALPHA)
    assert math.exp(for_pass) == pytest.approx(wealth(-1, 0.9), rel=1e-9)
    assert math.exp(for_fail) == pytest.approx(wealth(1, 1.1), rel=1e-9)
