"""What is checked and told before anything is sent."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from replay.formats.detection import LogError
from replay.order import Order
from replay.pacing import Closed, Open, Timed
from replay.plan import ReplayError, ReplayOptions, check, in_words, plan

LINE = b'%b 192.0.2.7 - - [21/Nov/2011:08:00:%02d +0000] "%b /track/?n=1 HTTP/1.1" 200 1'


@pytest.fixture
def options(tmp_path: Path) -> ReplayOptions:
    log = tmp_path / "access.log"
    methods = [b"GET", b"GET", b"POST", b"HEAD"]
    lines = [LINE % (b"api.test:80", second, method) for second, method in enumerate(methods)]
    log.write_bytes(b"\n".join([*lines, b"junk"]))
    return ReplayOptions((log,), "http://127.0.0.1:8000", Timed())


def test_plan_tells_what_would_be_sent_and_how_long_it_takes(options: ReplayOptions) -> None:
    planned = plan(options)
    assert planned.planned == 3
    assert planned.endpoints == (("GET /track/", 2), ("HEAD /track/", 1))
    result = planned.result
    assert (result.lines, result.malformed, result.replayable, result.left_out) == (5, 1, 3, 3)
    assert result.unreplayable == {"body not in the log": 1}
    assert result.seconds == 3.0
    assert (result.sent, result.remainder()) == (0, 0)


def test_limit_and_speed_shorten_the_plan(options: ReplayOptions) -> None:
    assert plan(replace(options, pace=Timed(2.0))).result.seconds == 1.5
    assert plan(replace(options, limit=2)).planned == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pace": Timed(0.0)}, "--speed"),
        ({"pace": Timed(float("nan"))}, "--speed"),
        ({"pace": Open(-1.0)}, "--rate"),
        ({"pace": Open(float("inf"))}, "--rate"),
        ({"pace": Closed(0)}, "workers"),
        ({"order": Order.SHUFFLE}, "--mode open or closed"),
        ({"to": "ftp://x"}, "only http://"),
        ({"to": "http://192.0.2.1"}, "--allow 192.0.2.1"),
        ({"to": "http://api.test", "allowed": ("api.test",)}, "production"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(
    options: ReplayOptions, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ReplayError, match=words):
        check(replace(options, **changes))


def test_target_elsewhere_is_taken_when_it_is_allowed(options: ReplayOptions) -> None:
    elsewhere = replace(options, to="http://staging.test:8000", allowed=("staging.test",))
    assert check(elsewhere).authority == "staging.test:8000"


def test_log_that_is_not_there_is_refused_first(options: ReplayOptions, tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"gone\.log"):
        check(replace(options, logs=(*options.logs, tmp_path / "gone.log")))


def test_paces_are_told_in_words() -> None:
    assert in_words(Timed(2.0, 1.5)) == "as logged, at 2 times the speed, silences cut to 1.5 s"
    assert in_words(Open(950.0)) == "open loop, 950 a second, even arrivals"
    assert in_words(Closed(100)) == "closed loop, 100 in flight"
