"""The metrics are OpenMetrics to the letter, and still what a textfile collector reads."""

from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as classic

from compare.judging.latency import Histogram, Windows
from compare.render.openmetrics import Sample, escaped, family, number, render_openmetrics, spread
from compare.render.testing import clean_summary, differing_summary, equal_windows, report_of
from compare.stages.tally import Summary

HOSTILE = 'a"b\\c\nd{e="f"} 1 # EOF\ud800\u2028'


def hostile() -> Summary:
    summary = differing_summary()
    summary.kinds = {HOSTILE: 1, "": 2}
    return summary


def unanswered() -> Summary:
    windows = Windows(1.0)
    for at in range(50):
        windows.add(at / 10, 0.2, None)
    return clean_summary(50, windows)


def empty() -> Summary:
    return clean_summary(0, equal_windows(0, requests=0))


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for one in strict(text)
        for sample in one.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return values(text)[name, frozenset(labels.items())]


@pytest.mark.parametrize("make", [clean_summary, differing_summary, hostile, unanswered, empty])
def test_a_strict_reader_takes_it_and_a_classic_one_sees_the_same_samples(
    make: Callable[[], Summary],
) -> None:
    text = render_openmetrics(report_of(make()))
    old = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for one in classic(text)
        for sample in one.samples
    }
    assert old == values(text)
    assert text.endswith("\n# EOF\n")


def test_the_verdict_is_one_and_the_others_are_zero() -> None:
    text = render_openmetrics(report_of(differing_summary()))
    said = {name: value(text, "mixmigrate_verdict", verdict=name) for name in ("PASS", "FAIL")}
    assert said == {"PASS": 0, "FAIL": 1}


def test_each_gate_tells_its_units_bound_and_evidence() -> None:
    made = report_of(differing_summary())
    text, gate = render_openmetrics(made), made.verdict.gates[0]
    name = gate.name
    assert value(text, "mixmigrate_units_total", gate=name, unit="request") == 8_000
    assert value(text, "mixmigrate_mismatches_total", gate=name) == 128
    assert value(text, "mixmigrate_rate_upper_bound", gate=name) == gate.bound
    assert value(text, "mixmigrate_log_evalue", gate=name, side="fail") == gate.e_fail
    assert value(text, "mixmigrate_gate_finding", gate=name, finding="FAIL", mode="gate") == 1


def test_each_table_of_counts_has_its_own_label() -> None:
    text = render_openmetrics(report_of(differing_summary()))
    assert value(text, "mixmigrate_events_total", outcome="missing") == 61
    assert value(text, "mixmigrate_requests_total", count="distinct") == 8_000
    assert value(text, "mixmigrate_ledger_requests", bucket="differed") == 128
    assert value(text, "mixmigrate_differences_total", kind="duplicate_key") == 40


def test_labels_come_back_as_they_were_but_for_halves_of_characters() -> None:
    text = render_openmetrics(report_of(hostile()))
    assert value(text, "mixmigrate_differences_total", kind=HOSTILE.replace("\ud800", "\\ud800"))


def test_a_net_count_below_zero_is_no_negative_counter() -> None:
    made = report_of(clean_summary(windows=equal_windows(slower=0.2)))
    assert any(gate.mismatches < 0 for gate in made.verdict.gates)
    counts = [now for (name, _), now in values(render_openmetrics(made)).items() if "total" in name]
    assert min(counts) == 0


def test_a_histogram_counts_what_took_at_most_so_long() -> None:
    histogram = Histogram()
    for seconds in (0.0005, 0.004, 0.004, 45.0):
        histogram.add(seconds)
    told = {(one.suffix, one.labels.get("le")): one.value for one in spread("legacy", histogram)}
    assert told["_bucket", "0.001"] == 1
    assert told["_bucket", "0.005"] == 3
    assert told["_bucket", "30.0"] == 3
    assert told["_bucket", "+Inf"] == told["_count", None] == 4
    assert told["_sum", None] == pytest.approx(45.0085, rel=0.001)


def test_a_repeated_sample_is_written_once() -> None:
    lines = family("x", "gauge", "t", [Sample({"a": "1"}, 1), Sample({"a": "1"}, 2)])
    assert lines == ["# TYPE x gauge", "# HELP x t", 'x{a="1"} 1']


def test_a_family_without_samples_is_left_out() -> None:
    assert family("x", "gauge", "t", []) == []


def test_numbers_and_texts_have_their_written_forms() -> None:
    assert [number(one) for one in (3, 0.5, float("inf"), float("nan"))] == [
        "3",
        "0.5",
        "+Inf",
        "NaN",
    ]
    assert escaped('a\\"\n') == '\\"'.join(["a\\\\", "\\n"])
