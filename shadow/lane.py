"""The bounded way to the candidate. It sheds; it never waits and never grows beyond its bounds."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How much may be on the way to the candidate."""

    requests: int = 10_000
    """Waiting requests."""
    bytes: int = 64 * 1024 * 1024
    """Bytes of requests that wait or are in flight."""
    in_flight: int = 64
    """Requests that the candidate has and has not answered."""


class Lane(Generic[T]):
    """A queue of work for the candidate.

    When it is full the newest is shed: what waits is older, and the candidate should see one
    person's requests in their order.
    """

    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self.in_flight = 0

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        """Bytes of what waits or is in flight."""
        return self._bytes

    def has_room(self, size: int) -> bool:
        """Return whether an item of *size* bytes would be taken."""
        full = len(self._waiting) >= self._limits.requests
        return not full and self._bytes + size <= self._limits.bytes

    def offer(self, item: T, size: int) -> bool:
        """Take *item* of *size* bytes; return whether there was room."""
        if not self.has_room(size):
            return False
        self._waiting.append((item, size))
        self._bytes += size
        return True

    def next(self) -> tuple[T, int] | None:
        """Return the oldest item with its size, if the candidate may have one more.

        It is in flight until :meth:`done`, and its bytes count until then.
        """
        if not self._waiting or self.in_flight >= self._limits.in_flight:
            return None
        self.in_flight += 1
        return self._waiting.popleft()

    def done(self, size: int) -> None:
        """Note that an item of *size* bytes that was in flight has ended."""
        self.in_flight -= 1
        self._bytes -= size

    def abandon(self) -> list[T]:
        """Return what waits, and forget it."""
        items = [item for item, _ in self._waiting]
        self._bytes -= sum(size for _, size in self._waiting)
        self._waiting.clear()
        return items
