"""Stages: what leads on, what hinders, and that back is always possible."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.cutover.limits import GuardLimits
from shadow.cutover.stage import (
    DONE,
    FLIPPED,
    SHADOW,
    Phase,
    Proof,
    Rules,
    Sight,
    Stage,
    StageError,
    State,
    advanced,
    following,
    missing,
    rolled_back,
    stage_of,
)

PROOF = Proof(verdict="PASS", build="1.4", policy="aa11", run="first", at=50.0)
RULES = Rules(steps=(5.0, 50.0), hold_seconds=60.0, hold_requests=100)
QUIET = Sight(proxies=1, requests=100)


def on(state: State, at: float = 1_000.0, **more: Any) -> State:
    told = {"who": "ann", "why": "", "proof": state.proof or PROOF, "sight": QUIET, **more}
    return advanced(state, at=at, **told)


def at_stage(number: int) -> State:
    """Return the state after so many advances, each an hour after the last."""
    state = State(rules=RULES)
    for hour in range(number):
        state = on(state, at=3600.0 * (hour + 1))
    return state


def test_the_stages_follow_each_other() -> None:
    told = [str(at_stage(number).stage) for number in range(5)]
    assert told == ["shadow", "ramp 5", "ramp 50", "flipped", "done"]
    assert following(at_stage(4)) is None


def test_each_change_is_another_epoch() -> None:
    assert [at_stage(number).epoch for number in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("number", range(5))
def test_every_stage_leads_back_to_shadow(number: int) -> None:
    state = rolled_back(at_stage(number), who="ann", why="enough", at=99_999.0)
    assert (state.stage, state.proof, state.voided) == (SHADOW, None, 99_999.0)
    assert state.epoch == number + 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"verdict": "UNDECIDED"}, "UNDECIDED"),
        ({"verdict": "FAIL"}, "FAIL"),
        ({"verdict": "INVALID"}, "INVALID"),
        ({"build": ""}, "which build"),
    ],
    ids=lambda value: str(value),
)
def test_without_a_pass_that_names_its_build_shadow_stays(
    change: dict[str, str], word: str
) -> None:
    proof = msgspec.structs.replace(PROOF, **change)
    with pytest.raises(StageError, match=word):
        on(State(rules=RULES), proof=proof)


def test_without_a_report_shadow_stays() -> None:
    with pytest.raises(StageError, match="no report"):
        advanced(State(), who="ann", why="", at=1.0, proof=None, sight=QUIET)


def test_a_run_from_before_the_roll_back_proves_nothing() -> None:
    back = rolled_back(at_stage(2), who="ann", why="", at=10_000.0)
    with pytest.raises(StageError, match="before the last roll-back"):
        on(back, at=20_000.0, proof=PROOF)
    fresh = msgspec.structs.replace(PROOF, at=10_001.0)
    assert str(on(back, at=20_000.0, proof=fresh).stage) == "ramp 5"


@pytest.mark.parametrize("name", ["build", "policy"])
def test_evidence_of_another_build_or_policy_carries_no_ramp(name: str) -> None:
    other = msgspec.structs.replace(PROOF, **{name: "other"})
    with pytest.raises(StageError, match=f"{name} .* the report is of 'other'"):
        on(at_stage(1), at=10_000.0, proof=other)


def test_a_stage_lasts_its_time() -> None:
    with pytest.raises(StageError, match="has lasted 59 s of 60 s"):
        on(at_stage(1), at=3600.0 + 59.0)


def test_a_stage_sees_its_requests() -> None:
    with pytest.raises(StageError, match="answered 99 of 100 requests"):
        on(at_stage(1), at=9_000.0, sight=Sight(proxies=1, requests=99))


def test_a_guard_that_has_fired_hinders() -> None:
    sight = Sight(proxies=1, requests=100, tripped=("errors",))
    with pytest.raises(StageError, match="guard errors has fired"):
        on(at_stage(1), at=9_000.0, sight=sight)


def test_silence_of_all_proxies_hinders() -> None:
    with pytest.raises(StageError, match="no proxy reports"):
        on(at_stage(1), at=9_000.0, sight=Sight(requests=100))


def test_no_stage_is_skipped_but_by_force() -> None:
    with pytest.raises(StageError, match="skips stages"):
        on(at_stage(1), at=9_000.0, to=FLIPPED)
    forced = on(at_stage(1), at=9_000.0, to=FLIPPED, forced=True, why="fire")
    assert forced.stage == FLIPPED
    assert forced.forced == ("flipped skips stages: ramp 50 follows ramp 5",)


def test_force_keeps_what_was_missing() -> None:
    forced = on(at_stage(1), at=3601.0, sight=Sight(), forced=True, why="fire")
    assert [one.split()[0] for one in forced.forced] == ["ramp", "the", "no"]


def test_force_does_not_lead_back() -> None:
    with pytest.raises(StageError, match="see `rollback`"):
        on(at_stage(2), to=Stage(Phase.RAMP, 5.0), forced=True)


def test_a_step_that_was_not_planned_is_followed_by_the_next_higher_one() -> None:
    state = on(State(rules=RULES), to=Stage(Phase.RAMP, 10.0), forced=True)
    assert following(state) == Stage(Phase.RAMP, 50.0)


@pytest.mark.parametrize("steps", [(5.0, 5.0), (50.0, 5.0), (0.0,), (100.0,)], ids=str)
def test_steps_that_are_no_ramp_are_refused(steps: tuple[float, ...]) -> None:
    with pytest.raises(StageError, match="rising percentages"):
        Rules(steps=steps)


@pytest.mark.parametrize(
    "limits", [GuardLimits(errors=0.0), GuardLimits(ratio=0.9), GuardLimits(outage=0)], ids=str
)
def test_limits_that_are_none_are_refused(limits: GuardLimits) -> None:
    with pytest.raises(StageError, match="limits of the guards"):
        Rules(guards=limits)


def test_a_stage_is_read_as_it_is_written() -> None:
    for stage in (SHADOW, Stage(Phase.RAMP, 2.5), FLIPPED, DONE):
        assert stage_of(str(stage)) == stage
    assert stage_of("25") == stage_of("25%") == Stage(Phase.RAMP, 25.0)
    with pytest.raises(StageError, match="no stage"):
        stage_of("soon")


@given(st.lists(st.sampled_from(["on", "force", "back"]), max_size=12))
def test_whatever_is_wished_the_stage_only_goes_on_by_one_or_back(wishes: list[str]) -> None:
    state, at = State(rules=RULES), 0.0
    order = [str(stage) for stage in RULES.stages]
    for wish in wishes:
        before, at = state, at + 3600.0
        if wish == "back":
            state = rolled_back(state, who="", why="", at=at)
            assert state.stage == SHADOW
            continue
        try:
            proof = msgspec.structs.replace(PROOF, at=at - 1)
            state = on(state, at=at, proof=proof, forced=wish == "force")
        except StageError:
            assert missing(before, proof, QUIET, at)
            continue
        assert order.index(str(state.stage)) == order.index(str(before.stage)) + 1
