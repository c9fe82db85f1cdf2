"""The report as one value."""

import msgspec

from compare.policy.policy import parse
from compare.render.as_json import render_json
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    equal_windows,
    manifest,
    report_of,
)
from compare.report import acceptances, as_data, report

ACCEPT = """
[[accept]]
signature = "{}"
reason = "r"
by = "b"
until = {}
"""
BASE = 'name = "t"\n[[gate.rate]]\nname = "q"\ncounts = "queue"\ntarget = 0.99\n'


def test_the_top_level_keys_are_those_that_scripts_read() -> None:
    data = as_data(report_of(differing_summary()))
    promised = {"schema", "verdict", "gates", "ledger", "causes", "latency", "coverage"}
    assert data.keys() >= promised | {"provenance"}


def test_the_same_run_gives_the_same_bytes() -> None:
    first, second = (render_json(report_of(differing_summary())) for _ in range(2))
    assert first == second


def test_the_json_is_json_and_ends_in_a_line_end() -> None:
    text = render_json(report_of(differing_summary()))
    assert text.endswith(b"}\n")
    assert msgspec.json.decode(text)["verdict"]["outcome"] == "FAIL"


def test_an_empty_run_can_be_written() -> None:
    summary = clean_summary(0, equal_windows(0, requests=0))
    assert msgspec.json.decode(render_json(report_of(summary)))["verdict"]["outcome"] == "INVALID"


def test_acceptances_are_used_stale_or_expired() -> None:
    entries = (("3f2a90c1d4e5", "2030-01-01"), ("0" * 12, "2030-01-01"), ("1" * 12, "2020-01-01"))
    text = BASE + "".join(ACCEPT.format(*entry) for entry in entries)
    summary = clean_summary()
    summary.causes = [cause(accepted="r")]
    made = report("run", manifest(), summary, parse(text, "t"), text)
    assert [one["state"] for one in acceptances(made)] == ["used", "stale", "expired"]


def test_endpoints_with_few_requests_are_listed() -> None:
    assert as_data(report_of(clean_summary()))["coverage"]["uncovered_endpoints"] == ["other"]
