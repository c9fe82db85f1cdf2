"""The demo, small: too few requests to pass, enough to fail with the right causes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from replay.legacy import Erlang
from replay.rig import COMMAND

pytestmark = pytest.mark.alone

UNDECIDED = 3
REQUESTS = 3_000


def demo(out: Path, legacy: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Run the demo; return what it said and both reports."""
    words = ["demo", "--out", str(out), "--requests", str(REQUESTS)]
    words += ["--rate", "300", "--legacy", legacy]  # however busy the machine is
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == UNDECIDED, done.stdout + done.stderr
    strict, finished = (
        json.loads((out / profile / "report.json").read_text())
        for profile in ("strict", "mochiweb")
    )
    return done.stdout, strict, finished


@pytest.mark.erlang
@pytest.mark.timeout(180)
def test_against_the_erlang_server_the_port_fails_and_the_finished_one_agrees(
    tmp_path: Path, erlang: Erlang
) -> None:
    assert erlang.erl
    said, strict, finished = demo(tmp_path / "demo", "erlang")
    assert "legacy: the Erlang server of legacy/, on MochiWeb" in said.splitlines()[0]
    assert strict["verdict"]["outcome"] == "FAIL"
    quirks = {cause["quirk"] for cause in strict["causes"]} - {None}
    assert len(quirks) >= 6
    assert {"client address", "trailing comma", "duplicate key"} <= quirks
    assert finished["verdict"]["outcome"] == "UNDECIDED"
    assert finished["causes"] == []
    assert finished["ledger"]["remainder"] == 0
    assert finished["events"]["legacy"] == finished["events"]["candidate"] > REQUESTS


@pytest.mark.timeout(180)
def test_without_erlang_the_stand_in_takes_its_place_and_says_so(tmp_path: Path) -> None:
    said, strict, finished = demo(tmp_path / "demo", "standin")
    assert "STAND-IN" in said.splitlines()[0]
    assert strict["verdict"]["outcome"] == "FAIL"
    assert any("stand-in" in note for note in finished["provenance"]["notes"])


def test_the_output_of_somebody_else_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "strict").mkdir()
    (tmp_path / "strict" / "thesis.txt").write_text("mine")
    words = [*COMMAND, "demo", "--out", str(tmp_path), "--requests", "100"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no earlier demo's" in done.stderr
    assert (tmp_path / "strict" / "thesis.txt").exists()
