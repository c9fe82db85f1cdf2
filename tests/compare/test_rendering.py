"""The renderings: complete, inert, and able to take whatever clients send."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from compare.differing.difference import Difference, Kind
from compare.policy.policy import load, parse
from compare.render.as_json import render_json
from compare.render.files import NAMES, write_reports
from compare.render.junit import render_junit
from compare.render.markdown import LONGEST, render_markdown
from compare.render.page import render_page, side_by_side
from compare.render.testing import (
    cause,
    clean_summary,
    differing_summary,
    example,
    manifest,
    report_of,
)
from compare.render.text import WIDTH, render_text
from compare.render.visible import visible
from compare.report import report
from compare.stages.tally import Example, Summary
from compare.stored import NAME

HOSTILE = '</script><script>alert(1)</script><b onload="x">&\x00\x1b[31m\u202e|`@all`\n# x'
SURROGATE = "\ud800"


def hostile_summary() -> Summary:
    summary = differing_summary()
    hostile = Example(
        HOSTILE,
        '{"' + HOSTILE + '":"' + SURROGATE + '"}',
        HOSTILE + SURROGATE,
        (Difference(Kind.VALUE_STRING, HOSTILE + SURROGATE, HOSTILE, None),),
        1,
    )
    summary.causes = [
        cause(HOSTILE, path=HOSTILE + SURROGATE, endpoint=HOSTILE, examples=(hostile,))
    ]
    summary.endpoints = {HOSTILE: 3}
    summary.tokens = {HOSTILE + SURROGATE: 3}
    summary.noise = {HOSTILE: 1}
    summary.damage = [HOSTILE]
    return summary


class Tags(HTMLParser):
    """The tags of a page, and the attributes that could load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loud: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        for name, value in attrs:
            outside = name in ("src", "href", "action") and not (value or "").startswith("#")
            if name.startswith("on") or outside:
                self.loud.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("make", [clean_summary, differing_summary, hostile_summary])
def test_the_page_runs_and_loads_nothing(make: Callable[[], Summary]) -> None:
    page = render_page(report_of(make()))
    tags = Tags(page)
    assert not tags.names & {"script", "b", "iframe", "link", "img", "object"}
    assert tags.loud == []
    assert "default-src 'none'" in page


def test_the_page_can_be_encoded_and_hides_nothing() -> None:
    page = render_page(report_of(hostile_summary())).encode("utf-8").decode("utf-8")
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "\x00" not in page
    assert "\\u202e" in page


def test_every_rendering_takes_hostile_data(tmp_path: Path) -> None:
    made = report_of(hostile_summary())
    for path in write_reports(made, tmp_path):
        assert path.read_bytes()
    ElementTree.fromstring(render_junit(made))
    msgspec.json.decode(render_json(made))
    text = render_text(made)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.encode("utf-8")


def test_markdown_cells_hold_no_markup() -> None:
    (line,) = [
        one for one in render_markdown(report_of(hostile_summary())).splitlines() if "3f2a" in one
    ]
    assert "<" not in line
    assert line.count("|") == 5
    assert "@" not in line


def test_the_page_stays_below_five_megabytes() -> None:
    summary = differing_summary()
    long = tuple(example('{"a":"' + "<&\"'" * 1_000 + '"}', '{"b":' + "[" * 900) for _ in range(20))
    summary.causes = [
        cause(f"cause {number}", signature=f"{number:012x}", examples=long) for number in range(300)
    ]
    page = render_page(report_of(summary))
    assert len(page.encode()) < 5_000_000
    assert "100 more causes" in page
    assert "more examples are in report.json" in page


def test_numbers_and_repeated_keys_are_shown_as_they_were_written() -> None:
    rows = side_by_side(example('{"a":1.10,"a":1E400,"":-0.0}', '{"a":1.1,"a":1E400,"":-0.0}'))
    assert [row.legacy for row in rows] == ["{", '  "a": 1.10,', '  "a": 1E400,', '  "": -0.0', "}"]
    assert [row.differs for row in rows] == [False, True, False, False, False]


def test_nesting_too_deep_to_lay_out_is_shown_as_it_is() -> None:
    deep = "[" * 800 + "]" * 800
    assert side_by_side(example(deep, deep))


def test_the_verdict_stands_first() -> None:
    made = report_of(differing_summary())
    assert render_text(made).startswith("FAIL  ")
    assert render_markdown(made).startswith("## FAIL")


def test_there_is_colour_only_when_asked() -> None:
    made = report_of(differing_summary())
    assert "\x1b" not in render_text(made)
    assert render_text(made, colour=True).startswith("\x1b[1;31mFAIL\x1b[0m")


def test_lines_of_text_fit_the_terminal() -> None:
    assert max(map(len, render_text(report_of(differing_summary())).splitlines())) <= WIDTH


def test_what_is_relaxed_is_in_every_rendering_for_people() -> None:
    made = report_of(clean_summary())
    for text in (render_text(made), render_page(made), render_markdown(made)):
        assert "six processes share this machine" in " ".join(text.split())


def test_junit_counts_failures_and_errors() -> None:
    suite = ElementTree.fromstring(render_junit(report_of(differing_summary())))
    assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    names = {case.get("name") for case in suite if case.find("failure") is not None}
    assert names == {
        "queue-agreement",
        "response-agreement",
        "veto 1: missing, duplicate_lost, truncated",
    }
    undecided = {case.get("name") for case in suite if case.find("error") is not None}
    assert "candidate-errors" in undecided


def test_junit_of_a_pass_is_green() -> None:
    suite = ElementTree.fromstring(render_junit(report_of(clean_summary())))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_markdown_fits_a_comment() -> None:
    summary = differing_summary()
    summary.causes = [cause("x" * 5_000) for _ in range(50)]
    assert len(render_markdown(report_of(summary))) <= LONGEST + 1


def test_files_are_written_whole_under_their_names(tmp_path: Path) -> None:
    written = write_reports(report_of(differing_summary()), tmp_path / "new")
    names = {*NAMES, NAME}
    assert {path.name for path in written} == names
    assert {path.name for path in (tmp_path / "new").iterdir()} == names


def test_both_spectrum_and_windows_are_drawn_and_described() -> None:
    page = render_page(report_of(clean_summary()))
    assert page.count("<polyline") == 2
    assert len(re.findall(r'role="img" aria-label="[^"]+"', page)) == 4


def test_ordinary_text_is_shown_unchanged() -> None:
    assert visible("größer → 日本 ok\tx") == "größer → 日本 ok\tx"


def test_a_stale_acceptance_is_a_failure_in_junit() -> None:
    text = load("demo")[1] + (
        '[[accept]]\nsignature = "0123456789ab"\nreason = "r"\nby = "b"\nuntil = 2030-01-01\n'
    )
    summary = clean_summary()
    made = report("run", manifest(), summary, parse(text, "t"), text)
    suite = ElementTree.fromstring(render_junit(made))
    assert made.verdict.outcome.value == "FAIL"
    assert suite.get("failures") == "1"
