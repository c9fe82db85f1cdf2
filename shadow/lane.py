"""The bounded way to the candidate. It sheds; it never waits and never grows beyond its bounds."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from shadow.status import LaneStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How much may be on the way to the candidate."""

    requests: int = 10_000
    """Waiting requests."""
    bytes: int = 64 * 1024 * 1024
    """Bytes of memory of requests that wait or are in flight, as weighed by who offers them."""
    in_flight: int = 64
    """Requests that the candidate has and has not answered."""


class Lane(Generic[T]):
    """A queue of work for the candidate.

    When it is full the newest is shed: what waits is older, and the candidate should see one
    person's requests in their order.
    """

    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._waiting: deque[T] = deque()
        self._sizes: deque[int] = deque()  # of those; pairs would be work for the collector
        self._bytes = 0
        self.in_flight = 0
        self.shed = 0
        """Requests that were not taken."""
        self.shed_bytes = 0
        self._most_requests = self._most_bytes = 0

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def has_room(self, size: int) -> bool:
        """Return whether an item of *size* bytes would be taken."""
        full = len(self._waiting) >= self._limits.requests
        return not full and self._bytes + size <= self._limits.bytes

    def offer(self, item: T, size: int) -> bool:
        """Take *item* of *size* bytes; return whether there was room."""
        if not self.has_room(size):
            self.shed += 1
            self.shed_bytes += size
            return False
        self._waiting.append(item)
        self._sizes.append(size)
        self._bytes += size
        if self._bytes > self._most_bytes:
            self._most_bytes = self._bytes
        if len(self._waiting) > self._most_requests:
            self._most_requests = len(self._waiting)
        return True

    def next(self) -> tuple[T, int] | None:
        """Return the oldest item with its size, if the candidate may have one more.

        It is in flight until :meth:`done`, and its bytes count until then.
        """
        if not self._waiting or self.in_flight >= self._limits.in_flight:
            return None
        self.in_flight += 1
        return self._waiting.popleft(), self._sizes.popleft()

    def done(self, size: int) -> None:
        """Note that an item of *size* bytes that was in flight has ended."""
        self.in_flight -= 1
        self._bytes -= size

    @property
    def is_full(self) -> bool:
        """Whether next to nothing more would be taken: a twentieth of either bound is free."""
        limits = self._limits
        return len(self) >= 0.95 * limits.requests or self._bytes >= 0.95 * limits.bytes

    def status(self) -> LaneStatus:
        """Return what is on the way now, and what was at most."""
        return LaneStatus(
            requests=len(self),
            bytes=self._bytes,
            most_requests=self._most_requests,
            most_bytes=self._most_bytes,
            in_flight=self.in_flight,
            limit_requests=self._limits.requests,
            limit_bytes=self._limits.bytes,
        )

    def abandon(self) -> list[T]:
        """Return what waits, and forget it."""
        items = list(self._waiting)
        self._bytes -= sum(self._sizes)
        self._waiting.clear()
        self._sizes.clear()
        return items
