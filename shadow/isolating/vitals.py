"""How the process itself is: whether its loop stalls, and how much memory it holds."""

import os
from collections.abc import Callable
from pathlib import Path

from shadow.isolating.watchedfile import Later, Timer

EVERY = 0.05
"""Seconds between two beats. What is later than due is what clients wait for nothing."""
_STATM = Path("/proc/self/statm")


class Stalls:
    """The longest time for which the loop looked at nothing. *now* gives monotonic seconds."""

    def __init__(self, clock: Later, now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now
        self._due = 0.0
        self._longest = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._due = self._now() + EVERY
        self._timer = self._clock.callLater(EVERY, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _beat(self) -> None:
        self._longest = max(self._longest, self._now() - self._due)
        self.start()

    def take(self) -> float:
        """Return the longest stall in seconds since the last time this was asked."""
        longest = max(self._longest, self._now() - self._due, 0.0)
        self._longest = 0.0
        return longest


def resident_bytes() -> int:
    """Return the bytes of memory that the process holds; 0 where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
