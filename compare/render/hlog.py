"""The latencies as an HdrHistogram log, format 1.3: one interval per window and side.

HistogramLogAnalyzer, HistogramLogProcessor and hdrhistogram's own readers show it.
Values are microseconds; the sides are told apart by tags.
"""

import datetime
from collections.abc import Iterator

from compare.judging.latency import Window, Windows
from compare.report import Report
from compare.stored import numbered
from shadow.exchange import Side

INTERVALS = 720
"""A longer run's windows are put together in groups, so that the log stays readable."""
LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


def render_hlog(report: Report) -> str:
    """Return ``latency.hlog``. Intervals without an answer are left out."""
    windows = report.summary.windows
    grouped = list(intervals(windows))
    start = grouped[0][0] if grouped else 0.0
    lines = [
        "#[Histogram log of mixmigrate; values and payloads in us, Interval_Max in ms]",
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {start:.3f} (seconds since epoch), {_date(start)}]",
        f"#[BaseTime: {start:.3f} (seconds since epoch)]",
        LEGEND,
    ]
    for at, seconds, window in grouped:
        sides = ((Side.LEGACY, window.legacy), (Side.CANDIDATE, window.candidate))
        for side, histogram in sides:
            if histogram.total:
                span = f"{at - start:.3f},{seconds:.3f},{histogram.most * 1000:.3f}"
                lines.append(f"Tag={side.value},{span},{histogram.encoded()}")
    return "\n".join(lines) + "\n"


def intervals(windows: Windows) -> Iterator[tuple[float, float, Window]]:
    """Yield start (epoch seconds), length in seconds and content of at most 720 intervals."""
    each = numbered(windows)
    if not each:
        return
    first, last = each[0][0], each[-1][0]
    size = -(-(last - first + 1) // INTERVALS)
    groups: dict[int, Window] = {}
    for number, window in each:
        groups.setdefault((number - first) // size, Window()).merge(window)
    for place, window in groups.items():
        yield (first + place * size) * windows.seconds, size * windows.seconds, window


def _date(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(" ", "seconds")
