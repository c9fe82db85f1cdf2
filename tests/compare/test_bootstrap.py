"""Pooled quantiles and their intervals."""

import math
from random import Random

import pytest

from compare.judging.bootstrap import BLOCKS, pooled_intervals
from compare.judging.latency import QUANTILES, Window, Windows


def window(legacy: list[float], candidate: list[float], unanswered: int = 0) -> Window:
    made = Window(unanswered=unanswered)
    for value in legacy:
        made.legacy.add(value)
    for value in candidate:
        made.candidate.add(value)
    return made


def noisy(count: int, slower: float, seed: int, requests: int = 100) -> list[Window]:
    random = Random(seed)
    made = []
    for _ in range(count):
        load = random.lognormvariate(0, 0.5)  # shared by both sides
        times = [random.lognormvariate(-5, 0.3) * load for _ in range(requests)]
        made.append(window(times, [slower * t * random.lognormvariate(0, 0.05) for t in times]))
    return made


def test_the_figures_are_those_of_the_whole_run() -> None:
    windows, pool = noisy(40, 1.2, 1), Window()
    for one in windows:
        pool.merge(one)
    for pooled in pooled_intervals(windows, QUANTILES, seed=1):
        assert pooled.legacy.value == pool.legacy.quantile(pooled.quantile)
        assert pooled.candidate.value == pool.candidate.quantile(pooled.quantile)
        assert pooled.ratio.value == pooled.candidate.value / pooled.legacy.value


def test_an_interval_lies_around_its_figure() -> None:
    for pooled in pooled_intervals(noisy(40, 1.2, 2), QUANTILES, seed=1):
        for spread in (pooled.legacy, pooled.candidate, pooled.ratio):
            assert spread.low <= spread.value <= spread.high
            assert spread.low < spread.high


def test_pairing_makes_the_ratio_far_surer_than_either_side() -> None:
    (median,) = pooled_intervals(noisy(40, 1.2, 3), [0.5], seed=1)
    alone = (median.legacy.high - median.legacy.low) / median.legacy.value
    assert (median.ratio.high - median.ratio.low) / median.ratio.value < alone / 2
    assert median.ratio.low < 1.2 < median.ratio.high


def test_the_interval_of_the_ratio_holds_the_truth_about_as_often_as_it_says() -> None:
    held, runs = 0, 100
    for seed in range(runs):
        (median,) = pooled_intervals(noisy(30, 1.2, seed, 20), [0.5], seed=1)
        held += median.ratio.low <= 1.2 <= median.ratio.high
    assert held / runs >= 0.93 - 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_pause_in_one_window_widens_the_interval_as_no_count_of_requests_would() -> None:
    calm = [window([0.01] * 200, [0.01] * 200) for _ in range(20)]
    paused = [*calm, window([0.01] * 200, [0.01] * 100 + [0.5] * 100)]
    (p99,) = pooled_intervals(paused, [0.99], seed=5)
    assert p99.candidate.low < 0.011
    assert p99.candidate.high > 0.49


def test_the_same_seed_gives_the_same_and_another_gives_others() -> None:
    windows = noisy(30, 1.0, 4)
    assert pooled_intervals(windows, QUANTILES, 7) == pooled_intervals(windows, QUANTILES, 7)
    assert pooled_intervals(windows, QUANTILES, 7) != pooled_intervals(windows, QUANTILES, 8)


def test_a_quantile_among_calls_without_an_answer_is_infinite() -> None:
    windows = [window([0.01] * 10, [0.01] * 9, unanswered=1) for _ in range(5)]
    low, high = pooled_intervals(windows, [0.5, 0.95], seed=1)
    assert low.candidate.value == pytest.approx(0.01, rel=0.001)
    assert high.candidate.value == high.ratio.high == math.inf


def test_both_sides_the_same_have_the_ratio_one_even_without_answers() -> None:
    same = [Window(unanswered=3, legacy_unanswered=3) for _ in range(4)]
    (pooled,) = pooled_intervals(same, [0.5], seed=1)
    assert (pooled.ratio.low, pooled.ratio.value, pooled.ratio.high) == (1.0, 1.0, 1.0)


def test_no_windows_have_no_quantiles() -> None:
    assert pooled_intervals([], QUANTILES, seed=1) == ()
    assert pooled_intervals(Windows(10.0).whole(), QUANTILES, seed=1) == ()


def test_a_long_run_is_joined_to_a_bounded_number_of_blocks_and_loses_no_request() -> None:
    windows = [window([0.001 if n % 6 == 0 else 0.005], [0.002]) for n in range(5 * BLOCKS + 3)]
    (median,) = pooled_intervals(windows, [0.5], seed=1)
    assert median.legacy.value == pytest.approx(0.005, rel=0.001)
    (fifth,) = pooled_intervals(windows, [0.16], seed=1)
    assert fifth.legacy.value == pytest.approx(0.001, rel=0.001)
