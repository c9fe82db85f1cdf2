"""The course of a replay, on a clock that stands still between steps."""

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from replay.accounting import Accounting, Result
from replay.entry import Parsed
from replay.formats.detection import LogError
from replay.pacing import Due
from replay.run import HOPELESS, Limits, Run
from replay.testing import ScriptedService, entry
from replay.timer import ReactorAlarm
from shadow.exchange import Failure


class Stage:
    """A run of *dues* against a scripted service."""

    def __init__(
        self,
        dues: list[float],
        limits: Limits | None = None,
        service: ScriptedService | None = None,
    ) -> None:
        self.clock = Clock()
        self.service = service or ScriptedService(self.clock)
        self.service.clock = self.clock
        self.accounting = Accounting()
        self.finished = 0
        self.run = Run(
            self._dues(dues),
            self.accounting,
            limits or Limits(in_flight=500),
            self.service.send,
            self.clock.seconds,
            self._finish,
        )
        self.run.start(ReactorAlarm(self.clock, self.run.pump))

    def result(self) -> Result:
        return self.accounting.result("", "", False, self.run.stopped, self.run.seconds)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000)):
            self.clock.advance(0.001)

    def _dues(self, dues: list[float]) -> Iterator[Due]:
        entries: list[Parsed] = [entry(number) for number in range(len(dues))]
        return map(Due, dues, self.accounting.read(entries))

    def _finish(self) -> None:
        self.finished += 1


def test_requests_leave_when_they_are_due() -> None:
    stage = Stage([0.0, 0.25, 0.25, 1.0])
    stage.pass_time(2.0)
    times = [at for at, _ in stage.service.received]
    assert times == pytest.approx([0.0, 0.25, 0.25, 1.0], abs=0.0015)
    assert stage.finished == 1
    assert stage.run.seconds == pytest.approx(1.01, abs=0.002)
    assert stage.result().answered == {200: 4}
    assert stage.result().lateness.most <= 0.0015


def test_no_answer_is_waited_for() -> None:
    stage = Stage([0.0, 0.1, 0.2], service=ScriptedService(None, lambda number: 10.0))
    stage.pass_time(0.3)
    assert len(stage.service.received) == 3
    assert stage.finished == 0


def test_frozen_service_shows_in_the_response_times_of_all_who_would_have_waited() -> None:
    # One in flight; the first answer takes two seconds. A hundred requests were due meanwhile.
    service = ScriptedService(None, lambda number: 2.0 if number == 0 else 0.001)
    stage = Stage([n / 50 for n in range(101)], Limits(in_flight=1), service)
    stage.pass_time(3.0)
    result = stage.result()
    assert result.answered == {200: 101}
    assert result.response.p50 > 0.5
    assert result.service.p50 < 0.01
    assert [target for _, target in service.received] == [
        b"/track/?n=%d" % number for number in range(101)
    ]


def test_never_more_in_flight_than_allowed() -> None:
    service = ScriptedService(None, lambda number: 0.1)
    stage = Stage([0.0] * 50, Limits(in_flight=7), service)
    stage.pass_time(1.0)
    assert service.most_in_flight == 7
    assert stage.result().most_in_flight == 7
    assert len(service.received) == 50


def test_closed_loop_obeys_little_s_law() -> None:
    service = ScriptedService(None, lambda number: 0.1)
    stage = Stage([0.0] * 1000, Limits(in_flight=10, closed=True), service)
    stage.pass_time(11.0)
    result = stage.result()
    assert result.throughput == pytest.approx(100, rel=0.02)
    assert result.in_flight == pytest.approx(10, rel=0.02)
    assert result.lateness.most <= 1e-6  # nothing is late where nothing is scheduled


def test_stop_sends_nothing_more_and_waits_for_what_is_under_way() -> None:
    stage = Stage([0.0, 0.0, 5.0], service=ScriptedService(None, lambda number: 1.0))
    stage.pass_time(0.1)
    stage.run.stop("interrupted")
    assert stage.finished == 0
    stage.pass_time(1.0)
    result = stage.result()
    assert stage.finished == 1
    assert (result.sent, result.answered, result.left_out) == (2, {200: 2}, 1)
    assert result.stopped == "interrupted"
    assert result.remainder() == 0
    stage.pass_time(10.0)
    assert len(stage.service.received) == 2


def test_giving_up_books_the_rest_as_unanswered_once() -> None:
    stage = Stage([0.0, 0.0], service=ScriptedService(None, lambda number: 1.0 + number))
    stage.pass_time(1.5)
    stage.run.stop("interrupted")
    stage.run.give_up()
    stage.pass_time(5.0)  # the late answer changes nothing
    result = stage.result()
    assert (result.answered, result.unanswered, result.remainder()) == ({200: 1}, 1, 0)
    assert stage.finished == 1


def test_service_that_is_gone_ends_the_replay() -> None:
    service = ScriptedService(None, failure=Failure.REFUSED)
    stage = Stage([0.0] * (HOPELESS + 500), service=service)
    assert stage.finished == 1
    assert len(service.received) == HOPELESS
    assert "all failed: scripted" in stage.run.stopped


def test_empty_log_ends_at_once() -> None:
    stage = Stage([])
    assert stage.finished == 1
    assert stage.result().lines == 0


def test_log_that_breaks_off_ends_the_replay_with_its_reason() -> None:
    def broken() -> Iterator[Due]:
        yield Due(0.0, entry(1))
        raise LogError("access.log: gone")

    clock, accounting = Clock(), Accounting()
    service, ended = ScriptedService(clock), list[bool]()
    limits = Limits(in_flight=5)
    run = Run(broken(), accounting, limits, service.send, clock.seconds, lambda: ended.append(True))
    run.start(ReactorAlarm(clock, run.pump))
    clock.advance(1.0)
    assert ended == [True]
    assert "access.log: gone" in run.stopped
    assert len(service.received) == 1
