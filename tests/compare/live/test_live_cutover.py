"""The live page rolls a cutover back as soon as the run that it shows fails."""

from pathlib import Path

import msgspec
import pytest
from twisted.internet.task import Clock

from compare.live.judged import Judged
from compare.live.service import LiveOptions, LiveService
from shadow.cutover.stage import FLIPPED, SHADOW, Stage, State
from shadow.cutover.store import Store


def heard(tmp_path: Path, outcome: str, stage: Stage = FLIPPED) -> State:
    """Return the state of a cutover at *stage* after a look that says *outcome*."""
    store = Store(tmp_path / "cutover")
    store.plan(State(stage=stage))
    service = LiveService(Clock(), LiveOptions(tmp_path / "run", cutover=store.directory))
    service._heard(Judged(state="recording", outcome=outcome, reasons=["veto: 3 are missing"]))
    return store.read()


def test_a_run_that_fails_leads_back(tmp_path: Path) -> None:
    state = heard(tmp_path, "FAIL")
    assert (state.stage, state.who) == (SHADOW, "live")
    assert state.why == "the run says FAIL: veto: 3 are missing"


@pytest.mark.parametrize("outcome", ["PASS", "UNDECIDED", "INVALID"])
def test_any_other_verdict_leads_nowhere(tmp_path: Path, outcome: str) -> None:
    assert heard(tmp_path, outcome).stage == FLIPPED


def test_in_shadow_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    assert heard(tmp_path, "FAIL", SHADOW).epoch == 0


def test_a_cutover_that_cannot_be_read_does_not_hinder_the_page(tmp_path: Path) -> None:
    service = LiveService(Clock(), LiveOptions(tmp_path / "run", cutover=tmp_path / "none"))
    service._heard(Judged(state="recording", outcome="FAIL"))
    assert service.board.looks == 1
    assert msgspec.structs.asdict(service.view().judged)["outcome"] == "FAIL"
