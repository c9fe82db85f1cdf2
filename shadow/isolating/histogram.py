"""Durations counted in buckets of a logarithmic scale: cheap to add to, exact to merge.

Bucket ``floor(n * log2(microseconds))``, at least 0, with n buckets to the octave. A value is
known to within ``2^(1/n)``: 9 % with the eight that a status tells, 1.1 % with 64.
"""

import math
from collections.abc import Iterable, Mapping

from shadow.status import BUCKETS_PER_OCTAVE

FINE = 64
"""Buckets per octave where quantiles are compared; eight of them are one of a status."""


class Histogram:
    """How many durations fell into each bucket."""

    __slots__ = ("counts", "per_octave", "total")

    def __init__(
        self, per_octave: int = BUCKETS_PER_OCTAVE, counts: Mapping[int, int] | None = None
    ) -> None:
        self.per_octave = per_octave
        self.counts: dict[int, int] = dict(counts or {})
        self.total = sum(self.counts.values())

    def add(self, seconds: float) -> None:
        """Count one duration; one of no time, or below, is of the shortest bucket."""
        self.count(bucket_of(seconds, self.per_octave))

    def count(self, bucket: int) -> None:
        """Count one duration whose bucket is known."""
        counts = self.counts
        counts[bucket] = counts.get(bucket, 0) + 1
        self.total += 1

    def merge(self, other: "Histogram") -> None:
        """Add the counts of *other*, which must have as many buckets per octave.

        :raises ValueError: it has not.
        """
        if other.per_octave != self.per_octave:
            raise ValueError(f"buckets per octave: {other.per_octave}, not {self.per_octave}")
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += other.total

    def coarse(self) -> dict[int, int]:
        """Return the counts by the buckets of a status."""
        step = self.per_octave // BUCKETS_PER_OCTAVE
        found: dict[int, int] = {}
        for bucket, count in self.counts.items():
            found[bucket // step] = found.get(bucket // step, 0) + count
        return found

    def quantile(self, share: float) -> float:
        """Return the duration in seconds that *share* of all do not exceed; 0 if there are none.

        Within its bucket a value stands where its rank puts it.
        """
        wanted, seen = share * self.total, 0
        for bucket in sorted(self.counts):
            count = self.counts[bucket]
            if count and seen + count >= wanted:
                inside = max(0.0, wanted - seen) / count
                return self._seconds(bucket + inside)
            seen += count
        return 0.0

    def slower_than(self, seconds: float) -> float:
        """Return the part of all that took longer than *seconds*; of no calls, none did."""
        at = self.per_octave * math.log2(max(1.0, seconds * 1e6))
        beyond = 0.0
        for bucket, count in self.counts.items():
            beyond += count * min(1.0, max(0.0, bucket + 1 - at))
        return beyond / self.total if self.total else 0.0

    def _seconds(self, position: float) -> float:
        return float(2.0 ** (position / self.per_octave)) / 1e6


def bucket_of(seconds: float, per_octave: int) -> int:
    """Return the bucket of a duration."""
    micro = seconds * 1e6
    return int(per_octave * math.log2(micro)) if micro > 1 else 0


def merged(histograms: Iterable[Histogram], per_octave: int) -> Histogram:
    """Return all *histograms* in one."""
    whole = Histogram(per_octave)
    for one in histograms:
        whole.merge(one)
    return whole
