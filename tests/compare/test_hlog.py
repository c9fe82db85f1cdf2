"""The interval log is one that hdrhistogram's own reader takes."""

from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from compare.judging.latency import LONGEST, Windows
from compare.render.hlog import INTERVALS, intervals, render_hlog
from compare.render.testing import CREATED, clean_summary, equal_windows, report_of


def read(text: str, path: Path) -> list[HdrHistogram]:
    path.write_text(text)
    reader = HistogramLogReader(str(path), HdrHistogram(1, LONGEST, 3))
    found = []
    while (one := reader.get_next_interval_histogram()) is not None:
        found.append(one)
    reader.close()
    return found


def logged(windows: Windows, path: Path) -> list[HdrHistogram]:
    return read(render_hlog(report_of(clean_summary(100, windows))), path / "latency.hlog")


def test_there_is_an_interval_for_each_window_and_side_in_order(tmp_path: Path) -> None:
    found = logged(equal_windows(count=3, requests=7), tmp_path)
    assert [one.get_tag() for one in found] == ["legacy", "candidate"] * 5
    starts = [one.get_start_time_stamp() / 1000 for one in found[::2]]
    assert starts == [CREATED + place for place in range(5)]
    assert all(one.get_end_time_stamp() - one.get_start_time_stamp() == 1000 for one in found)
    assert all(one.get_total_count() == 7 for one in found)


def test_the_values_are_microseconds(tmp_path: Path) -> None:
    windows = Windows(10.0)
    for took in (0.001, 0.002, 0.5):
        windows.add(1_000.0, took, took * 2)
    legacy, candidate = logged(windows, tmp_path)
    assert legacy.get_max_value() == pytest.approx(500_000, rel=0.001)
    assert candidate.get_value_at_percentile(50) == pytest.approx(4_000, rel=0.001)


def test_the_reader_adds_intervals_up_to_the_whole_run(tmp_path: Path) -> None:
    windows = equal_windows(count=4, requests=50)
    path = tmp_path / "latency.hlog"
    path.write_text(render_hlog(report_of(clean_summary(100, windows))))
    whole = HdrHistogram(1, LONGEST, 3)
    reader = HistogramLogReader(str(path), whole)
    while reader.add_next_interval_histogram() is not None:
        pass
    reader.close()
    assert whole.get_total_count() == 2 * windows.pooled().legacy.total


def test_a_side_that_never_answered_has_no_interval(tmp_path: Path) -> None:
    windows = Windows(1.0)
    windows.add(5.0, 0.1, None)
    assert [one.get_tag() for one in logged(windows, tmp_path)] == ["legacy"]


def test_a_run_without_requests_has_a_log_without_intervals(tmp_path: Path) -> None:
    assert logged(Windows(1.0), tmp_path) == []


def test_a_long_run_has_its_windows_put_together_and_none_lost() -> None:
    windows = Windows(1.0)
    for place in range(0, 3_000, 3):
        windows.add(float(place), 0.01, 0.01)
    found = list(intervals(windows))
    assert len(found) <= INTERVALS
    assert {seconds for _, seconds, _ in found} == {5.0}
    assert sum(window.legacy.total for _, _, window in found) == 1_000
    assert windows.pooled().legacy.total == 1_000


def test_the_header_names_format_start_and_units() -> None:
    head = render_hlog(report_of(clean_summary(windows=equal_windows(1)))).splitlines()[:5]
    assert head[1] == "#[Histogram log format version 1.3]"
    assert head[2].startswith("#[StartTime: 1795236970.000 (seconds since epoch), 2026-11-21 ")
    assert head[3] == "#[BaseTime: 1795236970.000 (seconds since epoch)]"
