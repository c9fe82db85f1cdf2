"""The pre-flight list and the steps: what an operator reads before the first client is moved."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from shadow.cutover.preflight import Check, Mark, Places, preflight
from shadow.cutover.processes import ArmTold, Told
from shadow.cutover.stage import FLIPPED, Phase, Proof, Rules, Stage, State, rolled_back
from shadow.cutover.steps import plan_text
from shadow.cutover.view import View, history_text, status_data, status_text

PRODUCTION = "kestrel://127.0.0.1:22133/events,profiles"
QUARANTINE = "sqlite:/tmp/q.db#events,profiles"
PLACES = Places(
    legacy="http://127.0.0.1:8080",
    candidate="http://127.0.0.1:8001",
    candidate_live="http://127.0.0.1:8002",
    legacy_queue=PRODUCTION,
    candidate_queue=QUARANTINE,
    candidate_live_queue=PRODUCTION,
)
SHADOWED = msgspec.structs.replace(
    PLACES, legacy_shadow="http://127.0.0.1:8081", legacy_shadow_queue=QUARANTINE
)
PROOF = Proof(verdict="PASS", build="1.4", policy="aa11", run="first", at=50.0)


def checked(places: Places = PLACES, why: str = "", proof: Proof | None = PROOF) -> list[Check]:
    return preflight(places, State(), proof, lambda host, port: why)


def problems(checks: list[Check]) -> list[str]:
    return [check.said for check in checks if check.mark is Mark.PROBLEM]


def test_a_sound_plan_has_no_problem() -> None:
    assert not problems(checked())
    assert not problems(checked(SHADOWED))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"candidate_live_queue": QUARANTINE}, "would never reach the consumers"),
        ({"candidate_live_queue": PRODUCTION.replace("events", "other")}, "would never reach"),
        ({"candidate_queue": PRODUCTION}, "would get each event twice"),
        ({"candidate_live": PLACES.candidate}, "are one process"),
        ({"candidate_live": PLACES.legacy}, "are one process"),
        ({"candidate_live": "8002"}, "is no URL"),
        ({"legacy_queue": "rabbit://x/y"}, "unknown scheme"),
    ],
    ids=range(7),
)
def test_what_would_lose_or_double_events_is_a_problem(change: dict[str, str], said: str) -> None:
    assert any(said in one for one in problems(checked(msgspec.structs.replace(PLACES, **change))))


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (PRODUCTION, "legacy-shadow writes to the production queue"),
        ("sqlite:/tmp/other.db#events,profiles", "the same quarantined queues"),
        ("", "--legacy-shadow-queue"),
    ],
    ids=["production", "another", "none"],
)
def test_copies_belong_into_the_one_quarantine(queue: str, said: str) -> None:
    places = msgspec.structs.replace(SHADOWED, legacy_shadow_queue=queue)
    assert any(said in one for one in problems(checked(places)))


def test_a_service_that_is_not_there_is_a_problem() -> None:
    assert len(problems(checked(why="no connection"))) == 3


def test_without_a_legacy_shadow_the_consequence_is_said_plainly() -> None:
    notes = [one.said for one in checked() if one.mark is Mark.NOTE]
    assert "legacy gets no copy of it" in notes[0]
    assert "no event is lost" in notes[0]


def test_without_a_report_the_proxy_may_be_put_in() -> None:
    checks = checked(proof=None)
    assert not problems(checks)
    assert any("the first step asks for one" in one.said for one in checks)


def test_a_report_that_carries_no_step_is_a_problem() -> None:
    proof = msgspec.structs.replace(PROOF, verdict="UNDECIDED")
    assert problems(checked(proof=proof)) == ["the report on first says UNDECIDED, not PASS"]


def test_the_plan_names_every_step_the_way_back_and_nginx() -> None:
    text = plan_text(
        Path("cut"), SHADOWED, State(rules=Rules(steps=(5.0, 50.0))), checked(SHADOWED)
    )
    for line in (
        "Pre-flight: ready",
        "--cutover cut",
        "--legacy-shadow http://127.0.0.1:8081",
        "mixmigrate cutover advance --state cut --report RUN",
        "ramp 50 %",
        "everybody is answered by the candidate",
        "mixmigrate cutover rollback --state cut",
        "server 127.0.0.1:8000;  # proxy",
        "server 127.0.0.1:8080 down;  # legacy",
        "server 127.0.0.1:8002;  # candidate-live",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) < 400


def seen(**more: Any) -> Told:
    told = Told(
        name="proxy-0",
        pid=7,
        at=999.0,
        epoch=1,
        stage="ramp 25",
        legacy=ArmTold(requests=300, errors=3),
        candidate=ArmTold(requests=100, errors=2, refusals=1),
        guards={"errors": 0.25},
    )
    return msgspec.structs.replace(told, **more)


RAMP = State(
    epoch=1,
    stage=Stage(Phase.RAMP, 25.0),
    since=400.0,
    what="advanced",
    who="ann",
    why="ticket 8",
    proof=PROOF,
    rules=Rules(hold_seconds=60.0, hold_requests=150),
)


def test_the_status_shows_both_sides_the_guards_and_what_is_missing() -> None:
    text = status_text(View(RAMP, [seen(), seen(name="proxy-1", epoch=0)], 1_000.0))
    assert "ramp 25, for 0:10:00" in text
    assert "advanced by ann: ticket 8" in text
    assert "first PASS, build '1.4', policy aa11" in text
    assert "errors 25 %" in text.replace("25%", "25 %")
    assert "still at epoch 0" in text
    assert "no --legacy-shadow" in text
    assert "next: ramp 50; missing:" in text
    assert "answered 100 of 150 requests" in text


def test_the_status_as_data_says_the_same() -> None:
    data = status_data(View(RAMP, [seen()], 1_000.0))
    assert (data["stage"], data["percent"], data["next"]) == ("ramp 25", 25.0, "ramp 50")
    assert data["candidate"] == {"requests": 100, "errors": 2, "refusals": 1}
    assert data["lasted"] == 600.0
    assert len(data["missing"]) == 1


def test_nothing_missing_is_said() -> None:
    one = seen(candidate=ArmTold(requests=150))
    assert "next: ramp 50; nothing is missing" in status_text(View(RAMP, [one], 1_000.0))


def test_silence_of_all_proxies_is_shown() -> None:
    text = status_text(View(RAMP, [seen(at=900.0)], 1_000.0))
    assert "no proxy reports to this directory" in text


def test_the_history_is_a_line_for_each_change() -> None:
    forced = msgspec.structs.replace(RAMP, epoch=2, stage=FLIPPED, forced=("a", "b"))
    back = rolled_back(forced, who="proxy-0", why="errors", at=2_000.0)
    lines = history_text([RAMP, forced, back]).splitlines()
    assert len(lines) == 3
    assert "[forced; 2 missing]" in lines[1]
    assert lines[2].endswith("rolled back  shadow    proxy-0: errors")
