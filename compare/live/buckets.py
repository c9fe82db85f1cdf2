"""Durations by logarithmic bucket, as the processes of a run tell them; see ``shadow.status``."""

import math
from collections.abc import Mapping

from shadow.status import BUCKETS_PER_OCTAVE

Buckets = Mapping[int, int]


def upper_edge(bucket: int) -> float:
    """Return the duration, in seconds, that all of a bucket's are shorter than."""
    return math.exp2((bucket + 1) / BUCKETS_PER_OCTAVE) / 1e6


def middle(bucket: int) -> float:
    """Return the geometric middle of a bucket, in seconds: at most 4.5 % off."""
    return math.exp2((bucket + 0.5) / BUCKETS_PER_OCTAVE) / 1e6


def total(buckets: Buckets) -> int:
    """Return how many durations there are."""
    return sum(buckets.values())


def since(now: Buckets, then: Buckets) -> dict[int, int]:
    """Return what was counted between two moments; a count that shrank counts as none."""
    grown = ((key, count - then.get(key, 0)) for key, count in now.items())
    return {key: count for key, count in grown if count > 0}


def quantile(buckets: Buckets, share: float) -> float | None:
    """Return the duration, in seconds, that *share* of all do not exceed; ``None`` of none."""
    found = at_rank(buckets, share * total(buckets))
    return None if found is None else middle(found)


def at_rank(buckets: Buckets, rank: float) -> int | None:
    """Return the bucket of the duration of that *rank*, the shortest being 1."""
    seen, last = 0, None
    for bucket in sorted(buckets):
        seen, last = seen + buckets[bucket], bucket
        if seen >= rank - 1e-9 and seen:
            return bucket
    return last
