"""The circuit: what opens it, when it probes, what closes it."""

from pyingest.durability.acknowledgement import Circuit, DurableOptions
from pyingest.durability.circuit import Breaker, Permit

OPTIONS = DurableOptions(first_pause=1.0, longest_pause=5.0, failures=3)


def breaker() -> Breaker:
    return Breaker(OPTIONS, lambda: 1.0)


def opened() -> Breaker:
    made = breaker()
    made.failed(Permit.WRITE, 0.0, at_once=True)
    return made


def test_a_slow_failure_opens_it_at_once() -> None:
    assert opened().state is Circuit.OPEN
    assert opened().permit(0.9) is Permit.NO


def test_quick_failures_open_it_after_some_in_a_row() -> None:
    made = breaker()
    for _ in range(2):
        made.failed(Permit.WRITE, 0.0, at_once=False)
    made.succeeded()
    for _ in range(2):
        made.failed(Permit.WRITE, 0.0, at_once=False)
    assert made.permit(0.0) is Permit.WRITE
    made.failed(Permit.WRITE, 0.0, at_once=False)
    assert made.permit(0.0) is Permit.NO


def test_one_probe_at_a_time() -> None:
    made = opened()
    assert made.wait(0.25) == 0.75
    assert made.permit(1.0) is Permit.PROBE
    assert made.state is Circuit.HALF_OPEN
    assert made.permit(1.0) is Permit.NO


def test_a_probe_that_succeeds_closes_it() -> None:
    made = opened()
    made.permit(1.0)
    made.succeeded()
    assert made.state is Circuit.CLOSED
    assert made.permit(1.0) is Permit.WRITE


def test_probes_that_fail_come_ever_more_rarely() -> None:
    made, now, waits = opened(), 0.0, []
    for _ in range(5):
        waits.append(made.wait(now))
        now += waits[-1]
        permit = made.permit(now)
        assert permit is Permit.PROBE
        made.failed(permit, now, at_once=False)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_writes_of_before_say_nothing_of_the_probe() -> None:
    made = opened()
    made.permit(1.0)
    made.failed(Permit.WRITE, 1.0, at_once=True)
    assert made.state is Circuit.HALF_OPEN
    assert made.permit(1.0) is Permit.NO


def test_the_pause_stays_finite_however_long_the_queue_is_away() -> None:
    made, now = opened(), 0.0
    for _ in range(2000):
        now += made.wait(now)
        made.failed(made.permit(now), now, at_once=True)
    assert made.wait(now) == 5.0
