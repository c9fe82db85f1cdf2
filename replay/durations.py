"""Durations, collected without keeping each of them."""

from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

_HIGHEST = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What is told of many durations. All are seconds; all are 0 where there was none."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    most: float
    histogram: str
    """All of them, in microseconds: an HdrHistogram in its V2 base64 form."""


class Durations:
    """Collects durations from a microsecond to an hour, with three significant digits."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _HIGHEST, 3)

    def add(self, seconds: float) -> None:
        """Take one; a negative one counts as the shortest."""
        self._histogram.record_value(min(max(1, round(seconds * 1e6)), _HIGHEST))

    def quantiles(self) -> Quantiles:
        """Return what has been collected so far."""
        histogram = self._histogram

        def at(percentile: float) -> float:
            return float(histogram.get_value_at_percentile(percentile)) / 1e6

        count = int(histogram.total_count)
        return Quantiles(
            count=count,
            mean=float(histogram.get_mean_value()) / 1e6 if count else 0.0,
            p50=at(50),
            p90=at(90),
            p99=at(99),
            p999=at(99.9),
            most=float(histogram.get_max_value()) / 1e6 if count else 0.0,
            histogram=histogram.encode().decode("ascii"),
        )
