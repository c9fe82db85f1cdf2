"""Whether the candidate has become slow: its slowest requests beside legacy's, window by window.

Windows, not requests: those of one pause are slow together, so that one pause is one bad window
(two of three must be bad). A window lasts a second, and longer until it holds enough requests.
After a bad one the next begins when a request is fast again, or after a second, lest a short pause
make two bad ones of it.
"""

import math
from collections import deque
from dataclasses import dataclass, field

SECONDS = 1.0
ENOUGH = 50
"""Requests of the candidate in a window, at least."""
SLOWEST = 0.01
"""The quantile that is compared is that of the slowest hundredth, p99."""
PER_OCTAVE = 8
OF = 3
BAD = 2


@dataclass(slots=True)
class Window:
    """Durations of both sides, each in buckets of a ninth of its own size."""

    begin: float
    counts: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    totals: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, candidate: bool, seconds: float) -> None:
        """Take the duration of one request."""
        bucket = math.ceil(math.log2(max(seconds, 1e-6)) * PER_OCTAVE)
        counts = self.counts[candidate]
        counts[bucket] = counts.get(bucket, 0) + 1
        self.totals[candidate] += 1

    def p99(self, candidate: bool) -> float:
        """Return the 99th percentile in seconds, at most 9 % too high."""
        left = self.totals[candidate] * SLOWEST
        for bucket in sorted(self.counts[candidate], reverse=True):
            left -= self.counts[candidate][bucket]
            if left < 0:
                return float(2.0 ** (bucket / PER_OCTAVE))
        return 0.0

    def slower(self, limit: float) -> int:
        """Return how many of the candidate's requests took longer than *limit* seconds."""
        first = math.ceil(math.log2(limit) * PER_OCTAVE)
        return sum(count for bucket, count in self.counts[True].items() if bucket > first)


class Slowness:
    """Compares the sides' durations; times are monotonic seconds.

    More than *slower* times legacy's p99, and *slack* seconds more, is too slow.
    """

    def __init__(self, slower: float = 1.5, slack: float = 0.02) -> None:
        self.reference = 0.0
        """Legacy's p99 in seconds as last seen; 0 while it is not known."""
        self.last = 0.0
        """The candidate's in the last window."""
        self._slower, self._slack = slower, slack
        self._window: Window | None = None
        self._bad: deque[bool] = deque(maxlen=OF)
        self._limit = self._waits_until = 0.0

    @property
    def bad(self) -> int:
        """Bad ones among the last three windows."""
        return sum(self._bad)

    def add(self, candidate: bool, seconds: float, now: float) -> bool:
        """Take one request; return whether two of the last three windows are bad by now."""
        window = self._window
        if (
            window is None
            and now < self._waits_until
            and not (candidate and seconds <= self._limit)
        ):
            return False
        if window is None:
            window = self._window = Window(now)
        window.add(candidate, seconds)
        if now - window.begin < SECONDS or window.totals[True] < ENOUGH:
            return False
        self._window = None
        return self._close(window, now)

    def begin(self, slower: float, slack: float) -> None:
        """Forget the windows, but not how fast legacy was: another stage has begun."""
        self._slower, self._slack = slower, slack
        self._window, self._waits_until = None, 0.0
        self._bad.clear()

    def _close(self, window: Window, now: float) -> bool:
        if window.totals[False] >= ENOUGH:
            self.reference = window.p99(False)
        self.last = window.p99(True)
        if not self.reference:
            return False
        limit = max(self.reference * self._slower, self.reference + self._slack)
        is_bad = window.slower(limit) > _by_chance(window.totals[True])
        self._bad.append(is_bad)
        self._limit, self._waits_until = limit, now + SECONDS if is_bad else 0.0
        return self.bad >= BAD


def _by_chance(requests: int) -> float:
    """Return how many of *requests* may be among the slowest hundredth by chance.

    The mean and four standard deviations of a Poisson law, and two more for small windows: less
    than one window in a thousand has more, if the candidate is no slower than the margin allows.
    """
    mean = requests * SLOWEST
    return mean + 4 * math.sqrt(mean) + 2
