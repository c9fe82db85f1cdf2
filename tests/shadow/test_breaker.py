"""The circuit breaker before the candidate."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from shadow.breaker import Breaker, BreakerLimits, BreakerState, outage
from shadow.exchange import Failure

End = tuple[Failure | None, float, int]

LIMITS = BreakerLimits(failures=3, first=1.0, longest=4.0, probes=1, steady=10.0)
REFUSED: End = (Failure.REFUSED, 0.0, 0)
GOOD: End = (None, 0.001, 200)


def breaker_of(limits: BreakerLimits = LIMITS, jitter: float = 1.0) -> Breaker:
    return Breaker(limits, lambda: jitter)


def opened(limits: BreakerLimits = LIMITS, jitter: float = 1.0) -> Breaker:
    breaker = breaker_of(limits, jitter)
    for _ in range(limits.failures):
        breaker.failed(0.0)
    return breaker


def probe_fails(breaker: Breaker) -> float:
    """Let the next probe fail as soon as it is due; return when the one after is."""
    due = breaker.opened_until
    assert due is not None
    ticket = breaker.allows(due)
    breaker.failed(due, "refused", ticket)
    assert breaker.opened_until is not None
    return breaker.opened_until - due


def test_a_closed_circuit_lets_everything_through() -> None:
    breaker = breaker_of()
    assert all(breaker.allows(0.0) for _ in range(100))


def test_failures_in_a_row_open_it() -> None:
    assert opened().is_open
    assert not opened().allows(0.9)
    assert "3 outages in a row" in opened().why


def test_a_success_between_keeps_it_closed() -> None:
    breaker = breaker_of()
    for _ in range(5):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_one_request_probes_after_the_pause() -> None:
    breaker = opened()
    assert breaker.allows(1.0)
    assert not breaker.allows(1.0)
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.succeeded(breaker.allows(1.0))
    assert breaker.allows(1.0)
    assert not breaker.is_open


def test_several_probes_must_succeed_one_after_the_other() -> None:
    breaker = opened(BreakerLimits(failures=3, first=1.0, probes=3))
    for number in range(3):
        assert breaker.state is not BreakerState.CLOSED, number
        ticket = breaker.allows(1.0)
        assert ticket
        assert not breaker.allows(1.0)
        breaker.succeeded(ticket)
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_fails_after_others_succeeded_opens_it_again() -> None:
    breaker = opened(BreakerLimits(failures=3, first=1.0, probes=3))
    breaker.succeeded(breaker.allows(1.0))
    breaker.failed(1.0, "refused", breaker.allows(1.0))
    assert breaker.state is BreakerState.OPEN
    assert breaker.why == "a probe failed: refused"


def test_each_probe_that_fails_doubles_the_pause_up_to_a_bound() -> None:
    breaker = opened()
    assert [probe_fails(breaker) for _ in range(5)] == [2.0, 4.0, 4.0, 4.0, 4.0]


def test_a_candidate_that_flaps_is_tried_more_and_more_seldom() -> None:
    breaker, now, pauses = breaker_of(), 0.0, []
    for _ in range(4):
        for _ in range(3):
            breaker.failed(now, "refused", breaker.allows(now))
        assert breaker.opened_until is not None
        pauses.append(breaker.opened_until - now)
        now = breaker.opened_until
        breaker.succeeded(breaker.allows(now))
        assert not breaker.is_open
        now += 1.0  # up for a second only
    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_a_while_of_success_makes_the_pause_short_again() -> None:
    breaker = opened()
    probe_fails(breaker)
    now = breaker.opened_until
    assert now is not None
    breaker.ended(*GOOD, now, breaker.allows(now))
    breaker.ended(*GOOD, now + 10.0, breaker.allows(now + 10.0))
    for _ in range(3):
        breaker.failed(now + 11.0)
    assert breaker.opened_until == now + 12.0


def test_a_while_without_any_success_does_not() -> None:
    breaker = opened()
    probe_fails(breaker)
    now = breaker.opened_until
    assert now is not None
    breaker.ended(*GOOD, now, breaker.allows(now))
    for _ in range(3):
        breaker.failed(now + 11.0)
    assert breaker.opened_until == now + 15.0


def test_jitter_stretches_the_pause() -> None:
    breaker = opened(jitter=1.5)
    assert not breaker.allows(1.4)
    assert breaker.allows(1.5)


def test_a_clock_that_is_set_back_does_not_keep_the_candidate_out() -> None:
    breaker = breaker_of()
    for _ in range(3):
        breaker.failed(10_000.0)
    assert not breaker.allows(5.0)
    assert not breaker.allows(5.9)
    assert breaker.allows(6.0)


def test_what_was_sent_before_it_opened_does_not_close_it() -> None:
    breaker = breaker_of()
    early = breaker.allows(0.0)
    for _ in range(3):
        breaker.failed(0.0)
    assert breaker.allows(1.0)  # a probe that is still under way
    breaker.succeeded(early)
    breaker.failed(1.0, "timed out", early)
    assert breaker.state is BreakerState.HALF_OPEN


def test_many_outages_among_successes_open_it() -> None:
    breaker = breaker_of(BreakerLimits(failures=1000, rate=0.5, window=10))
    for number in range(9):
        breaker.failed(0.0) if number % 2 else breaker.succeeded()
    assert not breaker.is_open  # nine are not enough to tell
    breaker.failed(0.0, "timed out")
    assert breaker.why == "5 of 10 were outages, the last: timed out"


def test_a_slow_answer_counts_where_that_is_asked_for() -> None:
    assert outage(None, 2.0, 200, BreakerLimits()) == ""
    assert outage(None, 2.0, 200, BreakerLimits(slow=2.0)) == "slow: 2.0 s"
    assert outage(None, 2.0, 200, BreakerLimits(slow=2.1)) == ""


def test_errors_and_resets_count_where_that_is_asked_for() -> None:
    assert outage(None, 0.1, 503, BreakerLimits()) == ""
    assert outage(Failure.RESET, 0.1, 0, BreakerLimits()) == ""
    assert outage(None, 0.1, 503, BreakerLimits(errors=True)) == "status 503"
    assert outage(Failure.RESET, 0.1, 0, BreakerLimits(counted=(Failure.RESET,))) == "reset"


def test_others_may_hold_it_open_as_long_as_they_want() -> None:
    breaker = breaker_of()
    breaker.hold("shadow tax", 5.0)
    assert not breaker.allows(1_000.0)
    breaker.release(1_000.0)
    assert breaker.allows(1_000.0)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.status().why == "shadow tax"


def test_holding_an_open_circuit_is_no_second_opening() -> None:
    breaker = opened()
    breaker.hold("proxy lag", 0.5)
    assert breaker.openings == 1
    assert breaker.why == "proxy lag"
    assert not breaker.allows(1.0)


def test_a_probe_that_never_ends_does_not_keep_the_candidate_out_for_ever() -> None:
    breaker = opened()
    assert breaker.allows(1.0)
    assert not breaker.allows(18.0)  # four times the longest pause later it counts as failed
    assert breaker.state is BreakerState.OPEN
    assert breaker.allows(30.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_the_candidate_is_always_tried_again_and_never_by_two_probes(
    seed: int, failing: float
) -> None:
    random, now, last = Random(seed), 0.0, 0.0
    breaker = Breaker(LIMITS, lambda: random.uniform(0.8, 1.2))
    flying: list[int] = []
    for _ in range(400):
        now += random.random() / 4
        ticket = breaker.allows(now)
        if ticket:
            last = now
            probes = flying.count(ticket) if breaker.is_open else 0
            assert probes == 0
            flying.append(ticket)
        if flying and random.random() < 0.7:
            outcome = REFUSED if random.random() < failing else GOOD
            breaker.ended(*outcome, now, flying.pop(random.randrange(len(flying))))
        # The longest pause with its jitter, or a probe that is lost, and a step.
        assert now - last < 4 * LIMITS.longest + 2 * 1.2 * LIMITS.longest + 1
