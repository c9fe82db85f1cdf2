"""Alarms: on a test's clock, and the system's own."""

import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from replay.timer import LONGEST, ReactorAlarm, TimerAlarm, best_alarm


def test_alarm_rings_once_at_its_time() -> None:
    clock, rung = Clock(), list[float]()
    alarm = ReactorAlarm(clock, lambda: rung.append(clock.seconds()))
    alarm.set(2.0)
    alarm.set(1.0)
    clock.pump([0.5] * 10)
    assert rung == [1.0]


def test_closed_alarm_does_not_ring() -> None:
    clock, rung = Clock(), list[bool]()
    alarm = ReactorAlarm(clock, lambda: rung.append(True))
    alarm.set(1.0)
    alarm.close()
    clock.advance(5.0)
    assert rung == []


def test_alarm_for_a_far_day_rings_early_rather_than_never() -> None:
    clock, rung = Clock(), list[float]()
    ReactorAlarm(clock, lambda: rung.append(clock.seconds())).set(float("inf"))
    clock.advance(LONGEST)
    assert rung == [LONGEST]


def test_clock_without_descriptors_gets_a_plain_alarm() -> None:
    assert isinstance(best_alarm(Clock(), lambda: None), ReactorAlarm)


class TimerAlarmTest(TestCase):
    """The descriptor in a real reactor."""

    timeout = 10

    async def test_rings_no_earlier_than_asked(self) -> None:
        rung: Deferred[float] = Deferred()
        alarm = TimerAlarm(reactor, lambda: rung.callback(time.monotonic()))
        self.addCleanup(alarm.close)
        begun = time.monotonic()
        alarm.set(5.0)
        alarm.set(0.02)  # the later word counts
        took = await rung - begun
        assert 0.02 <= took < 4.0

    async def test_nothing_is_left_in_the_reactor(self) -> None:
        before = set(reactor.getReaders())
        alarm = TimerAlarm(reactor, lambda: None)
        alarm.close()
        alarm.close()
        assert set(reactor.getReaders()) == before
