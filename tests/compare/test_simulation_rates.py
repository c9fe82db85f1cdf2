"""What the rate gate promises, by simulation: looked at after every unit, it is seldom wrong.

Between two mismatches the evidence for a PASS only grows, and that for a FAIL only falls. So a
gate that is looked at all the time is decided just before a mismatch, or just after one, and only
the gaps between mismatches need drawing. Gaps of rare mismatches are exponential in x = n·p0.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate, count
from random import Random

from compare.judging.evidence import boundary, exchangeable, fail_boundary, log_e_pass
from compare.judging.intervals import beta_share, wilson

ALPHA = 0.05
RUNS = 20_000
END = 200.0
"""n·p0 at which a run is given up: at p0 = 1e-4, two million units."""
TOLERANCE = 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)
Looks = Iterator[tuple[float, float]]
"""Looks just before each mismatch: (S, x)."""


@cache
def passing(mismatches: float) -> float:
    return boundary(mismatches, ALPHA)


@cache
def failing(mismatches: float) -> float:
    return fail_boundary(mismatches, ALPHA)


def share_passed(
    looks: Callable[[Random], Looks], needed: Callable[[float], float], runs: int, seed: int
) -> float:
    """Return the share of runs that pass at one look or another, up to ``END``."""
    random, passed = Random(seed), 0
    for _ in range(runs):
        for mismatches, x in looks(random):
            if x >= needed(mismatches):
                passed += 1
                break
            if x > END:
                break
    return passed / runs


def steady(random: Random) -> Looks:
    """A rate that is just p0."""
    x = 0.0
    for mismatches in count():
        x += random.expovariate(1.0)
        yield mismatches, x


def drifting(random: Random) -> Looks:
    """Twice p0 up to x = 10, half of it up to 30, then p0: its running average is at least p0."""
    hazard = 0.0
    for mismatches in count():
        hazard += random.expovariate(1.0)
        yield mismatches, _when(hazard)


def _when(hazard: float) -> float:
    """Return the x by which so much of the drifting rate has come: 20 by 10, 30 by 30."""
    if hazard < 20:
        return hazard / 2
    return 2 * hazard - 30 if hazard < 30 else hazard


def coarse(random: Random) -> Looks:
    """Bernoulli units at p0 = 0.01: gaps are geometric, and x is that of the unit before."""
    n = 0
    for mismatches in count():
        n += math.ceil(math.log(1 - random.random()) / math.log1p(-0.01)) or 1
        yield mismatches, (n - 1) * 0.01


LARGEST = 50


def batches(random: Random) -> Iterator[tuple[float, float]]:
    """Bad and all events just before each bad request, times p0, when big requests alone are bad.

    5 % of requests hold 50 events, 95 % one; a bad request is a big one, and all its events are
    bad. The rate of bad events is p0 = 1e-4.
    """
    events_per_big = LARGEST + 19
    big_per_bad = LARGEST / (1e-4 * events_per_big)
    bad = events = 0.0
    while True:
        big = int(random.expovariate(1 / big_per_bad))
        small = max(0.0, random.gauss(19 * big, math.sqrt(380 * big)))
        events += LARGEST * big + small
        yield bad, events * 1e-4
        bad += LARGEST
        events += LARGEST


def clustered(random: Random) -> Looks:
    return ((bad / LARGEST, x / LARGEST) for bad, x in batches(random))


def partly(random: Random) -> Looks:
    """The same in the cluster form, when a bad request has 1 to 50 bad events: S is not whole."""
    x, bad = 0.0, 0
    while True:
        x += random.expovariate(1.0) * 25.5 / LARGEST
        yield bad / LARGEST, x
        bad += random.randint(1, LARGEST)


@cache
def clopper_pearson_passes(mismatches: float) -> float:
    """Return n·p0 from which the fixed-sample 95 % upper bound is at most p0 = 1e-4."""

    def chance(x: float) -> float:
        return 1 - beta_share(mismatches + 1, x * 1e4 - mismatches, 1e-4)

    low, high = float(mismatches), 3 * mismatches + 10.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > ALPHA else (low, middle)
    return high


@cache
def wilson_passes(mismatches: float) -> float:
    low, high = float(mismatches), 3 * mismatches + 10.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        above = wilson(mismatches, middle * 1e4, 1.6448536)[1] > 1e-4
        low, high = (middle, high) if above else (low, middle)
    return high


def test_a_rate_at_the_limit_passes_in_one_run_of_twenty_at_most() -> None:
    rate = share_passed(steady, passing, RUNS, seed=11)
    assert 0.03 < rate <= ALPHA + TOLERANCE


def test_a_drifting_rate_passes_in_one_run_of_twenty_at_most() -> None:
    assert 0 < share_passed(drifting, passing, RUNS, seed=12) <= ALPHA + TOLERANCE


def test_a_coarse_limit_is_kept_as_well() -> None:
    assert 0.03 < share_passed(coarse, passing, RUNS, seed=13) <= ALPHA + TOLERANCE


def test_events_of_big_bad_requests_pass_in_one_run_of_twenty_at_most() -> None:
    assert 0 < share_passed(clustered, passing, RUNS, seed=14) <= ALPHA + TOLERANCE


def test_requests_that_are_partly_bad_pass_in_one_run_of_twenty_at_most() -> None:
    assert 0 < share_passed(partly, passing, RUNS, seed=15) <= ALPHA + TOLERANCE


def test_taking_events_of_a_request_as_independent_breaks_the_promise() -> None:
    before_the_first_bad_one = math.exp(-passing(0) / LARGEST)
    assert round(before_the_first_bad_one, 2) == 0.91
    assert share_passed(batches, passing, 2_000, seed=14) > 0.89


def test_fixed_sample_bounds_looked_at_all_the_time_break_the_promise() -> None:
    """The test that shows that the tests above can fail."""
    assert 0.28 < share_passed(steady, clopper_pearson_passes, 4_000, seed=11) < 0.38
    assert 0.28 < share_passed(steady, wilson_passes, 4_000, seed=11) < 0.40


def test_a_fixed_sample_bound_breaks_it_more_under_a_drift() -> None:
    assert share_passed(drifting, clopper_pearson_passes, 4_000, seed=12) > ALPHA + 3 * 0.0035


def test_a_rate_at_the_limit_fails_in_one_run_of_twenty_at_most() -> None:
    random, failed = Random(16), 0
    for _ in range(RUNS):
        gaps = accumulate(random.expovariate(1.0) for _ in range(int(END)))
        failed += any(x <= failing(mismatches) for mismatches, x in enumerate(gaps, 1))
    assert 0.015 < failed / RUNS <= ALPHA + TOLERANCE


def test_partly_bad_requests_at_the_limit_fail_in_one_run_of_twenty_at_most() -> None:
    random, failed, runs = Random(17), 0, 5_000
    for _ in range(runs):
        x, bad = 0.0, 0
        while x < 60:
            x += random.expovariate(1.0) * 25.5 / LARGEST
            bad += random.randint(1, LARGEST)
            if x <= failing(bad / LARGEST):
                failed += 1
                break
    assert 0 < failed / runs <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_a_tenth_of_the_limit_passes_nearly_always_and_ten_times_it_fails() -> None:
    random = Random(19)
    for rate, needed in ((0.1, 0.99), (10.0, 0.99)):
        right = 0
        for _ in range(500):
            gaps = list(accumulate(random.expovariate(rate) for _ in range(40)))
            if rate < 1:
                right += any(x >= passing(s) for s, x in enumerate(gaps))
            else:
                right += any(x <= failing(s) for s, x in enumerate(gaps, 1))
        assert right / 500 >= needed


def test_exchangeable_sides_are_flagged_in_one_field_of_twenty_at_most() -> None:
    random, flagged = Random(20), 0
    evidence = [[exchangeable(b, n - b) for b in range(n + 1)] for n in range(301)]
    threshold = math.log(1 / ALPHA)
    for _ in range(RUNS):
        bits, b = random.getrandbits(300), 0
        for n in range(1, 301):
            b += bits & 1
            bits >>= 1
            if evidence[n][b] >= threshold:
                flagged += 1
                break
    assert 0.02 < flagged / RUNS <= ALPHA + TOLERANCE


def test_evidence_at_the_limit_does_not_grow_on_average() -> None:
    """E has mean 1 at most at any one look, which is what makes it evidence."""
    random, runs, total = Random(21), 20_000, 0.0
    for _ in range(runs):
        x, mismatches = random.expovariate(1.0), 0
        while x < 5:
            mismatches += 1
            x += random.expovariate(1.0)
        total += math.exp(log_e_pass(mismatches, 5.0))
    assert 0.9 < total / runs < 1.1
