"""Events go to whichever server lives; none is lost by a dead one, and none is stored twice."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.testing import ScriptedQueue
from pyingest.traffic.spreading import SpreadQueue

Value = TypeVar("Value")
STORED, REFUSED, FULL = Outcome.STORED, Outcome.REFUSED, Outcome.FULL
TIMED_OUT, UNKNOWN = Outcome.TIMED_OUT, Outcome.UNKNOWN
ONE = [Event("events", b"1")]
TWO = [Event("events", b"1"), Event("events", b"2")]


def result(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """Return what *coroutine*, which waits for nothing, returns."""
    found: list[Value] = []
    deferred = Deferred.fromCoroutine(coroutine)
    deferred.addCallback(found.append)
    assert found, deferred
    return found[0]


class Clock:
    """Seconds that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_equal_servers_take_turns() -> None:
    one, two = ScriptedQueue(), ScriptedQueue()
    queue = SpreadQueue({"one": one, "two": two}, Clock())
    for _ in range(6):
        assert result(queue.publish(ONE)) == [STORED]
    assert (len(one.events), len(two.events)) == (3, 3)


def test_a_server_that_is_slow_to_answer_gets_less() -> None:
    slow, quick = ScriptedQueue(), ScriptedQueue()
    queue = SpreadQueue({"slow": slow, "quick": quick}, Clock())
    slow.hold()
    waiting = Deferred.fromCoroutine(queue.publish(TWO))
    for _ in range(5):
        result(queue.publish(ONE))
    assert (len(slow.events), len(quick.events)) == (0, 5)
    assert queue.servers.in_flight("slow") == 2
    slow.release()
    assert waiting.result == [STORED, STORED]
    assert queue.servers.in_flight("slow") == 0


@pytest.mark.parametrize("outcome", [REFUSED, FULL])
def test_what_a_server_surely_did_not_store_goes_to_another(outcome: Outcome) -> None:
    bad, good = ScriptedQueue([STORED, outcome]), ScriptedQueue()
    queue = SpreadQueue({"bad": bad, "good": good}, Clock())
    assert result(queue.publish(TWO)) == [STORED, STORED]
    assert [event.body for event in bad.events] == [b"1"]
    assert [event.body for event in good.events] == [b"2"]


@pytest.mark.parametrize("outcome", [TIMED_OUT, UNKNOWN])
def test_what_a_server_may_have_stored_is_not_sent_again(outcome: Outcome) -> None:
    bad, good = ScriptedQueue([outcome]), ScriptedQueue()
    queue = SpreadQueue({"bad": bad, "good": good}, Clock())
    assert result(queue.publish(ONE)) == [outcome]
    assert good.events == []
    assert not queue.servers.is_alive("bad")


def test_a_server_that_failed_is_tried_again_after_its_rest() -> None:
    clock = Clock()
    bad, good = ScriptedQueue([REFUSED]), ScriptedQueue()
    queue = SpreadQueue({"bad": bad, "good": good}, clock, rest=2.0)
    for _ in range(4):
        assert result(queue.publish(ONE)) == [STORED]
    assert bad.events == []
    clock.now = 2.0
    for _ in range(4):
        assert result(queue.publish(ONE)) == [STORED]
    assert len(bad.events) == 2


def test_when_every_server_rests_events_are_refused_at_once() -> None:
    queue = SpreadQueue({"a": ScriptedQueue([FULL]), "b": ScriptedQueue([REFUSED])}, Clock())
    assert result(queue.publish(ONE)) == [REFUSED]
    assert result(queue.publish(ONE)) == [REFUSED]
    assert [state.dead for state in queue.servers.states()] == [1, 1]


def test_closing_closes_every_server() -> None:
    queues = {"a": ScriptedQueue(), "b": ScriptedQueue()}
    result(SpreadQueue(queues, Clock()).close())
    assert all(queue.closed for queue in queues.values())


SCRIPTS = st.lists(st.lists(st.sampled_from(list(Outcome)), max_size=12), min_size=1, max_size=4)


@given(SCRIPTS, st.lists(st.integers(0, 5), max_size=12))
def test_an_event_is_stored_once_or_not_at_all_and_the_outcome_says_which(
    scripts: list[list[Outcome]], batches: list[int]
) -> None:
    clock = Clock()
    queues = {f"q{number}": ScriptedQueue(script) for number, script in enumerate(scripts)}
    queue = SpreadQueue(queues, clock)
    expected: list[bytes] = []
    for number, size in enumerate(batches):
        clock.now += 0.4
        events = [Event("events", b"%d %d" % (number, place)) for place in range(size)]
        outcomes = result(queue.publish(events))
        assert len(outcomes) == size
        pairs = zip(events, outcomes, strict=True)
        expected += [event.body for event, outcome in pairs if outcome is STORED]
    found = [event.body for each in queues.values() for event in each.events]
    assert sorted(found) == sorted(expected)
    assert all(state.in_flight == 0 for state in queue.servers.states())
