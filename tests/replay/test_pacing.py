"""When requests are due."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.entry import Entry
from replay.pacing import Open, Timed, schedule
from replay.testing import entry


def times(pace: Timed | Open, *ats: float) -> list[float]:
    entries = [entry(number, at) for number, at in enumerate(ats)]
    return [due.seconds for due in schedule(pace, entries)]


def test_timed_replay_keeps_the_distances_of_the_log() -> None:
    assert times(Timed(), 100.5, 101.0, 104.25) == [0.0, 0.5, 3.75]


def test_speed_divides_the_distances() -> None:
    assert times(Timed(2.0), 100.5, 101.0, 104.5) == [0.0, 0.25, 2.0]


def test_requests_of_one_whole_second_are_spread_over_it() -> None:
    assert times(Timed(), 100, 100, 100, 100, 101, 103, 103) == [0, 0.25, 0.5, 0.75, 1, 3, 3.5]


def test_finer_stamps_are_believed_even_where_some_are_whole() -> None:
    assert times(Timed(), 100.0, 100.0, 100.004) == pytest.approx([0.0, 0.0, 0.004])


def test_stamp_that_steps_back_is_due_with_the_one_before() -> None:
    assert times(Timed(), 100.5, 102.5, 101.5, 103.5) == [0.0, 2.0, 2.0, 3.0]
    assert times(Timed(), 100, 102, 101, 103) == [0.0, 2.0, 2.5, 3.0]


def test_long_silences_are_cut() -> None:
    assert times(Timed(1.0, max_gap=2.0), 0.5, 1.0, 3601.0, 3602.0) == [0.0, 0.5, 2.5, 3.5]


def test_even_arrivals_are_a_ruler() -> None:
    assert times(Open(4.0), 9, 9, 1, 1) == [0.0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_have_the_rate_and_are_seeded() -> None:
    ats = [0.0] * 4000
    drawn = times(Open(100.0, poisson=True, seed=5), *ats)
    assert drawn == times(Open(100.0, poisson=True, seed=5), *ats)
    assert drawn != times(Open(100.0, poisson=True, seed=6), *ats)
    assert drawn[-1] == pytest.approx(40, rel=0.1)
    gaps = [later - earlier for earlier, later in pairwise(drawn)]
    # Exponential gaps: a share of 1 - 1/e of them is shorter than the mean.
    assert sum(gap < 0.01 for gap in gaps) / len(gaps) == pytest.approx(0.632, abs=0.03)


@given(
    st.lists(st.floats(0, 1e9) | st.integers(0, 100).map(float), max_size=50),
    st.floats(0.1, 100),
    st.none() | st.floats(0, 10),
)
def test_schedule_starts_at_nought_and_never_steps_back(
    ats: list[float], speed: float, max_gap: float | None
) -> None:
    dues = times(Timed(speed, max_gap), *ats)
    assert len(dues) == len(ats)
    assert dues[:1] in ([], [0.0])
    assert all(earlier <= later for earlier, later in pairwise(dues))


@pytest.mark.parametrize("pace", [Timed(), Open(10.0), Open(10.0, poisson=True)])
def test_schedule_does_not_need_the_whole_log(pace: Timed | Open) -> None:
    def endless() -> Iterator[Entry]:
        number = 0
        while True:
            yield entry(number, 100.5 + number)
            number += 1

    dues = schedule(pace, endless())
    assert next(dues).entry.number == 0
    assert next(dues).entry.number == 1
