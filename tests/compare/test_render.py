"""A report in all its forms: complete, the same each time, and harmless."""

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from compare.differing.difference import Difference, Kind
from compare.judging.latency import Windows
from compare.policy.policy import load
from compare.render.as_json import render_json
from compare.render.files import write_reports
from compare.render.junit import render_junit
from compare.render.markdown import render_markdown
from compare.render.page import render_page, side_by_side
from compare.render.text import render_text
from compare.report import Report, report
from compare.stages.tally import Cause, EventCounts, Example, Summary, UnitCounts
from shadow.runs.manifest import Manifest

EVIL = '</script><script>alert(1)</script><img src="http://evil.example/x"><b>'


def cause(number: int) -> Cause:
    differences = (Difference(Kind.VALUE_STRING, "properties.a", '"x"', f'"{EVIL}"'),)
    example = Example(
        request=f"curl 'http://HOST/track?data={EVIL}'",
        legacy='{"event":"e","properties":{"a":"x","a":1,"half":"\\ud83d"}}',
        candidate=json.dumps({"event": "e", "properties": {"a": EVIL}}),
        differences=differences,
        number=number,
    )
    return Cause(
        signature=f"{number:012x}",
        title=f"cause {number} {EVIL}",
        endpoint="/track",
        kind="value_string",
        path="properties.a",
        quirk=None,
        explanation=EVIL,
        advice="look",
        requests=10,
        events=12,
        marginal=0.5,
        cumulative=0.5,
        accepted="fine" if number == 2 else None,
        examples=(example,),
    )


@pytest.fixture
def made() -> Report:
    windows = Windows(1.0)
    for at in range(2_000):
        windows.add(at / 100, 0.001 + at % 7 / 1000, 0.002)
    summary = Summary(
        events=EventCounts(legacy=100, candidate=99, identical=90, changed=9, missing=1),
        units=UnitCounts(exchanges=2_000, mirrored=2_000, distinct=1_900, queue_mismatches=20),
        kinds={"missing": 1},
        causes=[cause(1), cause(2)],
        windows=windows,
        agreed=1_980,
        differed=20,
    )
    manifest = Manifest(created=1.0, notes=["legacy was the stand-in"])
    manifest.state = "complete"
    tap = {"attached": True, "read": 100, "backlog": 0, "error": ""}
    manifest.taps = {"legacy": tap, "candidate": tap}
    manifest.ledger = {"received": 2_000, "mirrored": 2_000, "remainder": 0}
    policy, text = load("demo")
    return report("run", manifest, summary, policy, text)


class Tags(HTMLParser):
    """Collects the tags of a page and where they lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]


def test_the_page_holds_no_script_and_makes_no_outside_request(made: Report) -> None:
    tags = Tags()
    tags.feed(render_page(made))
    assert not {"script", "img", "b", "link", "iframe"} & set(tags.tags)
    assert all(target.startswith("#") for target in tags.targets)
    assert "default-src 'none'" in render_page(made)


def test_every_section_that_the_page_links_to_is_there(made: Report) -> None:
    page = render_page(made)
    tags = Tags()
    tags.feed(page)
    for target in tags.targets:
        assert f'id="{target[1:]}"' in page


def test_both_sides_stand_side_by_side_with_repeated_keys(made: Report) -> None:
    rows = side_by_side(made.summary.causes[0].examples[0])
    assert sum('"a":' in row.legacy for row in rows) == 2
    assert any(row.differs for row in rows)
    assert any(not row.differs for row in rows)


@pytest.mark.parametrize("render", [render_page, render_text, render_markdown])
def test_each_form_tells_verdict_causes_relaxations_and_notes(
    made: Report, render: "type[str]"
) -> None:
    text = str(render(made))
    for word in ("FAIL", "cause 1", "stand-in", "latency windows of 1 s", "queue-agreement"):
        assert word in " ".join(text.split())


def test_the_json_has_the_keys_that_scripts_rely_on(made: Report) -> None:
    data = json.loads(render_json(made))
    keys = {"schema", "verdict", "gates", "ledger", "causes", "latency", "coverage", "provenance"}
    assert keys <= data.keys()
    assert data["verdict"]["outcome"] == "FAIL"
    assert data["causes"][1]["accepted"] == "fine"


def test_rendering_again_gives_the_same_bytes(made: Report) -> None:
    assert render_json(made) == render_json(made)
    assert render_page(made) == render_page(made)


def test_text_is_coloured_only_when_asked(made: Report) -> None:
    assert "\x1b" not in render_text(made)
    assert "\x1b[" in render_text(made, colour=True)


def test_no_line_of_text_is_wider_than_a_terminal(made: Report) -> None:
    assert max(map(len, render_text(made).splitlines())) <= 130


def test_junit_turns_fail_into_failures_and_undecided_into_errors(made: Report) -> None:
    suite = ElementTree.fromstring(render_junit(made))
    cases = {case.get("name"): case for case in suite}
    assert cases["queue-agreement"].find("failure") is not None
    assert cases["candidate-errors"].find("error") is not None
    assert suite.get("failures") == "1"


def test_all_files_are_written_even_with_half_a_surrogate_in_them(
    made: Report, tmp_path: Path
) -> None:
    made.summary.causes[0] = made.summary.causes[0].__class__(
        **{
            **{name: getattr(made.summary.causes[0], name) for name in Cause.__slots__},
            "title": "half \ud83d",
        }
    )
    written = write_reports(made, tmp_path)
    assert {path.name for path in written} >= {"report.json", "report.html", "report.md"}
    assert all(path.stat().st_size for path in written)
