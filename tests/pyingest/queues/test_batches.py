"""Batches: what goes together, in which order, and what a deadline makes of it."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyingest.event import Event
from pyingest.queues.batches import MOST, Batches
from pyingest.queues.deadline import within
from pyingest.queues.interface import Outcome


class Engine:
    """An engine that answers when the test says so."""

    def __init__(self, deadline: float = 5.0, lanes: int = 1) -> None:
        self.clock = Clock()
        self.sent: list[list[bytes]] = []
        self.left: list[float] = []
        self.answers: list[Deferred[list[Outcome]]] = []
        self.batches = Batches(self.clock, self.send, deadline, lanes)

    def send(self, events: list[Event], seconds: float) -> "Deferred[list[Outcome]]":
        self.sent.append([event.body for event in events])
        self.left.append(seconds)
        self.answers.append(Deferred())
        return self.answers[-1]

    def publish(self, *bodies: bytes) -> list[list[Outcome]]:
        """Publish; the list gets the outcomes when they are there."""
        heard: list[list[Outcome]] = []
        self.batches.publish([Event("q", body) for body in bodies]).addCallback(heard.append)
        return heard

    def turn(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)


STORED, REFUSED = Outcome.STORED, Outcome.REFUSED


def test_what_comes_in_one_turn_goes_as_one_batch() -> None:
    engine = Engine()
    one, two = engine.publish(b"1", b"2"), engine.publish(b"3")
    assert engine.sent == []
    engine.turn()
    assert engine.sent == [[b"1", b"2", b"3"]]
    engine.answers[0].callback([STORED, Outcome.FULL, REFUSED])
    assert one == [[STORED, Outcome.FULL]]
    assert two == [[REFUSED]]


def test_what_comes_while_all_lanes_are_taken_waits_and_goes_together() -> None:
    engine = Engine(lanes=2)
    for body in (b"1", b"2", b"3", b"4"):
        engine.publish(body)
        engine.turn()
    assert engine.sent == [[b"1"], [b"2"]]
    engine.answers[1].callback([STORED])
    engine.turn()
    assert engine.sent == [[b"1"], [b"2"], [b"3", b"4"]]


def test_a_batch_is_bounded_and_a_single_publish_is_not_torn() -> None:
    engine = Engine(lanes=9)
    engine.publish(*[b"x"] * (MOST - 1))
    engine.publish(b"1", b"2")
    engine.publish(*[b"y"] * (MOST + 5))
    for _ in range(4):
        engine.turn()
    assert [len(batch) for batch in engine.sent] == [MOST - 1, 2, MOST + 5]


def test_what_was_sent_times_out_and_a_late_answer_is_not_heard() -> None:
    engine = Engine(deadline=5)
    one = engine.publish(b"1")
    engine.turn()
    engine.turn(5)
    assert one == [[Outcome.TIMED_OUT]]
    engine.answers[0].callback([STORED])
    assert one == [[Outcome.TIMED_OUT]]


def test_what_was_never_sent_is_refused_at_its_deadline() -> None:
    engine = Engine(deadline=5)
    engine.publish(b"1")
    engine.turn()
    engine.turn(1)
    two = engine.publish(b"2")
    engine.turn(4)
    assert two == []
    engine.turn(1)
    assert two == [[REFUSED]]
    engine.answers[0].callback([STORED])
    engine.turn()
    assert engine.sent == [[b"1"]]


def test_an_engine_hears_how_long_it_has() -> None:
    engine = Engine(deadline=5)
    engine.publish(b"1")
    engine.turn()
    engine.turn(2)
    engine.publish(b"2")
    engine.turn(1)
    engine.answers[0].callback([STORED])
    engine.turn()
    assert engine.left == [5, 4]


def test_an_engine_that_breaks_leaves_its_events_in_doubt(logged_failures: list[Any]) -> None:
    engine = Engine()
    one = engine.publish(b"1", b"2")
    engine.turn()
    engine.answers[0].errback(RuntimeError("broken"))
    assert one == [[Outcome.UNKNOWN] * 2]
    assert len(logged_failures) == 1
    logged_failures.clear()
    engine.publish(b"3")
    engine.turn()
    assert engine.sent[-1] == [b"3"]


def test_closing_waits_for_all_that_was_taken_and_refuses_the_rest() -> None:
    engine = Engine()
    engine.publish(b"1")
    engine.turn()
    two = engine.publish(b"2")
    closed: list[None] = []
    engine.batches.close().addCallback(closed.append)
    assert engine.publish(b"3") == [[REFUSED]]
    engine.answers[0].callback([STORED])
    assert closed == []
    engine.turn()
    engine.answers[1].callback([STORED])
    assert two == [[STORED]]
    assert closed == [None]
    assert engine.clock.getDelayedCalls() == []


def test_closing_ends_when_what_waits_is_too_late() -> None:
    engine = Engine(deadline=5)
    engine.publish(b"1")
    engine.turn()
    engine.publish(b"2")
    closed: list[None] = []
    engine.batches.close().addCallback(closed.append)
    engine.turn(5)
    engine.answers[0].callback([STORED])
    assert closed == [None]


def test_an_answer_in_time_is_the_answer() -> None:
    clock, answer, heard = Clock(), Deferred[str](), list[str]()
    within(clock, 2, answer, "late").addCallback(heard.append)
    clock.advance(1)
    answer.callback("here")
    assert heard == ["here"]
    assert clock.getDelayedCalls() == []


def test_an_answer_that_is_late_is_not_heard() -> None:
    clock, answer, heard = Clock(), Deferred[str](), list[str]()
    within(clock, 2, answer, "late").addCallback(heard.append)
    clock.advance(2)
    answer.callback("here")
    assert heard == ["late"]
