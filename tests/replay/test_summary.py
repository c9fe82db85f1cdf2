"""A result in words and in JSON."""

import json

from pyingest.message import Response
from replay.accounting import Accounting, Result
from replay.entry import Malformed, Parsed, Unreplayable
from replay.plan import Plan
from replay.summary import render_json, render_plan, render_text
from replay.testing import entry
from shadow.exchange import Answered, Failed, Failure


def result(closed: bool = False, late: float = 0.0, stopped: str = "") -> Result:
    accounting = Accounting()
    lines: list[Parsed] = [entry(1), entry(2), entry(3), Unreplayable(4, "body not in the log")]
    lines += [Malformed(f"a.log:{number}", "torn") for number in range(5, 15)]
    for read in accounting.read(lines):
        accounting.begin(read, late, False)
        if read.number == 1:
            accounting.end(Answered(Response(200), 0.1), late, 0.1)
        if read.number == 2:
            accounting.end(Failed(Failure.RESET, "gone", 0.1), late, 0.1)
    return accounting.result("127.0.0.1:8000", "a mode", closed, stopped, 1.0)


def test_text_shows_every_bucket() -> None:
    text = render_text(result())
    for words in (
        *("14 lines read", "10 malformed", "a.log:5: torn", "and 5 more", "3 replayable"),
        *("1 unreplayable: body not in the log", "3 requests sent", "1 answered with 200"),
        *("1 failed: reset", "1 unanswered", "response", "sent late"),
    ):
        assert words in text
    assert "defect" not in text


def test_closed_loop_is_labelled_and_explained() -> None:
    text = render_text(result(closed=True))
    assert "service (closed loop)" in text
    assert "Little" in text
    assert "Little" not in render_text(result())


def test_missed_schedule_is_said() -> None:
    assert "schedule was not held" in render_text(result(late=0.5))
    assert "schedule was not held" not in render_text(result())


def test_early_end_is_said() -> None:
    assert "stopped early: interrupted" in render_text(result(stopped="interrupted"))


def test_json_holds_the_same() -> None:
    report = json.loads(render_json(result()))
    assert report["schema"] == 1
    assert report["answered"] == {"200": 1}
    assert report["failed"] == {"reset": 1}
    assert report["unreplayable"] == {"body not in the log": 1}
    assert (report["lines"], report["malformed"], report["unanswered"]) == (14, 10, 1)
    assert report["throughput"] == 1.0
    assert report["remainder"] == 0
    assert report["on_time"] is True
    assert report["response"]["count"] == 1


def test_plan_says_what_would_be_sent_and_that_nothing_was() -> None:
    text = render_plan(Plan(result(), 3, (("GET /track/", 2), ("HEAD /", 1))))
    assert text.startswith("would send 3 requests in 1.0 s to 127.0.0.1:8000, a mode\n")
    assert "2 would go to GET /track/" in text
    assert "1 unreplayable: body not in the log" in text
    assert text.endswith("nothing was sent")
    assert "in 1.0 s" not in render_plan(Plan(result(closed=True), 3, ()))
