"""Who takes part in a run, how they fare, and what all of them come to."""

from compare.live.roster import Life, Roster
from compare.live.testing import proxy_status, tap_status
from shadow.serving.statusfiles import Told
from shadow.serving.summing import joined
from shadow.status import BreakerStatus, LaneStatus, SideStatus, Status

NOW = 1_795_000_000.0


def roster(*told: Status, alive: bool = True) -> Roster:
    found = Roster(lambda pid: alive)
    found.take(Told(told))
    return found


def lives(found: Roster, now: float) -> dict[str, Life]:
    return {one.status.name: one.life for one in found.members(now)}


def test_a_process_that_told_something_lately_is_alive() -> None:
    assert lives(roster(proxy_status(NOW, 1, 5)), NOW + 2) == {"proxy-0": Life.ALIVE}


def test_one_that_is_there_and_says_nothing_is_silent() -> None:
    assert lives(roster(proxy_status(NOW, 1, 5)), NOW + 4) == {"proxy-0": Life.SILENT}


def test_one_that_is_gone_without_a_word_is_dead() -> None:
    found = roster(proxy_status(NOW, 1, 5), alive=False)
    assert lives(found, NOW + 4) == {"proxy-0": Life.DEAD}


def test_one_that_said_that_it_ends_has_ended_when_it_is_gone() -> None:
    found = roster(proxy_status(NOW, 1, 5, ending=True), alive=False)
    assert lives(found, NOW) == {"proxy-0": Life.ENDED}
    assert lives(roster(proxy_status(NOW, 1, 5, ending=True)), NOW) == {"proxy-0": Life.ALIVE}


def test_totals_are_sums_over_processes() -> None:
    one, two = proxy_status(NOW, 1, 5), proxy_status(NOW, 2, 7, name="proxy-1")
    found = roster(one, two, tap_status(NOW, 3, 12)).totals(NOW)
    assert found.ledger["received"] == 12
    assert found.sides["legacy"].answered == 12
    assert found.sides["legacy"].in_flight == 4
    assert found.sides["legacy"].latency == {80: 12}
    assert found.lane.requests == 6
    assert found.lane.limit_requests == 200
    assert found.arm.mirrored == {80: 12}
    assert set(found.queues) == {"legacy events", "candidate events"}
    assert found.stages == ("shadow",)


def test_what_earlier_lives_had_counted_is_kept() -> None:
    found = Roster(lambda pid: True)
    for began, pid, count in ((1.0, 1, 100), (1.0, 1, 150), (2.0, 2, 3), (3.0, 3, 4)):
        status = proxy_status(NOW, pid, count, began=began, breaker=BreakerStatus(openings=1))
        found.take(Told((status,)))
    totals = found.totals(NOW)
    assert totals.ledger["received"] == 150 + 3 + 4
    assert totals.sides["candidate"].latency == {88: 157}
    assert totals.breaker.openings == 3
    assert [one.restarts for one in found.members(NOW)] == [2]


def earlier(count: int, most: int) -> Status:
    """Return what *count* recorded requests come to, of *most* that were told."""
    told = proxy_status(NOW - 60, 1, most)
    found = joined([told])
    found.ledger = told.ledger | {"received": most, "mirrored": count, "lost": most - count}
    return found


def test_what_was_before_the_run_was_resumed_counts_once_however_long_one_looks() -> None:
    new = Told((proxy_status(NOW, 2, 7, began=2.0),), earlier=earlier(90, 100))
    fresh, long_there = roster(), roster(proxy_status(NOW, 1, 100))
    for one in (fresh, long_there):
        one.take(new)
        totals = one.totals(NOW)
        counted = [totals.ledger[name] for name in ("received", "mirrored", "lost")]
        assert counted == [107, 97, 10]
        assert (totals.most["mirrored"], totals.earlier) == (107, 100)
        assert totals.sides["legacy"].answered == 107
        assert totals.arm.mirrored == {80: 107}
        assert [member.status.pid for member in one.members(NOW)] == [2]
    assert [member.restarts for member in long_there.members(NOW)] == [1]


def test_what_a_dead_process_had_under_way_is_under_way_no_more() -> None:
    ledger = {"received": 10, "mirrored": 5, "remainder": 5}
    status = proxy_status(NOW, 1, 5, ledger=ledger)
    alive, dead = roster(status).totals(NOW + 4), roster(status, alive=False).totals(NOW + 4)
    assert (alive.under_way, alive.unexplained) == (6, 0)
    assert (dead.under_way, dead.unexplained) == (0, 5)


def test_buckets_that_hold_too_many_are_unexplained_too() -> None:
    found = roster(proxy_status(NOW, 1, 5, ledger={"received": 1, "remainder": -2}))
    assert found.totals(NOW).unexplained == -2


def test_the_worst_breaker_is_shown() -> None:
    states = ("closed", "open", "half-open")
    told = [
        proxy_status(NOW, 1, 1, name=state, breaker=BreakerStatus(state=state)) for state in states
    ]
    assert roster(*told).totals(NOW).breaker.state == "open"


def test_a_side_that_only_one_process_knows_is_no_trouble() -> None:
    one = proxy_status(NOW, 1, 1, sides={"legacy": SideStatus(answered=2, in_flight=1)})
    other = proxy_status(NOW, 2, 1, name="b", sides={}, lane=LaneStatus())
    assert roster(one, other).totals(NOW).sides["legacy"].in_flight == 1
