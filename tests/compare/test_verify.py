"""A report is right when judging its evidence again gives it; anything else is found."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compare.judgement import judge_run
from compare.policy.policy import load, parse
from compare.render.files import NAMES, renderings, write_reports
from compare.render.testing import clean_summary, differing_summary, manifest, report_of
from compare.report import Report, evidence, report
from compare.stages.tally import Summary
from compare.stored import NAME, packed, unpacked
from compare.testing import dual_run
from compare.verification import VerificationError, differing, verify
from compare.verify_command import verify_command
from pyingest.message import Request
from shadow.recording import RunReader

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def few() -> Summary:
    return clean_summary(900)


def damaged() -> Summary:
    summary = clean_summary()
    summary.damage = ["exchanges-00: cut short"]
    return summary


RUNS = {
    "PASS": clean_summary,
    "FAIL": differing_summary,
    "UNDECIDED": few,
    "INVALID": damaged,
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("failed")
    write_reports(report_of(differing_summary()), directory)
    return directory


@pytest.fixture
def written(failed: Path, tmp_path: Path) -> Path:
    """Return a directory of reports on a run that failed; a test may spoil it."""
    shutil.copytree(failed, tmp_path / "out")
    return tmp_path / "out"


def run(*words: object) -> Result:
    return CliRunner().invoke(verify_command, [str(word) for word in words])


def edit(directory: Path, change: Callable[[Any], object]) -> None:
    path = directory / "report.json"
    told = json.loads(path.read_bytes())
    change(told)
    path.write_text(json.dumps(told))


def recorded(directory: Path, count: int = 30) -> Report:
    """Return the report on a run recorded in *directory*, with its files written beside it."""
    body = b'data={"event":"a","properties":{"token":"t","n":%d,}}'
    requests = [Request(b"POST", b"/track", (), body % number) for number in range(count)]
    dual_run(directory, requests)
    rules, text = load("demo")
    made = judge_run(directory, rules, text, lambda *_: None)
    write_reports(made, directory)
    return made


@pytest.mark.parametrize("outcome", RUNS)
def test_a_report_of_each_verdict_is_verified(outcome: str, tmp_path: Path) -> None:
    write_reports(report_of(RUNS[outcome]()), tmp_path)
    result = run(tmp_path)
    assert (result.exit_code, result.output.splitlines()[0]) == (0, f"verified: {outcome}")


def test_the_file_may_be_named_instead_of_its_directory(written: Path) -> None:
    result = run(written / "report.json")
    assert result.exit_code == 0
    assert "report.html" in result.output
    assert "its manifest was not compared" in result.output


def test_a_recorded_run_is_verified_with_its_manifest(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    result = run(tmp_path / "run")
    assert result.exit_code == 0
    assert "its manifest is the one that was judged" in result.output


def test_a_report_laid_out_anew_is_the_same_report(written: Path) -> None:
    edit(written, lambda told: None)
    assert run(written).exit_code == 0


def set_outcome(told: Any) -> None:
    told["verdict"]["outcome"] = "PASS"


def set_gate(told: Any) -> None:
    told["gates"][0]["mismatches"] = 0


def set_bound(told: Any) -> None:
    told["gates"][1]["bound"] = 0.00001


def drop_reason(told: Any) -> None:
    del told["verdict"]["reasons"][0]


def drop_cause(told: Any) -> None:
    del told["causes"][1]


def set_policy(told: Any) -> None:
    told["provenance"]["policy_text"] = told["provenance"]["policy_text"].replace("0.9999", "0.5")


def set_hash(told: Any) -> None:
    told["provenance"]["evidence_sha256"] = "0" * 64


def set_ledger(told: Any) -> None:
    told["ledger"]["differed"] = 0


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (set_outcome, "verdict.outcome"),
        (set_gate, "gates[0].mismatches"),
        (set_bound, "gates[1].bound"),
        (drop_reason, "verdict.reasons"),
        (drop_cause, "causes"),
        (set_policy, "provenance.policy_text"),
        (set_hash, "provenance.evidence_sha256"),
        (set_ledger, "ledger.differed"),
    ],
)
def test_an_edited_report_is_found_out(
    written: Path, change: Callable[[Any], None], where: str
) -> None:
    edit(written, change)
    result = run(written)
    assert result.exit_code == 1
    assert result.output.startswith("NOT VERIFIED: the evidence gives FAIL")
    lines = [line.strip() for line in result.output.splitlines()]
    assert where in lines
    following = [line.partition(" ")[0] for line in lines[lines.index(where) + 1 :]]
    assert following[0] == "expected"
    assert "found" in following[1:4]


def test_what_was_expected_and_what_was_found_are_said(written: Path) -> None:
    edit(written, set_outcome)
    said = run(written).output
    assert 'expected  "FAIL"' in said
    assert 'found     "PASS"' in said


def test_a_field_that_is_missing_or_unknown_is_found_out(written: Path) -> None:
    edit(written, lambda told: told["verdict"].update(signed="me"))
    assert "verdict.signed" in run(written).output
    edit(written, lambda told: told.pop("ledger"))
    assert run(written).exit_code == 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "report.json"])
def test_another_rendering_that_was_edited_is_found_out(written: Path, name: str) -> None:
    path = written / name
    path.write_bytes(path.read_bytes().replace(b"FAIL", b"PASS") + b" ")
    result = run(written)
    assert result.exit_code == 1
    assert name in result.output


def test_a_rendering_that_is_not_there_is_not_missed(written: Path) -> None:
    (written / "report.html").unlink()
    result = run(written)
    assert result.exit_code == 0
    assert "report.html" not in result.output


def test_the_evidence_of_another_run_is_found_out(written: Path, tmp_path: Path) -> None:
    write_reports(report_of(clean_summary()), tmp_path / "other")
    shutil.copy(tmp_path / "other" / NAME, written / NAME)
    result = run(written)
    assert result.exit_code == 1
    assert "NOT VERIFIED: the evidence gives PASS" in result.output
    assert "provenance.evidence_sha256" in result.output
    assert "more" in result.output.splitlines()[-2]


def test_evidence_that_was_changed_with_its_policy_is_found_out(written: Path) -> None:
    laxer = report_of(differing_summary())
    text = laxer.policy_text.replace("0.9999", "0.5")
    made = report("run", laxer.manifest, laxer.summary, parse(text, "t"), text)
    (written / NAME).write_bytes(packed(evidence(made)))
    found = verify({name: (written / name).read_bytes() for name in (*NAMES, NAME)})
    assert {"provenance.policy_hash", "gates[0].target"} <= {one.where for one in found.mismatches}


def test_evidence_of_other_text_and_the_same_meaning_is_found_out_by_its_hash(
    written: Path,
) -> None:
    text = unpacked((written / NAME).read_bytes())
    (written / NAME).write_bytes(zstd.compress(text.replace(b'{"evidence"', b'{ "evidence"')))
    result = run(written)
    assert result.exit_code == 1
    assert "provenance.evidence_sha256" in result.output


def test_evidence_compressed_anew_is_the_same_evidence(written: Path) -> None:
    text = unpacked((written / NAME).read_bytes())
    (written / NAME).write_bytes(zstd.compress(text, level=1))
    assert run(written).exit_code == 0


def test_a_run_whose_manifest_is_another_is_found_out(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    told = json.loads(path.read_bytes())
    told["ledger"]["mirrored"] += 5
    path.write_text(json.dumps(told))
    result = run(tmp_path / "run")
    assert result.exit_code == 1
    assert "manifest.json" in result.output


def test_the_policy_that_was_agreed_on_can_be_asked_for(written: Path, tmp_path: Path) -> None:
    assert run(written, "--policy", "demo").exit_code == 0
    result = run(written, "--policy", "default")
    assert result.exit_code == 1
    assert "the policy" in result.output
    mine = tmp_path / "mine.toml"
    mine.write_text("# ours\n" + load("demo")[1])
    assert run(written, "--policy", mine).exit_code == 0


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b'{"schema":"another/1"}')


def no_json(path: Path) -> None:
    path.write_bytes(b"\xff{")


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        (NAME, truncated, "cut short"),
        (NAME, emptied, "cut short"),
        (NAME, foreign, "not a zstd file"),
        (NAME, Path.unlink, "no evidence.json.zst beside the report"),
        ("report.json", truncated, "not JSON"),
        ("report.json", no_json, "not JSON"),
        ("report.json", foreign, "schema 'another/1'"),
        ("report.json", Path.unlink, "No such file"),
    ],
)
def test_what_cannot_be_read_is_told_and_is_no_verdict(
    written: Path, name: str, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(written / name)
    result = run(written)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_manifest_that_is_none_is_told(written: Path) -> None:
    (written / "manifest.json").write_text("{}")
    result = run(written)
    assert result.exit_code == 2
    assert "manifest.json" in result.output


def test_a_policy_that_is_none_is_told(written: Path) -> None:
    result = run(written, "--policy", written / "nowhere.toml")
    assert result.exit_code == 2
    assert "nowhere.toml" in result.output


def test_verifying_needs_no_files(tmp_path: Path) -> None:
    made = recorded(tmp_path / "run")
    files = {**renderings(made), NAME: packed(evidence(made))}
    found = verify(files, RunReader(tmp_path / "run").manifest, made.policy)
    assert found.mismatches == ()
    assert found.recomputed.verdict == made.verdict
    assert set(found.files) == set(NAMES) - {"report.json"}


def test_another_manifest_or_policy_is_a_mismatch() -> None:
    made = report_of(clean_summary())
    files = {"report.json": renderings(made)["report.json"], NAME: packed(evidence(made))}
    found = verify(files, manifest(7), load("default")[0])
    assert [one.where for one in found.mismatches] == ["the policy", "manifest.json"]


def test_a_policy_in_the_evidence_that_is_none_is_no_evidence() -> None:
    made = report_of(clean_summary())
    files = renderings(made)
    stored = evidence(report("run", made.manifest, made.summary, made.policy, "no = 'policy'"))
    with pytest.raises(VerificationError, match="policy"):
        verify({**files, NAME: packed(stored)})


@pytest.mark.parametrize(
    ("expected", "found", "where"),
    [
        (1, 1.0, None),
        (True, 1, "a"),
        (0, False, "a"),
        (None, 0, "a"),
        ([1, 2], [1], "a"),
        ([1, 2], [1, 3], "a[1]"),
        ({"b": 1}, {"c": 1}, "a.b"),
        ({"b": None}, {}, "a.b"),
        ("x", "x", None),
    ],
)
def test_values_differ_by_value_type_and_place(
    expected: object, found: object, where: str | None
) -> None:
    places = [one.where for one in differing({"a": expected}, {"a": found})]
    assert places[:1] == ([where] if where else [])
