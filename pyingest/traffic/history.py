"""The last minute, five minutes and hour, as sums of slices that were closed and the open one.

The window of one minute is made of slices of 5 seconds, and covers between 55 and 60 seconds. A
window of N minutes is the present minute and the N - 1 before it: it covers between N - 1 and N
minutes.
"""

from pyingest.traffic.merging import add_tallies, shortened
from pyingest.traffic.sliding import SlidingSum
from pyingest.traffic.stats import Tally, Window

SLICE = 5
"""Seconds."""
MINUTE = 60
LONGER = (5, 60)
"""The windows of several minutes. Slices and minutes begin at whole multiples since the epoch, so
that those of several workers cover the same time."""


class History:
    """What was counted in slices that are closed.

    :param capacity: the most tokens that a sum lists.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._slices = SlidingSum(self._add, Tally())
        self._minutes = {minutes: SlidingSum(self._add, Tally()) for minutes in LONGER}
        """Those that are over."""
        self._minute = 0
        """When the minute of the last slice began."""
        self._present = Tally()
        """What was counted in it."""
        self._total = Tally()

    def close(self, began: int, tally: Tally) -> None:
        """Take the counts of the slice that began at *began*, a time in epoch seconds.

        In the long run this costs a few sums of two lists of at most the capacity.
        """
        self._end_minute(began)
        self._slices.forget(_first_slice(began))
        self._slices.push(began, tally)
        self._present = self._add(self._present, tally)
        self._total = self._add(self._total, tally)

    def since_start(self, open_slice: Tally) -> Tally:
        """Return all that was counted, *open_slice* included."""
        return self._add(self._total, open_slice)

    def windows(self, now: float, started: float, open_slice: Tally) -> tuple[Window, ...]:
        """Return the windows that end *now*, *open_slice* included. Time must not go back."""
        second = int(now)
        self._end_minute(second)
        first = _first_slice(second)
        self._slices.forget(first)
        lately = self._add(self._slices.total(), open_slice)
        found = [_window(1, lately, now - max(first, started))]
        present = self._add(self._present, open_slice)
        for minutes, closed in self._minutes.items():
            first = _minute(second) - (minutes - 1) * MINUTE
            tally = self._add(closed.total(), present)
            found.append(_window(minutes, tally, now - max(first, started)))
        return tuple(found)

    def _end_minute(self, second: int) -> None:
        """Close the present minute if *second* is not in it."""
        minute = _minute(second)
        if minute <= self._minute:
            return
        for minutes, closed in self._minutes.items():
            closed.push(self._minute, self._present)
            closed.forget(minute - (minutes - 1) * MINUTE)
        self._minute, self._present = minute, Tally()

    def _add(self, one: Tally, other: Tally) -> Tally:
        whole = add_tallies(one, other)
        return Tally(
            totals=whole.totals,
            endpoints=whole.endpoints,
            libraries=whole.libraries,
            outcomes=whole.outcomes,
            reasons=whole.reasons,
            tokens=shortened(whole.tokens, self._capacity),
        )


def _minute(second: int) -> int:
    return second - second % MINUTE


def _first_slice(second: int) -> int:
    """Return when the first slice of the minute that ends with *second* began."""
    return second - second % SLICE - MINUTE + SLICE


def _window(minutes: int, tally: Tally, covered: float) -> Window:
    return Window(seconds=minutes * MINUTE, covered=round(max(covered, 0.0), 3), tally=tally)
