"""How long both sides took, in windows of time.

Requests within one pause are not independent, so the unit of evidence is the window, longer
than a pause. Times are kept in HDR layout: three significant digits, about 50 ns a record.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

BITS = 11
"""2 048 sub-buckets: a value is known to within 0.1 %."""
QUANTILES = (0.5, 0.9, 0.99, 0.999)
LONGEST = 60_000_000
"""Microseconds. What took longer is counted as this."""


class Histogram:
    """Counts of durations, mergeable."""

    __slots__ = ("_counts", "most", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0
        self.most = 0.0
        """The longest, in seconds."""

    def add(self, seconds: float) -> None:
        """Count one duration."""
        micro = min(int(seconds * 1e6), LONGEST)
        shift = micro.bit_length() - BITS
        bucket = micro if shift <= 0 else (shift << BITS - 1) + (micro >> shift)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.total += 1
        if seconds > self.most:
            self.most = seconds

    def merge(self, other: "Histogram") -> None:
        """Add the counts of *other*."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.total += other.total
        self.most = max(self.most, other.most)

    def quantile(self, share: float) -> float:
        """Return the seconds that *share* of all durations do not exceed; 0 without any."""
        wanted, seen = share * self.total, 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return _micro(bucket) / 1e6
        return 0.0

    def slower_than(self, seconds: float) -> int:
        """Return how many took longer than *seconds*."""
        limit = seconds * 1e6
        return sum(count for bucket, count in self._counts.items() if _micro(bucket) > limit)


def _micro(bucket: int) -> int:
    shift = (bucket >> BITS - 1) - 1
    return bucket if shift <= 0 else (bucket - (shift << BITS - 1)) << shift


@dataclass(slots=True)
class Window:
    """One stretch of time."""

    legacy: Histogram = field(default_factory=Histogram)
    candidate: Histogram = field(default_factory=Histogram)
    unanswered: int = 0
    """Requests that the candidate did not answer."""

    @property
    def requests(self) -> int:
        """Requests that the candidate got."""
        return self.candidate.total + self.unanswered


class Windows:
    """The windows of a run, each of so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._windows: dict[int, Window] = {}

    def add(self, at: float, legacy: float | None, candidate: float | None) -> None:
        """Count a request that came *at* (epoch seconds); ``None`` is no answer."""
        window = self._windows.setdefault(int(at / self.seconds), Window())
        if legacy is not None:
            window.legacy.add(legacy)
        if candidate is None:
            window.unanswered += 1
        else:
            window.candidate.add(candidate)

    def merge(self, other: "Windows") -> None:
        """Add the windows of *other*, which must be of the same length."""
        for number, window in other._windows.items():
            mine = self._windows.setdefault(number, Window())
            mine.legacy.merge(window.legacy)
            mine.candidate.merge(window.candidate)
            mine.unanswered += window.unanswered

    def whole(self) -> list[Window]:
        """Return the windows but the first and the last, which traffic fills only in part."""
        return [self._windows[number] for number in sorted(self._windows)[1:-1]]

    def pooled(self) -> Window:
        """Return everything as one window."""
        pool = Window()
        for window in self._windows.values():
            pool.legacy.merge(window.legacy)
            pool.candidate.merge(window.candidate)
            pool.unanswered += window.unanswered
        return pool


def slow_windows(windows: Iterable[Window], limit: float, share: float) -> Iterator[bool]:
    """Yield for each window whether too many of its requests were slow or not answered.

    A window is bad when more than 1 - *share* of its requests took longer than *limit* seconds.
    """
    for window in windows:
        if window.requests:
            slow = window.candidate.slower_than(limit) + window.unanswered
            yield slow > (1 - share) * window.requests


def usable_quantiles(windows: list[Window], quantiles: Iterable[float]) -> list[float]:
    """Return the quantiles for which a typical window holds enough: 20/(1-q) requests."""
    sizes = sorted(min(window.legacy.total, window.candidate.total) for window in windows)
    typical = sizes[len(sizes) // 2] if sizes else 0
    return [share for share in quantiles if typical >= 20 / (1 - share)]


def worse_windows(
    windows: Iterable[Window], quantile: float, ratio: float, slack: float
) -> Iterator[int]:
    """Yield for each window +1 when the candidate is worse, -1 when legacy is, else 0.

    Worse is: slower than *ratio* times the other, and than the other plus *slack* seconds.
    """
    for window in windows:
        if window.legacy.total and window.candidate.total:
            ours, theirs = window.legacy.quantile(quantile), window.candidate.quantile(quantile)
            worse = theirs > max(ratio * ours, ours + slack)
            better = ours > max(ratio * theirs, theirs + slack)
            yield worse - better
