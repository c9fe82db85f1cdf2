"""What is broken is said in words, and never passes."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pyingest.message import Request, Response
from replay.rig import COMMAND
from shadow.exchange import Answered, Exchange, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest

ANSWER = Answered(Response(200, b"OK", (), b"1"), 0.001)
USAGE, INVALID = 2, 4
EVENT = b'{"event":"e","properties":{"token":"t","distinct_id":"%d","n":%d}}'


def mixmigrate(*words: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def write_run(directory: Path, requests: int, sides: tuple[Side, ...] = tuple(Side)) -> None:
    """Write a run of *requests* requests whose events reached the queues of *sides*."""
    writer = RunWriter(directory, Manifest(created=1.0))
    ledger = Ledger(received=requests, legacy_answered=requests)
    ledger.mirrored = ledger.candidate_answered = requests
    for number in range(1, requests + 1):
        event = EVENT % (number, number)
        target = b"/track?data=" + event.replace(b'"', b"%22")
        request = Request(b"GET", target, ((b"Host", b"x"),))
        writer.add_exchange(Exchange(number, number / 100, request, ANSWER, ANSWER))
        for side in sides:
            writer.add_event(TappedEvent(side, "events", number, number / 100, event))
    taps: dict[str, dict[str, Any]] = {
        side.value: {
            "attached": True,
            "read": requests if side in sides else 0,
            "backlog": 0,
            "errors": 0,
            "error": "",
        }
        for side in Side
    }
    writer.close(ledger.to_dict(), taps)


def verdict(run: Path, out: Path) -> tuple[int, list[str]]:
    done = mixmigrate("compare", str(run), "--out", str(out))
    report = json.loads((out / "report.json").read_text())
    return done.returncode, report["verdict"]["reasons"]


def test_an_empty_run_is_invalid(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 0)
    status, reasons = verdict(tmp_path / "run", tmp_path / "out")
    assert status == INVALID
    assert reasons


@pytest.mark.parametrize("present", list(Side))
def test_a_run_with_one_empty_queue_does_not_pass(tmp_path: Path, present: Side) -> None:
    write_run(tmp_path / "run", 500, (present,))
    status, reasons = verdict(tmp_path / "run", tmp_path / "out")
    assert status == (1 if present is Side.LEGACY else INVALID)
    assert reasons


def test_a_truncated_segment_makes_a_run_invalid(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 2000)
    segment = next(iter(sorted((tmp_path / "run").glob("events-*.zst"))))
    segment.write_bytes(segment.read_bytes()[:-40])
    status, reasons = verdict(tmp_path / "run", tmp_path / "out")
    assert status == INVALID
    assert any(segment.name in reason for reason in reasons)


def test_a_missing_segment_makes_a_run_invalid(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 2000)
    segment = next(iter(sorted((tmp_path / "run").glob("exchanges-*.zst"))))
    segment.unlink()
    status, reasons = verdict(tmp_path / "run", tmp_path / "out")
    assert status == INVALID
    assert any(segment.name in reason for reason in reasons)


def test_a_directory_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    done = mixmigrate("compare", str(tmp_path))
    assert done.returncode == USAGE
    assert "manifest.json" in done.stderr


def test_garbage_in_the_place_of_a_manifest_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    done = mixmigrate("compare", str(tmp_path))
    assert done.returncode == USAGE
    assert "not a manifest" in done.stderr


def test_a_typo_in_a_policy_is_named_with_its_place(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 10)
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "mine"\n[gate]\nalhpa = 0.05\n')
    done = mixmigrate("compare", str(tmp_path / "run"), "--policy", str(policy))
    assert done.returncode == USAGE
    assert "alhpa" in done.stderr
    assert "alpha" in done.stderr.replace("alhpa", "")
    assert str(policy) in done.stderr


def test_an_unreachable_legacy_is_said_before_anything_is_served(tmp_path: Path) -> None:
    done = mixmigrate(
        *("shadow", "--listen", "127.0.0.1:0", "--run", str(tmp_path / "run")),
        *("--legacy", "http://127.0.0.1:9", "--candidate", "http://127.0.0.1:9"),
        *("--legacy-queue", f"sqlite:{tmp_path}/a.db#events"),
        *("--candidate-queue", f"sqlite:{tmp_path}/b.db#events"),
    )
    assert done.returncode == USAGE
    assert "legacy http://127.0.0.1:9" in done.stderr
    assert "ready" not in done.stdout


def test_two_publishers_to_one_queue_are_refused(tmp_path: Path) -> None:
    queue = f"sqlite:{tmp_path}/a.db#events"
    done = mixmigrate(
        *("shadow", "--listen", "127.0.0.1:0", "--run", str(tmp_path / "run")),
        *("--legacy", "http://127.0.0.1:9", "--candidate", "http://127.0.0.1:9"),
        *("--legacy-queue", queue, "--candidate-queue", queue),
    )
    assert done.returncode == USAGE
    assert "both sides publish to one queue" in done.stderr


def test_an_unreachable_queue_is_said_before_anything_is_served(tmp_path: Path) -> None:
    done = mixmigrate("ingest", "--listen", "127.0.0.1:0", "--queue", "kestrel://127.0.0.1/events")
    assert done.returncode == USAGE
    assert "HOST:PORT" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "/nonexistent.log"),
        ("ingest", "--queue", "rabbit://x/y"),
        ("ingest", "--queue", "memory:", "--listen", "nonsense"),
        ("compare", "/nonexistent"),
        ("shadow", "--run", "x"),
        ("cutover",),
    ],
    ids=" ".join,
)
def test_wrong_words_are_answered_with_exit_code_two(words: tuple[str, ...]) -> None:
    done = mixmigrate(*words)
    assert done.returncode == USAGE
    assert done.stderr


def test_an_interrupted_import_claims_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    line = '192.0.2.7 - - [21/Nov/2011:07:20:00 +0000] "GET /track?data=1 HTTP/1.1" 200 1\n'
    (tmp_path / "log").write_text(line)
    log, run = str(tmp_path / "log"), tmp_path / "run"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue = f"kestrel://127.0.0.1:{silent.getsockname()[1]}/events"
        words = ("import", "--legacy-log", log, "--candidate-log", log, "--run", str(run))
        queues = ("--legacy-queue", queue, "--candidate-queue", f"{queue}_c", "--position", "p")
        with subprocess.Popen([*COMMAND, *words, *queues], stdout=subprocess.PIPE) as process:
            silent.settimeout(30)
            connection, _ = silent.accept()  # now it waits for an answer that does not come
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)
            connection.close()
    assert (process.returncode, b"judge it with" in said) == (130, False)
    assert not run.exists()
