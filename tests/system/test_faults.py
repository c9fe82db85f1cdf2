"""What is killed in mid-run: no client notices, and no verdict is better than it may be."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from replay.corpus import write_corpus
from replay.rig import COMMAND, Rig
from shadow.recording import RunReader

pytestmark = pytest.mark.alone

REQUESTS, RATE = 900, 300
FAIL, UNDECIDED, INVALID = 1, 3, 4


def traffic(rig: Rig, directory: Path) -> "subprocess.Popen[str]":
    """Start to send a log through the proxy; it takes three seconds."""
    log = directory / "access.jsonl"
    write_corpus(log, REQUESTS, seed=7)
    words = [*COMMAND, "replay", str(log), "--to", rig.url, "--rate", str(RATE), "--json"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def result_of(replay: "subprocess.Popen[str]") -> dict[str, Any]:
    said, _ = replay.communicate(timeout=60)
    result: dict[str, Any] = json.loads(said)
    return result


def compare(run: Path, out: Path) -> tuple[int, dict[str, Any]]:
    words = [*COMMAND, "compare", str(run), "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return done.returncode, report


def every_client_was_answered(result: dict[str, Any]) -> bool:
    """Say whether each request got an answer, none of them a gateway's."""
    answered = {int(status): count for status, count in result["answered"].items()}
    return sum(answered.values()) == REQUESTS and not answered.keys() & {502, 503, 504}


def test_a_killed_candidate_hurts_no_client_and_fails(stack: Any, tmp_path: Path) -> None:
    rig = stack()
    replay = traffic(rig, tmp_path)
    time.sleep(1.0)
    os.kill(rig.candidate.pid, signal.SIGKILL)
    result = result_of(replay)
    rig.shadow.stop()
    status, report = compare(rig.options.run, tmp_path / "report")
    assert every_client_was_answered(result)
    assert report["ledger"]["remainder"] == 0
    assert report["ledger"]["candidate_failed"] + report["ledger"]["broken_circuit"] > 0
    assert status in (FAIL, INVALID)


def test_a_killed_queue_of_the_candidate_hurts_no_client(stack: Any, tmp_path: Path) -> None:
    rig = stack(separate_queue=True)
    replay = traffic(rig, tmp_path)
    time.sleep(1.0)
    os.kill(rig.candidate_queue.pid, signal.SIGKILL)
    result = result_of(replay)
    rig.shadow.stop()
    status, _ = compare(rig.options.run, tmp_path / "report")
    assert every_client_was_answered(result)
    assert status in (FAIL, INVALID)


def test_a_killed_proxy_leaves_a_run_that_is_readable_and_invalid(
    stack: Any, tmp_path: Path
) -> None:
    rig = stack()
    replay = traffic(rig, tmp_path)
    until = time.monotonic() + 30
    while recorded(rig.options.run) < RATE / 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    os.kill(rig.shadow.pid, signal.SIGKILL)
    replay.communicate(timeout=60)
    status, report = compare(rig.options.run, tmp_path / "report")
    assert status in (UNDECIDED, INVALID)
    assert any("recording" in reason for reason in report["verdict"]["reasons"])


def recorded(directory: Path) -> int:
    """Return how many exchanges are on disk."""
    run = RunReader(directory)
    return sum(len(list(run.exchanges(number))) for number in run.partitions)


def test_the_segments_of_a_run_are_plain_zstd(stack: Any, tmp_path: Path) -> None:
    rig = stack()
    result_of(traffic(rig, tmp_path))
    rig.stop()
    exchanges, events = (zstdcat(rig.options.run, name) for name in ("exchanges", "events"))
    assert all(json.loads(line) for line in exchanges)
    assert len(exchanges) >= REQUESTS / 2
    # As docs/run-directory.md has it: `cut -f3 | jq .` reads the messages.
    assert all(json.loads(line.split(b"\t")[2]) for line in events)
    assert {line[:1] for line in events} == {b"L", b"C"}


def zstdcat(run: Path, name: str) -> list[bytes]:
    paths = [str(path) for path in sorted(run.rglob(f"{name}-*.zst"))]
    shown = subprocess.run(["zstdcat", *paths], capture_output=True, check=True).stdout
    return shown.splitlines()
