"""From the quick way to a queue: at once where it can, else together with others of the turn."""

from collections.abc import Sequence

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase

from pyingest.event import Event
from pyingest.later import Answer, Later
from pyingest.queues.interface import Outcome
from pyingest.queues.memory import MemoryQueue
from pyingest.sinks import BatchingSink, PromptSink, sink_for
from pyingest.testing import ScriptedQueue

ONE, TWO, THREE = (Event("events", body) for body in (b"1", b"2", b"3"))


def test_a_queue_in_memory_answers_at_once() -> None:
    queue = MemoryQueue(limit=2)
    sink = sink_for(Clock(), queue)
    assert isinstance(sink, PromptSink)
    assert sink([ONE, TWO], b"yes", b"no") == b"yes"
    assert sink([THREE], b"yes", b"no") == b"no"
    assert [stored.body for stored in queue.stored] == [b"1", b"2"]


@pytest.mark.parametrize("limit", [None, 2])
def test_publishing_now_is_publishing(limit: int | None) -> None:
    prompt, other = MemoryQueue(limit), MemoryQueue(limit)
    assert prompt.publish_now([ONE, TWO])
    assert prompt.publish_now([THREE]) == (limit is None)
    with pytest.raises(StopIteration) as stopped:
        other.publish([ONE, TWO, THREE]).send(None)
    assert stopped.value.value.count(Outcome.STORED) == len(other.stored)
    assert prompt.stored == other.stored


class BatchingTests(SynchronousTestCase):
    @pytest.fixture(autouse=True)
    def remember(self, logged_failures: list[LogEvent]) -> None:
        self.logged = logged_failures

    def begin(self, *script: Outcome) -> None:
        self.clock = Clock()
        self.queue = ScriptedQueue(script)
        sink = sink_for(self.clock, self.queue)
        assert isinstance(sink, BatchingSink)
        self.sink = sink
        self.heard: list[bytes] = []

    def take(self, *events: Event) -> None:
        self.listen(self.sink(events, b"yes %d" % len(events), b"no"))

    def listen(self, answer: Answer) -> None:
        assert isinstance(answer, Later)
        answer.deliver = self.heard.append

    def test_the_requests_of_a_turn_are_published_together(self) -> None:
        self.begin()
        published: list[Sequence[Event]] = []
        publish = self.queue.publish

        async def noted(events: Sequence[Event]) -> list[Outcome]:
            published.append(events)
            return await publish(events)

        self.queue.publish = noted  # type: ignore[method-assign]  # to look on
        self.take(ONE, TWO)
        self.take(THREE)
        assert published == []
        self.clock.advance(0)
        assert published == [[ONE, TWO, THREE]]
        assert self.heard == [b"yes 2", b"yes 1"]
        self.take(ONE)
        self.clock.advance(0)
        assert self.queue.events == [ONE, TWO, THREE, ONE]

    def test_each_request_hears_of_its_own_events(self) -> None:
        self.begin(Outcome.STORED, Outcome.FULL, Outcome.STORED)
        self.take(ONE)
        self.take(TWO, THREE)
        self.take(ONE)
        self.clock.advance(0)
        assert self.heard == [b"yes 1", b"no", b"yes 1"]

    def test_nobody_hears_before_the_queue_has_answered(self) -> None:
        self.begin()
        self.queue.hold()
        self.take(ONE)
        self.clock.advance(0)
        self.take(TWO)
        self.clock.advance(0)
        assert self.heard == []
        self.queue.release()
        assert self.heard == [b"yes 1", b"yes 1"]

    def test_a_queue_that_raises_means_refused_and_a_log_entry(self) -> None:
        self.begin()

        async def broken(events: Sequence[Event]) -> list[Outcome]:
            raise ZeroDivisionError

        self.queue.publish = broken  # type: ignore[method-assign]  # a fault of a queue
        self.take(ONE)
        self.clock.advance(0)
        assert self.heard == [b"no"]
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        self.logged.clear()
