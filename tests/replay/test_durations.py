"""Quantiles of durations."""

import pytest
from hdrh.histogram import HdrHistogram

from replay.durations import Durations


def test_quantiles_are_those_of_what_was_added() -> None:
    durations = Durations()
    for milliseconds in range(1, 1001):
        durations.add(milliseconds / 1000)
    quantiles = durations.quantiles()
    assert quantiles.count == 1000
    assert quantiles.mean == pytest.approx(0.5005, rel=1e-3)
    assert quantiles.p50 == pytest.approx(0.5, rel=2e-3)
    assert quantiles.p99 == pytest.approx(0.99, rel=2e-3)
    assert quantiles.most == pytest.approx(1.0, rel=2e-3)


def test_nothing_has_quantiles_of_nought() -> None:
    quantiles = Durations().quantiles()
    assert (quantiles.count, quantiles.mean, quantiles.p99, quantiles.most) == (0, 0, 0, 0)


def test_what_is_out_of_range_counts_as_the_limit() -> None:
    durations = Durations()
    durations.add(-1.0)
    durations.add(1e9)
    assert durations.quantiles().count == 2
    assert durations.quantiles().most == pytest.approx(3600, rel=1e-3)


def test_histogram_can_be_read_by_other_tools() -> None:
    durations = Durations()
    durations.add(0.25)
    histogram = HdrHistogram.decode(durations.quantiles().histogram)
    assert histogram.get_max_value() == pytest.approx(250_000, rel=1e-3)
