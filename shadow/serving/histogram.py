"""Counts of times, by buckets; see ``shadow.status.BUCKETS_PER_OCTAVE``."""

from math import log2

from shadow.status import BUCKETS_PER_OCTAVE


class Histogram:
    """Times, counted by bucket."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count one."""
        micros = seconds * 1e6
        bucket = int(BUCKETS_PER_OCTAVE * log2(micros)) if micros > 1 else 0
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
