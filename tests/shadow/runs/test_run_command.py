"""`mixmigrate run`: what it says, what it deletes, and its exit codes."""

import json
import re
import time
from functools import partial
from pathlib import Path

from click.testing import CliRunner, Result

from cli import main
from pyingest.message import Request
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunReader, RunWriter
from shadow.runs.checking import check
from shadow.runs.manifest import Manifest, RunManifest
from shadow.runs.run import Run
from shadow.serving.statusfiles import write
from shadow.status import QueueStatus, Status
from shadow.testing import ONE


def called(*words: object, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["run", *map(str, words)], input=answer)


def recorded(directory: Path, hours: int = 3, closed: bool = True) -> Run:
    legacy = {"url": "http://127.0.0.1:1", "build": "7"}
    run = Run.create(directory, RunManifest(created=5.0, partitions=2, legacy=legacy))
    for hour in range(hours):
        proxy, tap = (run.part(name, clock=partial(float, hour * 3600.0)) for name in ("p", "tap"))
        counted = Ledger()
        exchange = Exchange(1, hour * 3600.0 + 1, Request(b"GET", b"/track"), ONE, ONE)
        proxy.add_exchange(exchange)
        counted.ended(exchange)
        tap.add_event(TappedEvent(Side.LEGACY, "events", hour, hour * 3600.0 + 2, b"{}"))
        proxy.seal(counted.to_dict(), {}, (hour + 1) * 3600.0)
        tap.seal({}, {"legacy": {"attached": True, "read": 1, "backlog": 0}}, (hour + 1) * 3600.0)
    if closed:
        run.close()
    return run


def test_runs_are_listed_with_state_size_and_counts(tmp_path: Path) -> None:
    recorded(tmp_path / "a/one")
    live = recorded(tmp_path / "a/two", closed=False)
    writer = RunWriter(tmp_path / "old", Manifest(created=1.0))
    writer.flush()
    shown = called("ls", tmp_path).output.splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [
        [str(tmp_path / "a/one"), "complete"],
        [str(tmp_path / "a/two"), "live"],
        [str(tmp_path / "old"), "recording"],
    ]
    told = json.loads(called("ls", tmp_path, "--json").output)
    assert [one["requests"] for one in told] == [3, 3, 0]
    live.close()


def test_a_directory_without_runs_is_said_to_have_none(tmp_path: Path) -> None:
    assert called("ls", tmp_path).output == f"{tmp_path}: no runs\n"


def test_a_run_is_shown_with_its_parts_ledger_and_taps(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    shown = called("show", tmp_path / "run").output
    assert "legacy: url http://127.0.0.1:1, build 7" in shown
    assert re.search(r"^  received +3$", shown, re.M)
    assert "legacy: 3 read, 0 left unread" in shown
    assert "tap.0006" in shown
    assert len(json.loads(called("show", tmp_path / "run", "--json").output)["parts"]) == 6


def tell(run: Path, name: str, ago: float, **queues: QueueStatus) -> None:
    """Write what the process *name* of a run told so long ago of the queues that it taps."""
    (run / "status").mkdir(exist_ok=True)
    at = time.time() - ago
    told = {queue.replace("_", " "): status for queue, status in queues.items()}
    write(run / "status", Status(name=name, pid=1, began=1.0, at=at, queues=told))


def taps_shown(run: Path) -> list[str]:
    """Return what `run show` says of the taps."""
    shown = called("show", run).output.partition("\ntaps\n")[2].partition("\n\n")[0]
    return re.sub(r"as told \d+ s ago", "as told just now", shown).splitlines()


def test_the_taps_of_a_run_that_grows_are_shown_as_they_are_now(tmp_path: Path) -> None:
    live = recorded(tmp_path / "run", hours=0, closed=False)
    assert taps_shown(tmp_path / "run") == ["  none has told of itself"]
    tell(tmp_path / "run", "tap-0", 90.0, legacy_events=QueueStatus(read=1))
    tell(
        tmp_path / "run",
        "tap",
        0.0,
        legacy_events=QueueStatus(read=1200, lag=7),
        candidate_events=QueueStatus(read=3, error="refused"),
    )
    tell(tmp_path / "run", "proxy-0", 0.0)
    assert taps_shown(tmp_path / "run") == [
        "  legacy events: 1,200 read so far, 7 wait, as told just now",
        "  candidate events: 3 read so far, how many wait is not known; error: refused, "
        "as told just now",
    ]
    told = json.loads(called("show", tmp_path / "run", "--json").output)["tapping"]
    assert (told["legacy events"]["read"], told["legacy events"]["lag"]) == (1200, 7)
    live.close()
    assert taps_shown(tmp_path / "run") == ["  none"]


def test_the_taps_before_a_run_was_gone_on_with_are_told_apart(tmp_path: Path) -> None:
    live = recorded(tmp_path / "run", closed=False)
    tell(tmp_path / "run", "tap", 0.0, legacy_events=QueueStatus(read=2, lag=0))
    assert taps_shown(tmp_path / "run") == [
        "  legacy: 3 read, 0 left unread in parts that are closed",
        "  legacy events: 2 read so far, 0 wait, as told just now",
    ]
    live.close()
    assert taps_shown(tmp_path / "run") == ["  legacy: 3 read, 0 left unread"]


def test_a_whole_run_verifies(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    result = called("verify", tmp_path / "run")
    assert result.output == f"{tmp_path / 'run'}: whole, 3 requests and 3 events in 6 parts\n"
    assert result.exit_code == 0


def test_a_long_verification_says_how_far_it_is(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    told: list[tuple[int, int]] = []
    check(tmp_path / "run", lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)
    assert told == sorted(told)
    assert len(told) == 6 * 2  # parts by partitions


def test_a_run_that_grows_is_not_called_damaged(tmp_path: Path) -> None:
    live = recorded(tmp_path / "run", closed=False)
    result = called("verify", tmp_path / "run")
    assert result.exit_code == 2
    assert "it is being recorded; end that first" in result.output
    live.close()
    assert called("verify", tmp_path / "run").exit_code == 0


def test_what_is_damaged_is_told_by_its_place_with_exit_code_1(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    segment = next((tmp_path / "run/parts/p.0003").glob("exchanges-*"))
    segment.write_bytes(segment.read_bytes()[:-3])
    result = called("verify", tmp_path / "run", "--json")
    assert result.exit_code == 1
    damage = json.loads(result.output)["damage"]
    assert f"parts/p.0003/{segment.name}: cut short: the last frame is not whole" in damage
    assert any("1 of 1 lines are missing" in line for line in damage)
    assert any("the ledger counts 1 received, recorded are 0" in line for line in damage)


def test_a_ledger_that_was_changed_by_hand_does_not_verify(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    path = tmp_path / "run/manifest.json"
    path.write_text(path.read_text().replace('"received": 3', '"received": 2'))
    result = called("verify", tmp_path / "run")
    assert "its ledger is not the sum of its parts' ledgers" in result.output
    assert result.exit_code == 1


def test_old_parts_are_deleted_and_a_dry_run_only_says_so(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    result = called("prune", tmp_path / "run", "--keep-age", "1d", "--dry-run")
    assert "would delete 6 parts" in result.output
    assert sum(RunReader(tmp_path / "run").manifest.exchanges) == 3
    assert "deleting 6 parts" in called("prune", tmp_path / "run", "--keep-age", "1d").output
    assert sum(RunReader(tmp_path / "run").manifest.exchanges) == 0
    assert called("verify", tmp_path / "run").exit_code == 0
    assert called("prune", tmp_path / "run", "--keep-age", "1d").output == "nothing to delete\n"


def test_a_whole_run_is_deleted_only_after_a_yes(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    assert called("prune", tmp_path / "run", answer="n\n").exit_code == 1
    assert (tmp_path / "run").exists()
    assert called("prune", tmp_path / "run", "--yes").exit_code == 0
    assert not (tmp_path / "run").exists()


def test_runs_that_ended_long_ago_are_found_beneath_a_directory(tmp_path: Path) -> None:
    recorded(tmp_path / "runs/one")
    recorded(tmp_path / "runs/two", closed=False).close()
    told = json.loads(called("prune", tmp_path, "--older-than", "1d", "--yes", "--json").output)
    assert told == []  # their manifests were written just now
    told = json.loads(called("prune", tmp_path, "--older-than", "0s", "--yes", "--json").output)
    assert [one["whole"] for one in told] == [True, True]
    assert not list((tmp_path / "runs").iterdir())


def test_a_run_that_is_being_recorded_is_not_deleted(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", closed=False)
    result = called("prune", tmp_path / "run", "--yes")
    assert result.exit_code == 2
    assert "is being recorded" in result.output
    run.close()


def test_amounts_that_are_none_are_refused(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    assert "is no size; write 500MB" in called("prune", tmp_path, "--keep-bytes", "many").output
    assert "is no span of time" in called("prune", tmp_path, "--keep-age", "3 moons").output
