"""What a queue's server tells of a queue beside its messages: evidence that none was lost."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pyingest.queues.interface import QueueError


@dataclass(frozen=True, slots=True)
class Gauge:
    """One queue at one moment. What an engine cannot tell is -1."""

    waiting: int = -1
    """Messages that this reader has not yet returned."""
    lost: int = -1
    """Messages that were thrown away before this reader could return them, since it attached."""
    depth: int = -1
    """Messages that wait for the queue's own consumers; for the slowest, if there are several."""
    age: float = -1.0
    """Seconds for which the oldest of them has waited; Kestrel: the one fetched last."""
    discarded: int = -1
    """Messages that the queue threw away before its own consumers had them, as the server counts:
    a server that was started again may begin at 0."""


@runtime_checkable
class Gauging(Protocol):
    """A reader that can tell more than messages; every engine's here does."""

    async def gauge(self) -> dict[str, Gauge]:
        """Return a gauge for each of its queues.

        :raises QueueError: the server cannot be asked now.
        """


@runtime_checkable
class Seekable(Protocol):
    """A reader whose position is a text that can be kept beside what was read."""

    def position(self) -> str:
        """Return where this reader stands: behind what it returned last."""

    def seek(self, position: str) -> None:
        """Go on behind *position*, which a reader of the same name had; before attaching.

        :raises QueueError: the text is no position of this engine.
        """


class Missed(QueueError):
    """Messages were gone before they could be read. Reading goes on behind them.

    The text says what is known of them.
    """
