"""`mixmigrate cutover`: only a report that is verified leads on, and back always works."""

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from compare.cutover.command import cutover_command
from compare.cutover.proof import proof_of
from compare.policy.policy import load, policy_hash
from compare.render.files import write_reports
from compare.render.testing import clean_summary, differing_summary, report_of
from compare.testing import dual_run
from pyingest.message import Request
from shadow.cutover.processes import ArmTold, Told, tell
from shadow.cutover.store import Store

QUEUES = (
    *("--legacy-queue", "kestrel://127.0.0.1:1/events"),
    *("--candidate-queue", "sqlite:/tmp/q.db#events"),
    *("--candidate-live-queue", "kestrel://127.0.0.1:1/events"),
)


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("passed")
    write_reports(report_of(clean_summary()), directory)
    return directory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the directory of a cutover that is planned, with stages of no length."""
    directory = tmp_path / "cutover"
    run("plan", directory, *QUEUES, "--hold", 0, "--requests", 10, "--steps", "5,50")
    return directory


def run(command: str, directory: Path, *words: object) -> Result:
    line = [command, "--state", str(directory), *(str(word) for word in words)]
    return CliRunner().invoke(cutover_command, line)


def proxy(directory: Path, requests: int = 10) -> None:
    """Let a proxy say that the candidate has answered so many requests in this stage."""
    epoch = Store(directory).read().epoch
    arm = ArmTold(requests=requests)
    told = Told(name="p", pid=1, at=time.time(), epoch=epoch, stage="", candidate=arm)
    tell(directory, told)


def status(directory: Path) -> Any:
    return json.loads(run("status", directory, "--json").output)


def test_a_plan_is_laid_down_and_checked(state: Path) -> None:
    again = run("plan", state, "--json")
    found = {check["mark"] for check in json.loads(again.output)["checks"]}
    assert (again.exit_code, found) == (1, {"ok", "note", "problem"})
    assert status(state)["rules"]["steps"] == [5.0, 50.0]


def test_the_steps_of_a_plan_stay(state: Path) -> None:
    again = run("plan", state, "--steps", "10")
    assert again.exit_code == 2
    assert "--steps: stays as it was planned" in again.output


@pytest.mark.parametrize(
    "words",
    [
        ("--steps", "x"),
        ("--steps", "50,5"),
        ("--hold", "nan"),
        ("--hold", "inf"),
        ("--listen", "x"),
    ],
)
def test_rules_that_are_none_are_refused(words: tuple[str, str], tmp_path: Path) -> None:
    assert run("plan", tmp_path / "c", *words).exit_code == 2
    assert not (tmp_path / "c").exists()


def test_a_pass_leads_to_the_first_step_and_no_other_report_is_asked_for(
    state: Path, passed: Path
) -> None:
    first = run("advance", state, "--report", passed, "--reason", "ticket 8")
    assert (first.exit_code, status(state)["stage"]) == (0, "ramp 5")
    proxy(state)
    second = run("advance", state, "--json")
    assert json.loads(second.output)["stage"] == "ramp 50"
    history = run("status", state, "--history").output
    assert [line.split()[4] for line in history.splitlines()] == ["planned", "advanced", "advanced"]


def test_the_proof_names_build_policy_and_run(passed: Path) -> None:
    proof = proof_of(passed, "demo")
    assert (proof.verdict, proof.build, proof.run) == ("PASS", "strict-1", "run")
    assert proof.policy == policy_hash(load("demo")[0])


def test_a_report_that_was_edited_leads_nowhere(state: Path, tmp_path: Path) -> None:
    write_reports(report_of(differing_summary()), tmp_path / "failed")
    path = tmp_path / "failed" / "report.json"
    path.write_text(path.read_text().replace('"FAIL"', '"PASS"', 1))
    refused = run("advance", state, "--report", path)
    assert (refused.exit_code, "NOT VERIFIED" in refused.output) == (2, True)
    assert status(state)["stage"] == "shadow"


def test_a_report_by_another_policy_leads_nowhere(state: Path, passed: Path) -> None:
    refused = run("advance", state, "--report", passed, "--policy", "default")
    assert (refused.exit_code, "the policy" in refused.output) == (2, True)


def test_too_few_requests_and_silence_hinder(state: Path, passed: Path) -> None:
    run("advance", state, "--report", passed)
    refused = run("advance", state)
    assert refused.exit_code == 2
    assert "no proxy reports" in refused.output
    proxy(state, 9)
    assert "answered 9 of 10 requests" in run("advance", state).output


def test_force_is_recorded_with_what_was_missing(state: Path) -> None:
    forced = run("advance", state, "--to", "flipped", "--force", "the old machine burns")
    assert forced.exit_code == 0
    found = status(state)
    assert (found["stage"], found["why"]) == ("flipped", "the old machine burns")
    assert len(found["forced"]) == 2


def test_back_needs_nothing(state: Path) -> None:
    run("advance", state, "--to", "flipped", "--force", "x")
    back = run("rollback", state)
    assert (back.exit_code, status(state)["stage"]) == (0, "shadow")
    assert "within 0.1 s" in back.output


def test_back_to_a_legacy_that_is_not_there_is_said(state: Path) -> None:
    run("plan", state, "--legacy", "http://127.0.0.1:1")
    run("advance", state, "--to", "flipped", "--force", "x")
    back = run("rollback", state)
    assert (back.exit_code, status(state)["stage"]) == (0, "shadow")
    assert "legacy answers now, but http://127.0.0.1:1: no connection" in back.output


def test_an_address_that_cannot_be_read_is_a_line_of_the_list(tmp_path: Path) -> None:
    planned = run("plan", tmp_path / "c", "--legacy", "http://[::1")
    assert planned.exit_code == 1
    assert "--legacy: 'http://[::1' is no URL; write http://HOST:PORT" in planned.output


@pytest.mark.parametrize("command", ["status", "advance", "rollback"])
def test_without_a_plan_each_command_says_how_to_begin(command: str, tmp_path: Path) -> None:
    refused = run(command, tmp_path)
    assert (refused.exit_code, "mixmigrate cutover plan" in refused.output) == (2, True)


def growing(directory: Path, candidate_breaks: bool) -> Path:
    """Return a run that is still being recorded; the port breaks on a trailing comma."""
    form = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
    tail = b"," if candidate_breaks else b""
    body = b'data={"event":"a","properties":{"token":"t","time":1790000000,"n":%d%b}}'
    dual_run(
        directory,
        (Request(b"POST", b"/track", form, body % (number, tail)) for number in range(300)),
    )
    path = directory / "manifest.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "state": "recording"}))
    return directory


def watched(state: Path, directory: Path) -> Result:
    line = ["watch", str(directory), "--state", str(state), "--policy", "demo", "--once"]
    return CliRunner().invoke(cutover_command, line)


def test_a_step_that_is_refused_leaves_nothing_behind(state: Path, tmp_path: Path) -> None:
    before = sorted(state.iterdir())
    found = growing(tmp_path / "run", candidate_breaks=True)
    refused = run("advance", state, "--run", found, "--policy", "demo")
    assert (refused.exit_code, "says FAIL, not PASS" in refused.output) == (2, True)
    assert sorted(state.iterdir()) == before


def test_what_was_seen_of_a_growing_run_is_kept_with_the_step_it_carried(
    state: Path, tmp_path: Path
) -> None:
    found = growing(tmp_path / "run", candidate_breaks=True)
    assert run("advance", state, "--run", found, "--policy", "demo", "--force", "x").exit_code == 0
    kept = json.loads((state / "proofs" / "epoch-1.json").read_bytes())
    assert (kept["outcome"], kept["policy"]) == ("FAIL", "demo")
    assert [path.name for path in (state / "proofs").iterdir()] == ["epoch-1.json"]


@pytest.mark.parametrize("in_the_way", ["proofs", ".stage.json.{pid}"])
def test_a_step_that_cannot_be_written_is_not_made_and_proves_nothing(
    state: Path, tmp_path: Path, in_the_way: str
) -> None:
    found = growing(tmp_path / "run", candidate_breaks=False)
    place = state / in_the_way.format(pid=os.getpid())
    if in_the_way == "proofs":
        place.write_bytes(b"")
    else:
        place.mkdir()
    failed = run("advance", state, "--run", found, "--policy", "demo", "--force", "x")
    assert (failed.exit_code, status(state)["stage"]) == (2, "shadow")
    assert not list(state.glob("proofs/*"))


def test_a_growing_run_that_fails_leads_back(state: Path, tmp_path: Path) -> None:
    run("advance", state, "--to", "50", "--force", "x")
    found = watched(state, growing(tmp_path / "run", candidate_breaks=True))
    assert (found.exit_code, status(state)["stage"]) == (1, "shadow")
    assert status(state)["who"] == "watch"
    assert "the run says FAIL" in status(state)["why"]


def test_a_growing_run_without_differences_leads_nowhere(state: Path, tmp_path: Path) -> None:
    run("advance", state, "--to", "50", "--force", "x")
    found = watched(state, growing(tmp_path / "run", candidate_breaks=False))
    assert (found.exit_code, status(state)["stage"]) == (0, "ramp 50")


def test_in_shadow_a_failing_run_changes_nothing(state: Path, tmp_path: Path) -> None:
    found = watched(state, growing(tmp_path / "run", candidate_breaks=True))
    assert (found.exit_code, status(state)["epoch"]) == (0, 0)


def test_a_state_of_another_version_is_refused(state: Path) -> None:
    store = Store(state)
    changed = msgspec.to_builtins(store.read()) | {"stage": {"phase": "sideways"}}
    store.path.write_text(json.dumps(changed))
    assert "not a stage" in run("status", state).output
