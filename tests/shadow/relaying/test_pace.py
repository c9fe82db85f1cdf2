"""Connections for copies are opened one after the other, and seldom where they keep breaking."""

import pytest

from shadow.relaying.pace import BROKEN, CALM, EARLY, ROW, Pace


def opened(pace: Pace, seconds: float, since: float = 0.0) -> int:
    """Return how many are opened by somebody who always comes back when told to."""
    now, count = since, 0
    while now < since + seconds:
        wait = pace.wait(now)
        assert 0 <= wait <= BROKEN
        count += not wait
        now += wait + 1e-9
    return count


def broken(pace: Pace, times: int = ROW) -> Pace:
    for _ in range(times):
        pace.broke()
    return pace


def test_clients_never_wait_for_an_opening() -> None:
    pace = broken(Pace(spaced=False))
    assert [pace.wait(0.0) for _ in range(1000)] == [0.0] * 1000


@pytest.mark.parametrize(("breaks", "space"), [(0, CALM), (ROW - 1, CALM), (ROW, BROKEN)])
def test_there_is_a_space_between_two_openings(breaks: int, space: float) -> None:
    assert opened(broken(Pace(spaced=True), breaks), 10.0) == pytest.approx(10.0 / space, rel=0.01)


def test_what_was_not_opened_in_a_long_turn_is_made_up_for_but_not_in_one_without_end() -> None:
    pace = Pace(spaced=True)
    for now in (5.0, 5.0 + 2 * EARLY, 900.0):
        found = [pace.wait(now) for _ in range(18)]
        assert found.count(0.0) in (16, 17)
        assert 0 < found[-1] <= 1.001 * CALM


def test_a_side_that_comes_back_is_met_with_one_connection_after_the_other() -> None:
    pace = broken(Pace(spaced=True))
    opened(pace, 1.0)
    pace.answered()
    assert [pace.wait(1.0 + BROKEN / 2) for _ in range(18)].count(0.0) < 16


def test_one_whole_answer_ends_the_caution() -> None:
    pace = broken(Pace(spaced=True))
    opened(pace, 1.0)
    pace.answered()
    assert opened(pace, 1.0, 1.0) == pytest.approx(1.0 / CALM, rel=0.02)
