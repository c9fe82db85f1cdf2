"""How fast connections are opened to a side for whose answers nobody waits.

Opening one costs about as much as five requests on one that is kept, and that time is the clients'.
So a side that comes back is not met with one for every copy that waits; and a side that breaks
each connection with its answer gets few, as what more of them would show, the first have shown.

The rule is the generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling): openings
are due one space after another, and may be early by a little.
"""

CALM = 0.00025
"""Seconds from one opening to the next: a side that closes each connection takes no more."""
BROKEN = 0.01
"""The same while connections break."""
ROW = 16
"""So many must have broken one after the other."""
EARLY = 16 * CALM
"""Seconds by which an opening may come before it is due, so that what was not opened in a long turn
of the loop is made up for; less than ``BROKEN``, so that a side that comes back is met slowly."""


class Pace:
    """Says when the next connection may be opened, in seconds of a clock that never goes back.

    :param spaced: whether it is not always at once.
    """

    def __init__(self, spaced: bool) -> None:
        self._spaced = spaced
        self._row = 0
        self._due = float("-inf")

    def broke(self) -> None:
        """Note that a connection ended before its answer did."""
        self._row += 1

    def answered(self) -> None:
        """Note a whole answer."""
        self._row = 0

    def wait(self, now: float) -> float:
        """Return the seconds to wait; with 0, one may be opened at *now*, and counts as opened."""
        if not self._spaced:
            return 0.0
        wait = self._due - EARLY - now
        if wait > 0:
            return wait
        self._due = max(self._due, now) + (CALM if self._row < ROW else BROKEN)
        return 0.0
