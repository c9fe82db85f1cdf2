"""The circuit breaker before the candidate."""

from shadow.breaker import Breaker, BreakerLimits

LIMITS = BreakerLimits(failures=3, first=1.0, longest=4.0)


def opened() -> Breaker:
    breaker = Breaker(LIMITS, lambda: 1.0)
    for _ in range(3):
        breaker.failed(0.0)
    return breaker


def test_a_closed_circuit_lets_everything_through() -> None:
    breaker = Breaker(LIMITS, lambda: 1.0)
    assert all(breaker.allows(0.0) for _ in range(100))


def test_failures_in_a_row_open_it() -> None:
    assert opened().is_open
    assert not opened().allows(0.9)


def test_a_success_between_keeps_it_closed() -> None:
    breaker = Breaker(LIMITS, lambda: 1.0)
    for _ in range(5):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_one_request_probes_after_the_pause() -> None:
    breaker = opened()
    assert breaker.allows(1.0)
    assert not breaker.allows(1.0)


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.allows(1.0)
    breaker.succeeded()
    assert breaker.allows(1.0)
    assert not breaker.is_open


def test_each_probe_that_fails_doubles_the_pause_up_to_a_bound() -> None:
    breaker = opened()
    now, pauses = 1.0, []
    for _ in range(5):
        assert breaker.allows(now)
        breaker.failed(now)
        pause = next(step / 2 for step in range(1, 20) if breaker_would_allow(breaker, now, step))
        pauses.append(pause)
        now += pause
    assert pauses == [2.0, 4.0, 4.0, 4.0, 4.0]


def breaker_would_allow(breaker: Breaker, now: float, step: int) -> bool:
    """Look without probing: the probe is taken back when it is not due yet."""
    return breaker.is_open and now + step / 2 >= (breaker.opened_until or 0)


def test_jitter_stretches_the_pause() -> None:
    breaker = Breaker(LIMITS, lambda: 1.5)
    for _ in range(3):
        breaker.failed(0.0)
    assert not breaker.allows(1.4)
    assert breaker.allows(1.5)
