"""Durations by logarithmic bucket: quantiles, differences, intervals."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.live.buckets import (
    middle,
    quantile,
    since,
    upper_edge,
)
from shadow.ledger import merged
from shadow.status import BUCKETS_PER_OCTAVE

COUNTS = st.dictionaries(st.integers(0, 200), st.integers(1, 1000), max_size=12)


def bucket(seconds: float) -> int:
    """Return the bucket by the words of ``shadow.status``."""
    return max(0, math.floor(BUCKETS_PER_OCTAVE * math.log2(max(1e-9, seconds * 1e6))))


def counted(durations: list[float]) -> dict[int, int]:
    found: dict[int, int] = {}
    for seconds in durations:
        found[bucket(seconds)] = found.get(bucket(seconds), 0) + 1
    return found


@given(st.floats(1.1e-6, 60.0))
def test_a_duration_lies_between_the_edges_of_its_bucket(seconds: float) -> None:
    place = bucket(seconds)
    assert not place or upper_edge(place - 1) <= seconds * (1 + 1e-9)
    assert seconds <= upper_edge(place) * (1 + 1e-9)
    assert middle(place) == pytest.approx(seconds, rel=0.046)


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None


def test_a_quantile_is_that_of_the_durations_to_within_a_bucket() -> None:
    random = Random(1)
    durations = sorted(random.lognormvariate(-7, 1) for _ in range(5000))
    for share in (0.5, 0.95, 0.99):
        exact = durations[math.ceil(share * len(durations)) - 1]
        assert quantile(counted(durations), share) == pytest.approx(exact, rel=0.05)


@given(COUNTS, COUNTS)
def test_what_was_counted_since_then_is_what_was_added(
    then: dict[int, int], more: dict[int, int]
) -> None:
    assert since(merged((then, more)), then) == more


def test_a_count_that_shrank_counts_as_none() -> None:
    assert since({5: 1, 6: 9}, {5: 4, 6: 4}) == {6: 5}
