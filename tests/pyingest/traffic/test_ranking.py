"""The ranking gives what a plain dict and a sort give, in a number of steps that does not grow."""

import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.traffic.ranking import Ranking
from pyingest.traffic.testing import steps

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "raise", "lower", "remove", "replace"]),
        st.integers(0, 9),
        st.integers(1, 5),
    ),
    max_size=60,
)


def apply(ranking: Ranking[int], model: dict[int, int], step: tuple[str, int, int]) -> None:
    name, key, number = step
    if name == "add":
        ranking.add(key)
        model.setdefault(key, 0)
    elif key not in model:
        with pytest.raises(KeyError):
            ranking.raise_by(key)
    elif name == "raise":
        ranking.raise_by(key, number)
        model[key] += number
    elif name == "lower":
        ranking.lower_by(key, number)
        model[key] = max(model[key] - number, 0)
    elif name == "remove":
        ranking.remove(key)
        del model[key]
    elif key + 10 not in model:
        ranking.replace(key, key + 10)
        model[key + 10] = model.pop(key)


@given(STEPS)
def test_it_agrees_with_a_dict_that_is_sorted_each_time(todo: list[tuple[str, int, int]]) -> None:
    ranking: Ranking[int] = Ranking()
    model: dict[int, int] = {}
    for step in todo:
        apply(ranking, model, step)
        assert dict(ranking.descending()) == model
        counts = [count for _, count in ranking.descending()]
        assert counts == sorted(counts, reverse=True)
        assert len(ranking) == len(model)
        if model:
            assert model[ranking.least()] == min(model.values())
            assert model[ranking.most()] == max(model.values())
            assert ranking.count(ranking.most()) == counts[0]


def test_an_empty_ranking_has_no_least_key() -> None:
    with pytest.raises(LookupError):
        Ranking[str]().least()


def test_of_equal_keys_the_one_that_waited_longest_is_the_least() -> None:
    ranking: Ranking[str] = Ranking()
    for key in "abc":
        ranking.add(key)
    taken = []
    for _ in range(6):
        key = ranking.least()
        taken.append(key)
        ranking.raise_by(key)
    assert taken == list("abcabc")


def filled(size: int) -> Ranking[int]:
    ranking: Ranking[int] = Ranking()
    for key in range(size):
        ranking.add(key)
    for key in range(0, size, 7):
        ranking.raise_by(key)
    return ranking


def replace_and_back(ranking: Ranking[int], key: int) -> None:
    ranking.replace(key, -1)
    ranking.replace(-1, key)


def remove_and_add(ranking: Ranking[int], key: int) -> None:
    ranking.remove(key)
    ranking.add(key)


def steps_of(ranking: Ranking[int], size: int) -> list[tuple[str, int, float]]:
    """Return the most and the mean steps that each operation takes."""
    rng = random.Random(size)
    keys = [rng.randrange(size) for _ in range(300)]
    operations: dict[str, Callable[[int], object]] = {
        "raise": ranking.raise_by,
        "lower": ranking.lower_by,
        "least": lambda key: ranking.least(),
        "most": lambda key: ranking.most(),
        "replace": partial(replace_and_back, ranking),
        "remove": partial(remove_and_add, ranking),
    }
    found = []
    for name, do in operations.items():
        lines = [steps(partial(do, key)) for key in keys]
        found.append((name, max(lines), sum(lines) / len(lines)))
    return found


def test_no_operation_takes_more_steps_when_there_are_more_keys() -> None:
    small = steps_of(filled(100), 100)
    for size in (1_000, 10_000, 1_000_000):
        for (name, _, mean), (_, most, now) in zip(
            small, steps_of(filled(size), size), strict=True
        ):
            assert most <= 40, name
            assert now <= mean + 3, name


@settings(max_examples=30)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.integers(1, 20))
def test_a_raise_passes_at_most_as_many_levels_as_its_steps(counts: list[int], by: int) -> None:
    ranking: Ranking[int] = Ranking()
    for key, count in enumerate(counts):
        ranking.add(key)
        ranking.raise_by(key, count)
    assert steps(lambda: ranking.raise_by(0, by)) <= 30 + 2 * by
