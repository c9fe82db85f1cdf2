"""For how long a process looked at nothing: measured by a heartbeat that comes too late."""

BEAT = 0.02
"""Seconds between beats."""
SPAN = 0.5
"""Seconds of one span; the longest stall is told of the present span and the one before it."""


class Stall:
    """Keeps the longest stall of about the last second; *now* is in seconds of one clock."""

    def __init__(self, now: float) -> None:
        self._last = now
        self._span = now
        self._present = 0.0
        self._before = 0.0

    def beat(self, now: float) -> None:
        """Take note of a beat; it should have come :data:`BEAT` after the last one."""
        late = max(0.0, now - self._last - BEAT)
        self._last = now
        if now - self._span >= SPAN:
            self._before, self._present = self._present, 0.0
            self._span = now
        self._present = max(self._present, late)

    @property
    def longest(self) -> float:
        """Seconds."""
        return max(self._present, self._before)
