"""Rates and latencies of the last seconds, and what stays in no bucket."""

import pytest

from compare.live.history import POINTS, WINDOW, History
from compare.live.roster import Totals
from shadow.status import LaneStatus, QueueStatus, SideStatus

NOW = 1_795_000_000.0


def totals(count: int, latency: dict[int, int] | None = None, open_: int = 0) -> Totals:
    return Totals(
        ledger={"received": count, "mirrored": count // 2, "remainder": open_},
        sides={"legacy": SideStatus(answered=count, errors=count // 10, latency=latency or {})},
        queues={"legacy events": QueueStatus(lag=3), "legacy profiles": QueueStatus(lag=4)},
        lane=LaneStatus(requests=1, limit_requests=4, bytes=9, limit_bytes=10),
    )


def test_of_one_moment_there_is_no_rate() -> None:
    history = History()
    history.add(NOW, totals(1000))
    assert history.recent.seconds == 0
    assert history.points[-1][1]["received"] is None


def test_a_rate_looks_back_ten_seconds() -> None:
    history = History()
    for second in range(31):
        history.add(NOW + second, totals(second * (10 if second < 15 else 20)))
    recent = history.recent
    assert recent.seconds == WINDOW
    assert recent.rates["received"] == pytest.approx(20)
    assert recent.rates["mirrored"] == pytest.approx(10)
    assert recent.sides["legacy"].bad == 20


def test_latencies_are_those_of_the_window_not_of_the_run() -> None:
    history = History()
    for second in range(31):
        slow = max(0, second - 15) * 100
        history.add(NOW + second, totals(second, {80: 100_000, 120: slow}))
    p50 = history.recent.sides["legacy"].quantiles["p50"]
    assert p50 == pytest.approx(2**15 / 1e6, rel=0.1)


def test_counts_that_begin_again_give_no_rate_below_zero() -> None:
    history = History()
    history.add(NOW, totals(1000))
    history.add(NOW + 1, totals(10))
    assert history.recent.rates["received"] == 0


def test_a_clock_that_was_set_back_is_survived() -> None:
    history = History()
    history.add(NOW, totals(1000))
    history.add(NOW - 100, totals(1010))
    assert history.recent.seconds == 0


def test_only_the_last_minutes_are_kept() -> None:
    history = History()
    for second in range(POINTS + 50):
        history.add(NOW + second, totals(second))
    assert len(history.points) == POINTS


def test_a_point_holds_lag_and_lane() -> None:
    history = History()
    history.add(NOW, totals(1))
    point = history.points[-1][1]
    assert (point["legacy_lag"], point["candidate_lag"], point["lane"]) == (7.0, None, 0.9)


def test_a_moment_without_a_bucket_is_no_fault_but_one_that_stays_is() -> None:
    history = History()
    for second in range(20):
        history.add(NOW + second, totals(second, open_=5 if second % 3 else 0))
        assert history.unexplained == 0
    for second in range(20, 40):
        history.add(NOW + second, totals(second, open_=4 + second % 3))
    assert history.unexplained == 3, "the lane has the fourth"
