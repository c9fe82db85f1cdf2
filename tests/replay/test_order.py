"""Which entries are sent, and in which order."""

from collections.abc import Iterator

import pytest

from replay.entry import Entry
from replay.order import Order, ordered
from replay.testing import entry

ENTRIES = [entry(number) for number in range(100)]


def numbers(order: Order, seed: int = 1, limit: int | None = None) -> list[int]:
    return [item.number for item in ordered(ENTRIES, order, seed, limit)]


def test_file_order_is_the_file_s() -> None:
    assert numbers(Order.FILE) == list(range(100))
    assert numbers(Order.FILE, limit=3) == [0, 1, 2]


def test_file_order_reads_no_further_than_it_must() -> None:
    def endless() -> Iterator[Entry]:
        yield ENTRIES[0]
        raise AssertionError("read too far")

    assert list(ordered(endless(), Order.FILE, 0, 1)) == ENTRIES[:1]


def test_shuffle_sends_each_once_in_another_order() -> None:
    assert sorted(numbers(Order.SHUFFLE)) == list(range(100))
    assert numbers(Order.SHUFFLE) != list(range(100))
    assert len(set(numbers(Order.SHUFFLE, limit=30))) == 30


def test_sample_draws_with_replacement() -> None:
    drawn = numbers(Order.SAMPLE, limit=1000)
    assert len(drawn) == 1000
    assert len(set(drawn)) <= 100
    assert len(numbers(Order.SAMPLE)) == 100


def test_sample_of_nothing_is_nothing() -> None:
    assert list(ordered([], Order.SAMPLE, 1, 5)) == []


@pytest.mark.parametrize("order", [Order.SHUFFLE, Order.SAMPLE])
def test_seed_fixes_the_order(order: Order) -> None:
    assert numbers(order, seed=1) == numbers(order, seed=1)
    assert numbers(order, seed=1) != numbers(order, seed=2)
