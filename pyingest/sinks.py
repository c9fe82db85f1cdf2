"""From a queue to what the quick way needs of one: an answer now, or one a turn later."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyingest.event import Event
from pyingest.later import Answer, Later
from pyingest.queues.interface import Outcome, Queue
from pyingest.quick import Sink


@runtime_checkable
class PromptQueue(Protocol):
    """A queue that knows at once what becomes of events."""

    def publish_now(self, events: Sequence[Event]) -> bool:
        """Write *events* in order; say whether all of them are stored. Never raises."""


def sink_for(clock: Any, queue: Queue) -> Sink:
    """Return the sink that writes to *queue*; *clock* is the reactor."""
    if isinstance(queue, PromptQueue):
        return PromptSink(queue)
    return BatchingSink(clock, queue)


class PromptSink:
    """Writes at once."""

    def __init__(self, queue: PromptQueue) -> None:
        self._publish = queue.publish_now

    def __call__(self, events: Sequence[Event], stored: bytes, refused: bytes) -> Answer:
        """Write *events*; see :class:`pyingest.quick.Sink`."""
        return stored if self._publish(events) else refused


class BatchingSink:
    """Publishes what came in one turn of the event loop together: one Deferred for all of it."""

    log = Logger()

    def __init__(self, clock: Any, queue: Queue) -> None:
        self._clock = clock
        self._queue = queue
        self._events: list[Event] = []
        self._waiting: list[tuple[Later, int, bytes, bytes]] = []

    def __call__(self, events: Sequence[Event], stored: bytes, refused: bytes) -> Answer:
        """Take *events* for this turn; see :class:`pyingest.quick.Sink`."""
        if not self._waiting:
            self._clock.callLater(0, self._flush)
        later = Later()
        self._events.extend(events)
        self._waiting.append((later, len(self._events), stored, refused))
        return later

    def _flush(self) -> None:
        events, self._events = self._events, []
        waiting, self._waiting = self._waiting, []
        coming = Deferred.fromCoroutine(self._queue.publish(events))
        coming.addErrback(self._failed)
        coming.addCallback(self._answer, waiting, len(events))

    def _failed(self, failure: Any) -> list[Outcome]:
        self.log.failure("events could not be published", failure=failure)
        return []

    def _answer(
        self, outcomes: list[Outcome], waiting: list[tuple[Later, int, bytes, bytes]], count: int
    ) -> None:
        all_stored = len(outcomes) == count and outcomes.count(Outcome.STORED) == count
        start = 0
        for later, end, stored, refused in waiting:
            good = all_stored or _stored(outcomes[start:end], end - start)
            start = end
            later.deliver(stored if good else refused)


def _stored(outcomes: list[Outcome], count: int) -> bool:
    return len(outcomes) == count and all(outcome is Outcome.STORED for outcome in outcomes)
