"""A reviewer's question about a run, answered from what the last comparison kept."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from compare.expression.parsing import parse
from compare.judgement import ask_run, judge_run
from compare.policy.policy import load
from compare.stages.asking import ask
from compare.stages.cases import NAME
from compare.testing import dual_run, recorded
from pyingest.message import Request
from shadow.exchange import Side, TappedEvent

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def request(number: int) -> Request:
    odd = {0: b",", 1: b',"n":1', 2: b',"z":-0.0'}.get(number % 10, b"")
    body = (
        b'data={"event":"e","properties":{"token":"t","distinct_id":"p%d","n":%d,"time":5%b}}'
        % (number, number, odd)
    )
    return Request(b"POST", b"/track", FORM, body)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 100 requests: ten with a trailing comma, ten with a key twice, ten with -0.0."""
    directory = tmp_path_factory.mktemp("asking") / "run"
    dual_run(directory, [request(number) for number in range(100)])
    return directory


def answered(run: Path, text: str) -> tuple[int, int]:
    """Return how many findings and requests an expression is true of."""
    policy, _ = load("default")
    answer = ask_run(run, policy, parse(text), lambda *_: None)
    return answer.matching, len(answer.requests)


@pytest.mark.parametrize(
    ("text", "findings", "requests"),
    [
        ('any(D, diff, D["kind"] == "missing")', 10, 10),
        ('any(D, diff, D["path"] == "properties.n")', 10, 10),
        ('any(D, diff, D["path"] == "properties.z" and D["legacy"] == 0)', 10, 10),
        ('any(D, diff, D["quirk"] == "trailing comma")', 20, 10),
        ("not defined(candidate) and defined(legacy)", 10, 10),
        ('properties["distinct_id"] in ["p10", "p20"]', 2, 2),
        ('request["endpoint"] == "track" and request["batch"] == "1"', 40, 30),
        ("false", 0, 0),
    ],
)
def test_an_answer_counts_what_the_expression_is_true_of(
    text: str, findings: int, requests: int, run: Path
) -> None:
    assert answered(run, text) == (findings, requests)


def test_an_answer_names_the_causes_and_shows_one_example_of_a_request(run: Path) -> None:
    policy, _ = load("default")
    answer = ask_run(run, policy, parse('any(D, diff, D["quirk"] == "trailing comma")'), print)
    assert sum(answer.causes.values()) == 20
    assert all("trailing comma" in answer.titles[signature] for signature in answer.causes)
    assert len({case.n for case in answer.examples}) == len(answer.examples) == 5


def test_findings_without_a_value_are_said_to_be(run: Path) -> None:
    policy, _ = load("default")
    answer = ask_run(run, policy, parse('true and properties["event"]'), print)
    assert answer.unclear == 0  # undefined is false
    answer = ask_run(run, policy, parse('true and properties["token"]'), print)
    assert answer.unclear == 30
    assert "^" in answer.why


def test_a_question_asked_again_compares_nothing(run: Path) -> None:
    policy, _ = load("default")
    told: list[str] = []
    judge_run(run, policy, "", lambda *_: None, out=run)
    ask_run(run, policy, parse("true"), lambda stage, *_: told.append(stage))
    assert told == []
    (run / NAME).unlink()
    ask_run(run, policy, parse("true"), lambda stage, *_: told.append(stage))
    assert "exchanges" in told


def test_the_same_run_keeps_the_same_bytes(run: Path, tmp_path: Path) -> None:
    policy, _ = load("default")
    kept = []
    for where in ("local:1", "local:2"):
        judge_run(run, policy, "", lambda *_: None, where, tmp_path / where[-1])
        kept.append((tmp_path / where[-1] / NAME).read_bytes())
    assert kept[0] == kept[1]


def test_half_a_surrogate_pair_survives_being_kept(tmp_path: Path) -> None:
    ours = b'{"event":"e","properties":{"distinct_id":"p","\\ud800":"\\udc00"}}'
    theirs = ours.replace(b"udc00", b"udc01")
    events = [
        TappedEvent(side, "events", 1, 1.0, body)
        for side, body in ((Side.LEGACY, ours), (Side.CANDIDATE, theirs))
    ]
    recorded(tmp_path / "run", [], events)
    policy, _ = load("default")
    judge_run(tmp_path / "run", policy, "", lambda *_: None, out=tmp_path)
    assert ask(tmp_path / NAME, parse("true")).findings == 1


def test_the_command_answers_in_text_and_in_json(run: Path, tmp_path: Path) -> None:
    words = ["compare", str(run), "--out", str(tmp_path), "--where", 'defined(diff) and "a" == "a"']
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 0
    assert "true of 40 of 40 findings, in 30 requests" in said.output
    data = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert (data["findings"], data["matching"], data["requests"]) == (40, 40, 30)
    assert sum(one["findings"] for one in data["causes"]) == 40


def test_a_wrong_expression_is_shown_with_a_caret_and_judges_nothing(run: Path) -> None:
    said = CliRunner().invoke(main, ["compare", str(run), "--where", "any(D, dif, true)"])
    assert said.exit_code == 2
    assert "^" in said.output
    assert "diff" in said.output
