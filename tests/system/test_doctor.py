"""`mixmigrate doctor` over real processes: it says what is wrong, and leaves nothing behind."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replay.processes import ServerProcess
from replay.rig import COMMAND, ingest, kestrel
from tests.system.attack_backends import exchanged

HELLO = b"GET /track HTTP/1.1\r\nHost: x\r\n\r\n"
DEAD = "http://127.0.0.1:9"


def doctor(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, "doctor", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def levels(output: str) -> dict[str, str]:
    return {one["check"]: one["level"] for one in json.loads(output)["findings"]}


@pytest.fixture
def candidate(tmp_path: Path) -> Iterator[ServerProcess]:
    """Run an ingestion server that queues in a file."""
    words = ingest("mochiweb", f"sqlite:{tmp_path}/candidate.db#events,profiles")
    process = ServerProcess([*COMMAND, "ingest", *words], tmp_path / "candidate.log")
    yield process
    process.kill()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[ServerProcess]:
    """Run a queue that speaks Kestrel's protocol."""
    words = [*COMMAND, "queue", *kestrel(tmp_path / "queue")]
    process = ServerProcess(words, tmp_path / "queue.log")
    yield process
    process.kill()


def test_a_sound_set_up_has_no_problem_and_nothing_is_left_behind(
    tmp_path: Path, candidate: ServerProcess, queue: ServerProcess
) -> None:
    kestrel_url = f"kestrel://{queue.address}/events,profiles"
    status, output = doctor(
        *("--legacy", f"http://{candidate.address}", "--legacy-queue", kestrel_url),
        *("--candidate", f"http://{candidate.address}", "--run", str(tmp_path / "run")),
        *("--candidate-queue", f"sqlite:{tmp_path}/candidate.db#events,profiles", "--json"),
    )
    found = levels(output)
    for check in ("legacy", "candidate", "legacy queue", "candidate queue", "queues", "run"):
        assert found[check] == "ok", output
    assert found["legacy clock"] == "ok"
    assert (status == 0) is ("problem" not in found.values())
    assert not (tmp_path / "run").exists()
    with sqlite3.connect(tmp_path / "candidate.db") as database:
        assert "mixmigrate-doctor" not in "\n".join(database.iterdump())
    said, _ = exchanged(int(queue.address.rpartition(":")[2]), b"STATS\r\nQUIT\r\n", 2.0)
    assert b"mixmigrate-doctor" not in said


def test_what_is_dead_or_wrong_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    one = f"sqlite:{tmp_path}/one.db#events"
    status, output = doctor(
        *("--legacy", DEAD, "--candidate", "ftp://x", "--run", str(tmp_path)),
        *("--listen", "192.0.2.1:1"),
        *("--legacy-queue", one, "--candidate-queue", "kestrel://127.0.0.1:9/events"),
    )
    assert status == 1
    for check in ("legacy  ", "candidate  ", "candidate queue", "listen"):
        assert re.search(rf"(?m)^problem  {check}", output), output
    assert re.search(r"(?m)^warning  legacy queue .* is not there yet", output)
    assert not (tmp_path / "one.db").exists()
    assert output.count("->") >= 4


def test_one_queue_for_both_sides_is_a_problem(tmp_path: Path) -> None:
    one = f"sqlite:{tmp_path}/one.db#events"
    status, output = doctor("--legacy-queue", one, "--candidate-queue", one, "--json")
    assert (status, levels(output)["queues"]) == (1, "problem")


def test_the_echo_of_odd_requests_and_of_a_corpus_is_clean(tmp_path: Path) -> None:
    (tmp_path / "corpus.http").write_bytes(HELLO * 3)
    words = ("--echo", "--requests", "100", "--corpus", str(tmp_path / "corpus.http"))
    status, output = doctor(*words)
    assert status == 0
    assert "echo: 103 requests" in output
    assert "nothing differs but what is documented" in output
    report: dict[str, Any] = json.loads(doctor(*words, "--json")[1])
    assert report["clean"]
    assert report["requests"]["captured"] == 3
    assert report["documented"].keys() == {"legacy: X-Forwarded-For", "candidate: X-Forwarded-For"}


def test_an_echo_that_is_not_clean_says_where_and_fails(tmp_path: Path) -> None:
    refused = b"PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"
    (tmp_path / "corpus.http").write_bytes(refused)
    status, output = doctor("--echo", "--requests", "0", "--corpus", str(tmp_path / "corpus.http"))
    assert status == 1
    assert "legacy, captured: a request that never came" in output


def test_an_echo_of_nothing_fails() -> None:
    status, output = doctor("--echo", "--requests", "0")
    assert (status, "nothing was sent" in output) == (1, True)


def test_what_is_no_corpus_is_said(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(b"no request\r\n\r\n")
    status, output = doctor("--echo", "--corpus", str(tmp_path / "corpus"))
    assert (status, "byte 0: a first line that is none" in output) == (2, True)
