"""`mixmigrate import` from files, and what it says when it is told too little."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from shadow.recording import RunReader

LINE = '192.0.2.7 - - [21/Nov/2011:07:20:%02d +0000] "GET /track?data=%d HTTP/1.1" 200 1\n'


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, str]:
    """Write logs and dumps of both sides; give them as options."""
    words: dict[str, str] = {}
    for side in ("legacy", "candidate"):
        log, dump = tmp_path / f"{side}.log", tmp_path / f"{side}.events"
        log.write_text("".join(LINE % (n, n) for n in range(10)))
        dump.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(10)))
        words |= {f"--{side}-log": str(log), f"--{side}-events": str(dump)}
    words["--run"] = str(tmp_path / "run")
    return words


def invoke(words: dict[str, str]) -> Result:
    return CliRunner().invoke(main, ["import", *(word for pair in words.items() for word in pair)])


def test_logs_and_dumps_become_a_run(sources: dict[str, str]) -> None:
    done = invoke(sources)
    assert done.exit_code == 0, done.output
    assert "10 requests were found in both logs, 0 by their id and 10 by content" in done.output
    assert "10 events of legacy, 10 events of candidate" in done.output
    run = RunReader(Path(sources["--run"]))
    assert run.manifest.ledger["mirrored"] == 10
    assert {tap["backlog"] for tap in run.manifest.taps.values()} == {0}


@pytest.mark.parametrize("name", ["--legacy-log", "--candidate-log", "--run"])
def test_what_must_be_given_is_asked_for(sources: dict[str, str], name: str) -> None:
    del sources[name]
    done = invoke(sources)
    assert (done.exit_code, "give --legacy-log" in done.output) == (2, True)


def test_events_must_come_from_one_place(sources: dict[str, str]) -> None:
    done = invoke(sources | {"--legacy-queue": "sqlite:q.db#events"})
    assert "give either --legacy-queue or --legacy-events" in done.output
    del sources["--candidate-events"]
    assert "give either --candidate-queue or" in invoke(sources).output


def test_a_log_that_is_none_is_refused_and_the_directory_can_be_used_again(
    sources: dict[str, str],
) -> None:
    Path(sources["--legacy-log"]).write_text("nonsense\n")
    done = invoke(sources)
    assert (done.exit_code, "in none of the formats" in done.output) == (2, True)
    Path(sources["--legacy-log"]).write_text(LINE % (1, 1))
    assert invoke(sources).exit_code == 0


def test_a_field_that_is_redacted_does_not_reach_the_run(sources: dict[str, str]) -> None:
    message = json.dumps({"event": "e", "properties": {"$email": "ada@example.org"}})
    for side in ("legacy", "candidate"):
        Path(sources[f"--{side}-events"]).write_text(message + "\n")
    done = invoke(sources | {"--redact": "properties.$email"})
    assert done.exit_code == 0, done.output
    run = RunReader(Path(sources["--run"]))
    bodies = [event.body for number in run.partitions for event in run.events(number)]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert b"redacted:" in bodies[0]
    assert b"ada@" not in bodies[0]
    assert any("$email" in note for note in run.manifest.notes)


def test_a_queue_file_that_is_not_there_is_not_made(
    sources: dict[str, str], tmp_path: Path
) -> None:
    del sources["--legacy-events"]
    missing = tmp_path / "typo.db"
    done = invoke(sources | {"--legacy-queue": f"sqlite:{missing}#events"})
    assert (done.exit_code, f"{missing}: no such file" in done.output) == (2, True)
    assert not missing.exists()
