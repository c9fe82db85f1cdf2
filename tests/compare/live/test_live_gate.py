"""``/verdict``: what it says, and the status of each hook."""

from typing import Any

import pytest

from compare.live.gate import Hook, Question, WrongQuestion, answer, question, status, told
from compare.live.judged import Judged
from compare.live.view import View

AT = 1_795_000_000.0
HASH = "5c3550e04faec814"


def view(trouble: str = "", at: float = AT + 5, **changes: Any) -> View:
    judged: dict[str, Any] = {
        "state": "recording",
        "at": AT,
        "seconds": 1.0,
        "outcome": "PASS",
        "claim": "they agree",
        "needs": None,
        "policy": "default",
        "policy_hash": HASH,
        "candidate": {"build": "candidate 2"},
        "requests": {"distinct": 50_000},
    }
    return View(run="first", at=at, judged=Judged(**{**judged, **changes}), trouble=trouble)


@pytest.mark.parametrize("outcome", ["PASS", "FAIL", "UNDECIDED", "INVALID"])
def test_the_result_is_the_verdict(outcome: str) -> None:
    found = answer(view(outcome=outcome, needs=7, reasons=["so it is"]), Question())
    assert found["result"] == outcome
    assert found["needs"] == (7 if outcome == "UNDECIDED" else None)
    assert found["reasons"] == ["so it is"]
    assert found["matches"]


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        (Question(), True),
        (Question(build="candidate 2"), True),
        (Question(build="candidate 2", policy=HASH), True),
        (Question(policy=HASH[:8]), True),
        (Question(build="candidate 3"), False),
        (Question(policy="5c3550e0ffff"), False),
        (Question(build="candidate 3", policy=HASH), False),
    ],
)
def test_evidence_belongs_to_one_build_and_one_policy(asked: Question, matches: bool) -> None:
    found = answer(view(), asked)
    assert found["matches"] is matches
    assert found["result"] == ("PASS" if matches else "INVALID")
    assert matches or "asked" in found["reasons"][0]


def test_a_run_that_names_no_build_is_nobodys_evidence() -> None:
    found = answer(view(candidate={}), Question(build="candidate 2"))
    assert found["result"] == "INVALID"
    assert "names no build" in found["reasons"][0]


def test_before_the_first_look_nothing_is_decided_whoever_asks() -> None:
    waiting = View("first", AT, Judged(state="waiting", why="no manifest.json"))
    found = answer(waiting, Question(build="candidate 2", policy=HASH))
    assert (found["result"], found["reasons"]) == ("UNDECIDED", ["no manifest.json"])


@pytest.mark.parametrize(
    ("outcome", "result"), [("PASS", "UNDECIDED"), ("FAIL", "FAIL"), ("INVALID", "INVALID")]
)
def test_a_pass_that_is_old_is_none(outcome: str, result: str) -> None:
    assert answer(view(at=AT + 61, outcome=outcome), Question())["result"] == result
    assert answer(view("the comparison ended", outcome=outcome), Question())["result"] == result


def test_a_slow_look_is_not_old() -> None:
    assert answer(view(at=AT + 61, seconds=20.0), Question())["result"] == "PASS"


def test_the_verdict_of_a_finished_run_does_not_age() -> None:
    found = view(at=AT + 86_400, final=True, state="complete")
    assert answer(found, Question())["result"] == "PASS"


@pytest.mark.parametrize(
    ("hook", "codes"),
    [
        (Hook.CONFIRM, {"PASS": 200, "UNDECIDED": 503, "FAIL": 412, "INVALID": 409}),
        (Hook.ROLLOUT, {"PASS": 200, "UNDECIDED": 200, "FAIL": 412, "INVALID": 409}),
        (Hook.ROLLBACK, {"PASS": 409, "UNDECIDED": 409, "FAIL": 200, "INVALID": 409}),
    ],
)
def test_a_hook_goes_on_by_status(hook: Hook, codes: dict[str, int]) -> None:
    assert {result: status(result, hook) for result in codes} == codes


def test_a_webhook_may_say_whose_evidence_it_means() -> None:
    body = b'{"name":"x","phase":"Progressing","metadata":{"build":"b 1","hook":"rollback"}}'
    assert question({}, body) == Question("b 1", "", Hook.ROLLBACK)
    assert question({"build": "b 2", "hook": "rollout"}, body) == Question("b 2", "", Hook.ROLLOUT)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"policy": "5c3"}, b""),
        ({"hook": "promote"}, b""),
        ({}, b"not json"),
        ({}, b'{"metadata":{"build":7}}'),
        ({}, b"\xff\xfe"),
        ({}, b"[" * 5000),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, str], body: bytes) -> None:
    with pytest.raises(WrongQuestion):
        question(query, body)


def test_a_line_tells_what_is_missing() -> None:
    found = answer(view(outcome="UNDECIDED", needs=31_204, reasons=["too few"]), Question())
    assert told(found) == "UNDECIDED (31,204 more distinct requests): too few"
