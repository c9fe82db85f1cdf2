"""Real implementations of the seams, for tests here and in other packages."""

from collections.abc import Iterable, Sequence

from twisted.internet.defer import Deferred

from pyingest.event import Event
from pyingest.queues.interface import Outcome


class ScriptedQueue:
    """A queue that answers from a script, one outcome an event; after its end all is stored."""

    def __init__(self, script: Iterable[Outcome] = ()) -> None:
        self._script = iter(script)
        self._held: list[Deferred[None]] | None = None
        self.events: list[Event] = []
        """What was stored, in order."""
        self.closed = False

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Take the next outcomes from the script; wait first while the queue is held."""
        if self._held is not None:
            released: Deferred[None] = Deferred()
            self._held.append(released)
            await released
        outcomes = [next(self._script, Outcome.STORED) for _ in events]
        self.events += [
            event
            for event, outcome in zip(events, outcomes, strict=True)
            if outcome is Outcome.STORED
        ]
        return outcomes

    async def close(self) -> None:
        """Note that the queue was closed."""
        self.closed = True

    @property
    def waiting(self) -> int:
        """How many publishes wait to be released."""
        return len(self._held or [])

    def hold(self) -> None:
        """Let every publish from now on wait."""
        self._held = []

    def release(self) -> None:
        """Let those that wait go on, first come first."""
        held, self._held = self._held or [], None
        for released in held:
            released.callback(None)
