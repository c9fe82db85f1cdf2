"""The last minute, five minutes and hour, as sums of slices that were closed and the open one.

Two rings: the last 12 slices of 5 seconds, and the last 60 minutes, each the sum of its slices.
A window of N minutes is the present minute and the N - 1 before it, so it covers between N - 1 and
N minutes; the window of one minute is made of slices, and covers between 55 and 60 seconds.
"""

from collections import deque
from functools import reduce

from pyingest.traffic.merging import add_tallies, shortened
from pyingest.traffic.stats import Tally, Window

SLICE = 5
"""Seconds."""
MINUTE = 60
MINUTES = (1, 5, 60)
"""The windows. Slices and minutes begin at whole multiples since the epoch, so that those of
several workers cover the same time."""


class History:
    """What was counted in slices that are closed.

    :param capacity: the most tokens that a sum lists.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._slices: deque[tuple[int, Tally]] = deque(maxlen=MINUTE // SLICE)
        """When each began, and what was counted."""
        self._minutes: deque[tuple[int, Tally]] = deque(maxlen=max(MINUTES))
        self._total = Tally()

    def close(self, began: int, tally: Tally) -> None:
        """Take the counts of the slice that began at *began*, a time in epoch seconds.

        Costs the sum of two lists of at most the capacity.
        """
        self._slices.append((began, tally))
        minute = began - began % MINUTE
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = minute, self._sum([self._minutes[-1][1], tally])
        else:
            self._minutes.append((minute, tally))
        self._total = self._sum([self._total, tally])

    def since_start(self, present: Tally) -> Tally:
        """Return all that was counted, *present* (the open slice) included."""
        return self._sum([self._total, present])

    def windows(self, now: float, started: float, present: Tally) -> tuple[Window, ...]:
        """Return the windows that end *now*, *present* (the open slice) included."""
        return tuple(self._window(minutes, now, started, present) for minutes in MINUTES)

    def _window(self, minutes: int, now: float, started: float, present: Tally) -> Window:
        second = int(now)
        if minutes == 1:
            first = second - second % SLICE - MINUTE + SLICE
            ring = self._slices
        else:
            first = second - second % MINUTE - (minutes - 1) * MINUTE
            ring = self._minutes
        parts = [tally for began, tally in ring if began >= first]
        return Window(
            seconds=minutes * MINUTE,
            covered=round(max(now - max(first, started), 0.0), 3),
            tally=self._sum([*parts, present]),
        )

    def _sum(self, parts: list[Tally]) -> Tally:
        whole = reduce(add_tallies, parts)
        return Tally(
            totals=whole.totals,
            endpoints=whole.endpoints,
            libraries=whole.libraries,
            outcomes=whole.outcomes,
            reasons=whole.reasons,
            tokens=shortened(whole.tokens, self._capacity),
        )
