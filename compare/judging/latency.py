"""How long both sides took, in windows of time.

Requests within one pause are not independent, so the unit of evidence is the window, longer
than a pause. Times are kept in HDR layout: three significant digits, about 50 ns a record.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

BITS = 11
"""2 048 sub-buckets: a value is known to within 0.1 %."""
QUANTILES = (0.5, 0.9, 0.99, 0.999)
BEYOND = 20
"""Requests of a typical window that must lie beyond a quantile for it to mean something."""
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
        """Count one duration; one below zero, by a clock that was set back, as none."""
        if 0 <= seconds < LONGEST / 1e6:
            micro = int(seconds * 1e6)
        else:
            micro = LONGEST if seconds > 0 else 0
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

    def quantile(self, share: float, unanswered: int = 0) -> float:
        """Return the duration in seconds that *share* of all do not exceed; 0 when there are none.

        *unanswered* calls count as longer than any other: a quantile among them is infinite.
        """
        wanted, seen = share * (self.total + unanswered) - 1e-9, 0
        if unanswered and wanted > self.total:
            return math.inf
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return _micro(bucket) / 1e6
        return 0.0

    def encoded(self) -> str:
        """Return the counts in HdrHistogram's V2 format, base64, in microseconds."""
        return _hdr(self)

    def counts(self) -> list[tuple[float, int]]:
        """Return (duration in seconds, how many), the shortest first."""
        return [(_micro(bucket) / 1e6, self._counts[bucket]) for bucket in sorted(self._counts)]

    def slower_than(self, seconds: float) -> int:
        """Return how many took longer than *seconds*."""
        limit = seconds * 1e6
        return sum(count for bucket, count in self._counts.items() if _micro(bucket) > limit)


def _hdr(histogram: Histogram) -> str:
    encoder = HdrHistogram(1, LONGEST, 3)
    for bucket, count in sorted(histogram._counts.items()):
        encoder.record_value(max(1, _micro(bucket)), count)
    text: bytes = encoder.encode()
    return text.decode("ascii")


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
    legacy_unanswered: int = 0

    @property
    def requests(self) -> int:
        """Requests that the candidate got."""
        return self.candidate.total + self.unanswered

    def merge(self, other: "Window") -> None:
        """Add what *other* counted."""
        self.legacy.merge(other.legacy)
        self.candidate.merge(other.candidate)
        self.unanswered += other.unanswered
        self.legacy_unanswered += other.legacy_unanswered


class Windows:
    """The windows of a run, each of so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.first, self.last = math.inf, -math.inf
        """Epoch seconds of the earliest and the latest request; infinite when there is none."""
        self._windows: dict[int, Window] = {}

    def add(self, at: float, legacy: float | None, candidate: float | None) -> None:
        """Count a request that came *at* (epoch seconds); ``None`` is no answer."""
        number = int(at / self.seconds)
        window = self._windows.get(number)
        if window is None:
            window = self._windows[number] = Window()
        if legacy is None:
            window.legacy_unanswered += 1
        else:
            window.legacy.add(legacy)
        if candidate is None:
            window.unanswered += 1
        else:
            window.candidate.add(candidate)
        self.saw(at)

    def saw(self, at: float) -> None:
        """Note that a request came *at*, of which no time is known."""
        if at < self.first:
            self.first = at
        if at > self.last:
            self.last = at

    def merge(self, other: "Windows") -> None:
        """Add the windows of *other*, which must be of the same length."""
        for number, window in other._windows.items():
            self._windows.setdefault(number, Window()).merge(window)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)

    def whole(self) -> list[Window]:
        """Return the windows but the first and the last, which traffic fills only in part."""
        return [self._windows[number] for number in sorted(self._windows)[1:-1]]

    def pooled(self) -> Window:
        """Return everything as one window."""
        pool = Window()
        for window in self._windows.values():
            pool.merge(window)
        return pool

    @property
    def duration(self) -> float:
        """Seconds from the first request to the last; 0 when there is none."""
        return self.last - self.first if self._windows else 0.0


def slow_windows(windows: Iterable[Window], limit: float, share: float) -> Iterator[bool]:
    """Yield for each window whether too many of its requests were slow or not answered.

    A window is bad when more than 1 - *share* of its requests took longer than *limit* seconds.
    """
    for window in windows:
        if window.requests:
            slow = window.candidate.slower_than(limit) + window.unanswered
            yield slow > (1 - share) * window.requests + 1e-9


def usable_quantiles(windows: list[Window], quantiles: Iterable[float]) -> list[float]:
    """Return the quantiles for which a typical window holds enough: 20/(1-q) requests."""
    sizes = sorted(window.requests for window in windows)
    typical = sizes[len(sizes) // 2] if sizes else 0
    return [share for share in quantiles if typical * (1 - share) >= BEYOND - 1e-9]


def worse_windows(
    windows: Iterable[Window], quantile: float, ratio: float, slack: float
) -> Iterator[int]:
    """Yield for each window +1 when the candidate is worse, -1 when legacy is, else 0.

    Worse is: slower than *ratio* times the other, and than the other plus *slack* seconds. Calls
    without an answer are the slowest of all.
    """
    for window in windows:
        if window.requests:
            ours = window.legacy.quantile(quantile, window.legacy_unanswered)
            theirs = window.candidate.quantile(quantile, window.unanswered)
            worse = theirs > max(ratio * ours, ours + slack)
            better = ours > max(ratio * theirs, theirs + slack)
            yield worse - better
