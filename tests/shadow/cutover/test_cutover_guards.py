"""Guards: what fires, how soon, and that equal sides never set one off. All seeds are fixed."""

import random
from collections.abc import Callable

import pytest

from pyingest.message import Request, Response
from shadow.cutover.detector import TooMany, Worse
from shadow.cutover.guards import Guards, Trip, denies
from shadow.cutover.latency import Slowness
from shadow.cutover.stage import DONE, FLIPPED, Phase, Stage
from shadow.exchange import (
    Answered,
    Exchange,
    Failed,
    Failure,
    NotMirrored,
    Outcome,
    Reason,
    Side,
)

REQUEST = Request(b"GET", b"/track")
RATE = 500
ALONE = NotMirrored(Reason.ALONE)


def answered(body: bytes = b"1", status: int = 200, seconds: float = 0.002) -> Answered:
    return Answered(Response(status, b"", (), body), seconds)


ONE, ZERO, BROKEN = answered(), answered(b"0"), answered(b"", 500)
REFUSED = Failed(Failure.REFUSED, "nobody listens", 0.0)


def owned(outcome: Outcome, copy: Outcome | NotMirrored = ALONE) -> Exchange:
    return Exchange(1, 0.0, REQUEST, copy, outcome, Side.CANDIDATE)


def others(outcome: Outcome, copy: Outcome | NotMirrored = ONE) -> Exchange:
    return Exchange(1, 0.0, REQUEST, outcome, copy)


def watching(percent: float, copied: bool = False) -> Guards:
    guards = Guards(copied=copied)
    guards.begin(FLIPPED if percent >= 100 else Stage(Phase.RAMP, percent))
    return guards


Draw = Callable[[random.Random], Outcome]


def now_and_then(rate: float, event: Outcome = BROKEN) -> Draw:
    return lambda rng: event if rng.random() < rate else ONE


def simulated(
    percent: float, legacy: Draw, candidate: Draw, seconds: float, seed: int
) -> tuple[float, Trip] | None:
    """Return when a guard fired, in seconds, and which one; ``None`` if none did."""
    rng, guards = random.Random(seed), watching(percent)
    for number in range(int(RATE * seconds)):
        mine = rng.random() * 100 < percent
        exchange = owned(candidate(rng)) if mine else others(legacy(rng))
        trip = guards.see(exchange, number / RATE)
        if trip is not None:
            return number / RATE, trip
    return None


@pytest.mark.parametrize(
    ("percent", "seconds"), [(5.0, 20.0), (25.0, 5.0), (50.0, 4.0), (100.0, 2.0)]
)
def test_five_percent_of_errors_are_found_in_seconds(percent: float, seconds: float) -> None:
    found = [simulated(percent, now_and_then(0), now_and_then(0.05), 40, seed) for seed in range(5)]
    assert all(one is not None and one[1].guard == "errors" for one in found)
    assert sorted(one[0] for one in found if one)[2] < seconds


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.02, 0.2])
@pytest.mark.parametrize("event", [BROKEN, ZERO], ids=["errors", "refusals"])
@pytest.mark.parametrize("percent", [5.0, 50.0])
def test_sides_that_are_alike_set_nothing_off(percent: float, event: Outcome, rate: float) -> None:
    draw = now_and_then(rate, event)
    assert simulated(percent, draw, draw, 40, seed=11) is None


def test_heavy_tails_that_are_alike_set_nothing_off() -> None:
    def draw(rng: random.Random) -> Outcome:
        return answered(seconds=rng.lognormvariate(-6.2, 1.2))

    assert simulated(25.0, draw, draw, 60, seed=3) is None


def test_a_fault_that_hits_both_sides_is_held_against_none() -> None:
    guards, rng = watching(50.0), random.Random(2)
    for number in range(5_000):
        is_down = 1_000 < number < 2_000
        outcome: Outcome = BROKEN if is_down else ONE
        mine = rng.random() < 0.5
        assert guards.see(owned(outcome) if mine else others(outcome), number / RATE) is None


def test_days_without_an_error_do_not_hide_the_first_bad_seconds() -> None:
    guards = watching(100.0)
    for _ in range(200_000):
        guards.see(owned(ONE), 0.0)
    rng, draw = random.Random(1), now_and_then(0.05)
    fired = next(n for n in range(5_000) if guards.see(owned(draw(rng)), n / RATE))
    assert fired < 1_000


def test_a_candidate_that_is_gone_is_left_after_eight_requests() -> None:
    guards = watching(1.0)
    trips = [guards.see(owned(REFUSED), 0.0) for _ in range(8)]
    assert trips[:7] == [None] * 7
    assert trips[7] is not None
    assert "8 times in a row: refused (nobody listens)" in trips[7].why


def test_a_request_handed_over_counts_against_the_side_that_could_not_be_reached() -> None:
    guards = watching(1.0)
    handed = Exchange(1, 0.0, REQUEST, ONE, REFUSED, Side.LEGACY, handed_over=True)
    assert [guards.see(handed, 0.0) is not None for _ in range(8)][-1]


def test_failing_copies_are_no_outage() -> None:
    guards = watching(1.0)
    assert not any(guards.see(others(ONE, REFUSED), 0.0) for _ in range(1_000))


def test_a_guard_fires_once_in_a_stage_and_again_in_the_next() -> None:
    guards = watching(100.0)
    assert sum(guards.see(owned(REFUSED), 0.0) is not None for _ in range(50)) == 1
    guards.begin(FLIPPED)
    assert sum(guards.see(owned(REFUSED), 0.0) is not None for _ in range(50)) == 1


def test_in_shadow_nothing_fires() -> None:
    guards = Guards()
    assert not any(guards.see(others(BROKEN), 0.0) for _ in range(100))


def test_when_all_is_done_nothing_leads_back_to_a_legacy_that_may_be_gone() -> None:
    guards = Guards()
    guards.begin(DONE)
    assert not any(guards.see(owned(REFUSED), 0.0) for _ in range(100))


def test_refusals_that_legacys_copy_shares_are_no_fault() -> None:
    guards = watching(100.0, copied=True)
    assert not any(guards.see(owned(ZERO, ZERO), 0.0) for _ in range(2_000))
    assert any(guards.see(owned(ZERO, ONE), 0.0) for _ in range(2_000))


def test_arms_count_what_each_side_answered() -> None:
    guards = watching(50.0)
    for exchange in (owned(ONE), owned(ZERO), owned(BROKEN), others(ONE)):
        guards.see(exchange, 0.0)
    mine, legacys = guards.arms[True], guards.arms[False]
    assert (mine.requests, mine.errors, mine.refusals) == (3, 1, 1)
    assert (legacys.requests, legacys.errors) == (1, 0)


def slow(percent: float, factor: float, seed: int) -> tuple[float, Trip] | None:
    def fast(rng: random.Random) -> Outcome:
        return answered(seconds=rng.lognormvariate(-6.2, 0.6))

    def slower(rng: random.Random) -> Outcome:
        return answered(seconds=factor * rng.lognormvariate(-6.2, 0.6))

    return simulated(percent, fast, slower, 20, seed)


def test_a_candidate_ten_times_as_slow_is_found_within_seconds() -> None:
    for percent in (5.0, 25.0, 50.0):
        found = slow(percent, 12.0, seed=5)
        assert found is not None
        assert found[0] < 8.0
        assert found[1].guard == "latency"


def test_a_candidate_a_little_slower_is_borne() -> None:
    assert slow(50.0, 1.4, seed=5) is None


def test_one_pause_is_one_bad_window_wherever_it_falls() -> None:
    for begin in (3.0, 3.5, 3.9):
        slowness = Slowness()
        for number in range(5_000):
            now = number / RATE
            paused = max(0.0, begin + 0.3 - now) if now >= begin else 0.0
            assert not slowness.add(False, 0.002, now)
            assert not slowness.add(True, 0.002 + paused, now)
        assert slowness.bad <= 1


def test_without_legacys_traffic_its_last_p99_is_the_measure() -> None:
    guards = watching(50.0)
    for number in range(2_000):
        exchange = owned(ONE) if number % 2 else others(ONE)
        assert guards.see(exchange, number / RATE) is None
    guards.begin(FLIPPED)
    late = [guards.see(owned(answered(seconds=0.2)), 4 + n / RATE) for n in range(3_000)]
    assert [one.guard for one in late if one] == ["latency"]


@pytest.mark.parametrize("seed", range(3))
def test_where_the_claim_barely_holds_alarms_are_as_rare_as_said(seed: int) -> None:
    """A tenth of the wealth would be reached ten times as often; the mean bounds both."""
    rng, alarms = random.Random(seed), 0
    many = TooMany(0.005)
    many.alarm = 1e3
    for _ in range(100_000):
        many.add(rng.random() < 0.005)
        if many.evidence >= 1:
            alarms += 1
            many = TooMany(0.005)
            many.alarm = 1e3
    assert alarms <= 100


def test_whose_errors_they_are_is_told_at_any_share_of_the_traffic() -> None:
    for share in (0.01, 0.25, 0.5):
        rng, even, worse = random.Random(4), Worse(1.5, share), Worse(1.5, share)
        for _ in range(60_000):
            mine = rng.random() < share
            even.add(mine, rng.random() < 0.02)
            worse.add(mine, rng.random() < (0.2 if mine else 0.02))
        assert even.evidence < 0.9
        assert worse.evidence > 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"1", 200, False),
        (b"0", 200, True),
        (b"0\n", 200, True),
        (b'{"status": 0, "error": "x"}', 200, True),
        (b'{"status":1}', 200, False),
        (b"", 404, True),
        (b"", 503, False),
        (b"", 302, False),
    ],
)
def test_what_denies_success(body: bytes, status: int, said: bool) -> None:
    assert denies(Response(status, b"", (), body)) is said
