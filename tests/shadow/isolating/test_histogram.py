"""Durations in buckets of a logarithmic scale."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.isolating.histogram import FINE, Histogram, merged
from shadow.status import BUCKETS_PER_OCTAVE

SECONDS = st.floats(1e-6, 100.0)


def of(values: list[float], per_octave: int = FINE) -> Histogram:
    histogram = Histogram(per_octave)
    for value in values:
        histogram.add(value)
    return histogram


def test_there_is_no_duration_of_nothing() -> None:
    assert Histogram().quantile(0.5) == 0.0
    assert Histogram().slower_than(0.0) == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e-6])
def test_what_took_no_time_is_of_the_shortest_bucket(seconds: float) -> None:
    assert of([seconds]).counts == {0: 1}


@given(SECONDS, st.sampled_from([BUCKETS_PER_OCTAVE, FINE]))
def test_a_duration_is_known_to_within_a_bucket(seconds: float, per_octave: int) -> None:
    found = of([seconds], per_octave).quantile(0.5)
    assert seconds / 2 ** (1.001 / per_octave) <= found <= seconds * 2 ** (1.001 / per_octave)


@given(st.lists(SECONDS, min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_a_quantile_is_near_the_one_of_the_values(values: list[float], share: float) -> None:
    import math

    exact = sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]
    found = of(values).quantile(share)
    assert exact / 1.012 <= found <= exact * 1.012


@given(st.lists(SECONDS, max_size=40), st.lists(SECONDS, max_size=40))
def test_merging_is_counting_together(one: list[float], other: list[float]) -> None:
    both = merged([of(one), of(other)], FINE)
    assert both.counts == of(one + other).counts
    assert both.total == len(one) + len(other)


@given(st.lists(SECONDS, max_size=40))
def test_coarse_buckets_are_those_of_a_status(values: list[float]) -> None:
    assert of(values).coarse() == of(values, BUCKETS_PER_OCTAVE).counts


def test_histograms_of_different_scales_do_not_mix() -> None:
    with pytest.raises(ValueError, match="buckets per octave"):
        Histogram(8).merge(Histogram(64))


def test_the_part_beyond_a_quantile_is_the_rest() -> None:
    random = Random(2)
    histogram = of([random.lognormvariate(-5, 0.5) for _ in range(20_000)])
    for share in (0.5, 0.9, 0.99):
        assert abs(histogram.slower_than(histogram.quantile(share)) - (1 - share)) < 1e-9
