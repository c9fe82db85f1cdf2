"""JUnit and Markdown, as pipelines and pull requests take them."""

import dataclasses
import html
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from compare.judging.verdict import Outcome
from compare.policy.policy import load, parse
from compare.render.files import NAMES
from compare.render.junit import UNTRUSTED, render_junit, vetoed
from compare.render.markdown import LONGEST, fitted, render_markdown, safe
from compare.render.openmetrics import render_openmetrics
from compare.render.schema import ReportData
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    manifest,
    report_of,
    several_causes,
)
from compare.report import Report, report
from compare.stages.tally import Summary
from compare.stored import NAME

PAGE = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
VETOES = """
[[veto]]
kinds = ["missing"]
[[veto]]
kinds = ["missing"]
min_count = 1000
[[veto]]
kinds = ["extra", "truncated"]
"""


def damaged() -> Summary:
    summary = differing_summary()
    summary.damage = ["exchanges-00: cut short"]
    return summary


def suite(made: Report) -> ElementTree.Element:
    return ElementTree.fromstring(render_junit(made))


def case(made: Report, name: str) -> ElementTree.Element:
    (found,) = (one for one in suite(made).iter("testcase") if one.get("name") == name)
    return found


def properties(element: ElementTree.Element) -> dict[str, str]:
    found = element.findall("properties/property")
    return {one.attrib["name"]: one.attrib["value"] for one in found}


def judged(summary: Summary, vetoes: str) -> Report:
    text = load("demo")[1].partition("[[veto]]")[0] + vetoes
    return report("run", manifest(), summary, parse(text, "t"), text)


@pytest.mark.parametrize(
    ("make", "failures", "errors"),
    [
        (clean_summary, False, False),
        (differing_summary, True, True),
        (lambda: clean_summary(900), False, True),
        (damaged, True, True),
    ],
)
def test_the_suite_is_red_unless_the_run_passed(
    make: Callable[[], Summary], failures: bool, errors: bool
) -> None:
    told = suite(report_of(make()))
    assert (told.get("failures") != "0", told.get("errors") != "0") == (failures, errors)
    assert told.get("tests") == str(len(told.findall("testcase")))
    assert told.get("skipped") == "0"
    assert not list(told.iter("skipped"))


def test_every_gate_of_a_run_that_cannot_be_trusted_is_an_error() -> None:
    made = report_of(damaged())
    for gate in made.verdict.gates:
        told = case(made, gate.name)
        problem = told.find("error")
        assert told.find("failure") is None
        assert (problem is None) == gate.advisory
        assert problem is None or problem.attrib["message"].startswith(UNTRUSTED)
    assert "cut short" in (case(made, "validity").findtext("error") or "")


def test_the_numbers_of_a_gate_are_its_properties() -> None:
    made = report_of(differing_summary())
    gate = made.verdict.gates[0]
    told = properties(case(made, gate.name))
    assert (told["n"], told["mismatches"], told["finding"]) == ("8000", "128", "FAIL")
    assert float(told["bound"]) == gate.bound
    assert float(told["e_fail"]) == gate.e_fail
    assert told["mode"] == "gate"


def test_the_suite_says_what_was_judged_and_from_which_evidence() -> None:
    told = properties(suite(report_of(differing_summary())))
    assert (told["verdict"], told["policy"], told["candidate"]) == ("FAIL", "demo", "strict-1")
    assert re.fullmatch("[0-9a-f]{64}", told["evidence_sha256"])


def test_each_veto_has_a_case_of_its_own() -> None:
    made = judged(differing_summary(), VETOES)
    assert [bool(vetoed(made, veto)) for veto in made.policy.veto] == [True, False, True]
    names = [one.get("name") for one in suite(made) if one.get("classname") == "mixmigrate.veto"]
    assert names == ["veto 1: missing", "veto 2: missing", "veto 3: extra, truncated"]
    assert "61 requests" in (case(made, "veto 1: missing").findtext("failure") or "")
    assert case(made, "veto 2: missing").find("failure") is None


def test_a_reason_of_another_kind_makes_the_suite_red() -> None:
    made = report_of(clean_summary())
    verdict = dataclasses.replace(
        made.verdict, outcome=Outcome.FAIL, reasons=("acceptance: nothing matched it",)
    )
    told = suite(dataclasses.replace(made, verdict=verdict))
    assert told.get("failures") == "1"
    assert told.findtext("testcase/failure") == "acceptance: nothing matched it"


def test_an_accepted_cause_breaks_no_veto() -> None:
    summary = differing_summary()
    summary.causes = [cause(accepted="agreed")]
    made = judged(summary, VETOES)
    assert not any(vetoed(made, veto) for veto in made.policy.veto)


def test_names_that_xml_cannot_hold_are_replaced() -> None:
    text = load("demo")[1].replace("queue-agreement", "q\\u0001\\uFFFE<&>")
    made = report("run", manifest(), clean_summary(), parse(text, "t"), text)
    assert case(made, "q\ufffd\ufffd<&>") is not None


@pytest.mark.parametrize(
    "text",
    [
        "ping @org/team and @you, mail me@example.test",
        "fixes #12, GH-12 and org/repo#3",
        "<img src=x onerror=alert(1)><!-- -->",
        "a | b | c",
        "`code` **bold** _it_ ~~gone~~ $x^2$",
        "[click](javascript:alert(1)) ![i](http://evil.example/x)",
        "see https://evil.example and www.evil.example",
        "line\nbreak\r\n\r\n# heading\n| a |",
        "\u202etxt.exe\x1b[31m\x00\ud800",
        "&lt;b&gt; &#64;you",
        "\\| \\",
    ],
)
def test_no_value_is_anything_but_words(text: str) -> None:
    said = safe(text)
    bare = re.sub(r"&#?\w+;", "", said)
    assert not set(bare) & set("@<>|`*_[]~$\\#\n\r\u202e\x1b\x00\ud800")
    assert "://" not in said
    assert not re.search(r"www\.|gh-\d", said, re.IGNORECASE)
    # What is linked after entities are decoded has a joiner in between.
    assert not re.search(r"@\w|#\d", html.unescape(said))


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "12) a", "-", "1."])
def test_no_value_starts_a_list(text: str) -> None:
    assert not re.match(r"[-+]|\d+[.)](\s|$)", safe(text))
    assert html.unescape(safe(text)) == text


@pytest.mark.parametrize("text", ["0.01 %", "-128 net", "1,234 requests", "a: b", "p99.9"])
def test_plain_words_and_numbers_stay_readable_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_a_long_value_is_cut_before_it_is_escaped() -> None:
    assert safe("<" * 5_000) == "&#60;" * 299 + "…"


def test_hostile_values_do_not_change_the_tables() -> None:
    summary = differing_summary()
    summary.causes = [cause("a | b\n| c | d |\n\n# x @all")]
    for line in render_markdown(report_of(summary)).splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
        assert not line.startswith("# ")
    assert "@all" not in html.unescape(render_markdown(report_of(summary)))


def test_five_causes_are_shown_and_the_rest_is_counted() -> None:
    summary = differing_summary()
    summary.causes = several_causes() * 3
    text = render_markdown(report_of(summary))
    assert text.count("`3f2a90c1d4e5`") == 2
    assert "| 4 more causes, in report.html |" in text


def test_a_run_without_a_difference_says_so() -> None:
    assert "No difference was found." in render_markdown(report_of(clean_summary()))


def test_many_long_reasons_fit_into_a_comment() -> None:
    summary = differing_summary()
    summary.damage = ["<@" * 400 for _ in range(400)]
    made = report_of(summary)
    made.manifest.notes[:] = ["#`" * 400 for _ in range(400)]
    text = render_markdown(made)
    assert len(text) <= LONGEST
    assert "more reasons" in text
    assert text.startswith("## INVALID\n")


def test_what_does_not_fit_is_left_out_by_whole_lines() -> None:
    lines = [f"line {number}" for number in range(100)]
    text = fitted(lines, 300)
    assert len(text) <= 300
    kept = text.split("\n\n")[0].splitlines()
    assert kept == lines[: len(kept)]
    assert "Cut to fit" in text
    assert fitted(["a", "b"]) == "a\nb\n"


def test_the_page_on_reports_names_every_file_and_key() -> None:
    cells = set(re.findall(r"`([^`]+)`", PAGE))
    assert cells >= {*NAMES, NAME, *ReportData.__annotations__}


def test_the_page_on_reports_names_the_metrics_that_there_are() -> None:
    text = render_openmetrics(report_of(differing_summary()))
    made = set()
    for family in text_string_to_metric_families(text):
        made.add(family.name + ("_total" if family.type == "counter" else ""))
    told = set(re.findall(r"`(mixmigrate_\w+)`", PAGE))
    assert told == made
