"""Up to when everything that was meant for the other side has gone there.

What still waits in a lane has left its event on one queue only. To compare such a request would
find a loss that is none, so evidence waits for the lanes, however slow the other side is.
"""

from collections import deque
from collections.abc import Iterable

from shadow.status import Status

LONGEST = 10_000
"""Moments of one lane that are remembered while it does not move."""


class Lane:
    """One process's lane, which is first in, first out."""

    def __init__(self) -> None:
        self.up_to = 0.0
        """Epoch seconds: what came before has left the lane. 0: nothing is known."""
        self._moments: deque[tuple[float, int]] = deque(maxlen=LONGEST)
        """Epoch seconds, and how many will have been sent when all that waited then has gone."""

    def take(self, status: Status) -> None:
        """Take note of how many wait and how many were sent."""
        if not status.lane.requests:
            self.up_to = max(self.up_to, status.at)
            self._moments.clear()
            return
        sent = status.ledger.get("mirrored", 0)
        if not self._moments or status.at > self._moments[-1][0]:
            self._moments.append((status.at, sent + status.lane.requests))
        while self._moments and self._moments[0][1] <= sent:
            self.up_to = max(self.up_to, self._moments.popleft()[0])


class Lanes:
    """The lanes of all processes that proxy."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, int, float], Lane] = {}

    def up_to(self, here: Iterable[Status]) -> float | None:
        """Return the time before which nothing waits in any lane; ``None`` if nobody tells.

        :param here: what those tell who are there; what one took with it that is gone never comes.
        """
        lanes: dict[tuple[str, int, float], Lane] = {}
        for status in here:
            if status.ledger:
                key = status.name, status.pid, status.began
                lanes[key] = self._lanes.get(key) or Lane()
                lanes[key].take(status)
        self._lanes = lanes
        return min((lane.up_to for lane in lanes.values()), default=None)
