"""What traffic was seen, and what was not."""

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.judging.coverage import Value, coverage, unseen_bound, values

DIMENSIONS = ("endpoint", "library", "batch")
TRAFFIC: dict[tuple[str, ...], int] = {
    ("/track", "python", "1"): 500,
    ("/track", "ruby", "1"): 29,
    ("/engage", "python", "2-10"): 70,
    ("/engage", "php", "11-50"): 1,
}


def test_classes_and_those_seen_once_are_counted() -> None:
    seen = coverage(TRAFFIC, DIMENSIONS, 30)
    assert (seen.classes, seen.singletons) == (4, 1)
    assert seen.unseen == 1 / 600
    assert seen.unseen < seen.unseen_bound < 1


def test_what_came_less_often_than_the_least_is_thin() -> None:
    assert coverage(TRAFFIC, DIMENSIONS, 30).thin == (
        ("library", "ruby", 29),
        ("library", "php", 1),
        ("batch", "11-50", 1),
    )
    assert coverage(TRAFFIC, DIMENSIONS, 29).thin == (("library", "php", 1), ("batch", "11-50", 1))


def test_what_was_expected_and_never_came_is_thin() -> None:
    expected = {"endpoint": ["/track", "/import"]}
    thin = coverage(TRAFFIC, DIMENSIONS, 1, expected).thin
    assert thin == (("endpoint", "/import", 0),)


def test_the_table_has_every_value_the_most_frequent_first() -> None:
    table = values(TRAFFIC, DIMENSIONS, 30)
    assert table[:2] == (
        Value("endpoint", "/track", 529, covered=True),
        Value("endpoint", "/engage", 71, covered=True),
    )
    for dimension in DIMENSIONS:
        assert sum(one.count for one in table if one.dimension == dimension) == 600


def test_without_traffic_everything_is_unseen() -> None:
    nothing = coverage({}, DIMENSIONS, 30, {"endpoint": ["/track"]})
    assert (nothing.classes, nothing.unseen, nothing.unseen_bound) == (0, 1.0, 1.0)
    assert nothing.thin == (("endpoint", "/track", 0),)


def test_a_class_of_another_number_of_values_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        coverage({("/track", "python"): 1}, DIMENSIONS, 30)


@settings(deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.tuples(*[st.sampled_from(["a", "b", "c", "d"])] * 3), st.integers(1, 100), min_size=1
    )
)
def test_the_order_of_the_classes_does_not_matter(classes: dict[tuple[str, ...], int]) -> None:
    backwards = dict(reversed(classes.items()))
    seen = coverage(classes, DIMENSIONS, 30)
    assert seen == coverage(backwards, DIMENSIONS, 30)
    assert 0 <= seen.unseen <= seen.unseen_bound <= 1


def test_more_requests_bring_the_bound_down() -> None:
    bounds = [unseen_bound(0, n) for n in (100, 1_000, 10_000, 1_000_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < 0.005


def test_the_estimate_is_near_the_truth_and_the_bound_above_it() -> None:
    """A long tail of classes, by Zipf's law: the mass of what was not drawn is known."""
    random, runs, requests = Random(41), 300, 500
    weights = [1 / rank for rank in range(1, 2_001)]
    total = sum(weights)
    errors, above = [], 0
    for _ in range(runs):
        drawn = Counter(random.choices(range(2_000), weights, k=requests))
        truth = 1 - sum(weights[one] for one in drawn) / total
        seen = coverage({(str(one),): count for one, count in drawn.items()}, ["class"], 30)
        errors.append(seen.unseen - truth)
        above += truth > seen.unseen_bound
    spread = math.sqrt(sum(one * one for one in errors) / runs)
    assert abs(sum(errors) / runs) < 3 * spread / math.sqrt(runs) + 1 / requests
    assert spread < 0.05
    assert above / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
