"""A sliding sum is the sum of what is left, at two additions a value."""

from hypothesis import given
from hypothesis import strategies as st

from pyingest.traffic.sliding import SlidingSum


@given(st.lists(st.tuples(st.integers(1, 5), st.text("abc", max_size=2), st.integers(0, 12))))
def test_it_is_the_sum_of_what_began_lately_in_order(steps: list[tuple[int, str, int]]) -> None:
    window: SlidingSum[str] = SlidingSum(str.__add__, "")
    began, values = 0, list[tuple[int, str]]()
    for wait, value, length in steps:
        began += wait
        window.push(began, value)
        values.append((began, value))
        before = began - length
        window.forget(before)
        values = [(when, each) for when, each in values if when >= before]
        assert window.total() == "".join(each for _, each in values)


def test_a_value_costs_two_additions_however_long_the_window() -> None:
    for length in (10, 100, 1000):
        added = 0

        def add(one: int, other: int) -> int:
            nonlocal added
            added += 1
            return one + other

        window = SlidingSum(add, 0)
        for began in range(5 * length):
            window.push(began, 1)
            window.forget(began - length + 1)
        assert window.total() == length
        assert added <= 2 * 5 * length + 1
