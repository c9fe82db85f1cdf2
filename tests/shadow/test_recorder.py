"""The recording stops at the first failure, and then the run is never called complete."""

import shutil
from pathlib import Path

from pyingest.message import Request
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.recorder import Recorder
from shadow.recording import FLUSH_BYTES, Manifest, RunReader, RunWriter
from shadow.testing import ONE

EXCHANGE = Exchange(1, 1.0, Request(b"GET", b"/track"), ONE, ONE)
EVENT = TappedEvent(Side.LEGACY, "events", 1, 1.0, b"{}")
BIG = TappedEvent(Side.LEGACY, "events", 1, 1.0, b"x" * (FLUSH_BYTES + 1))


def test_a_run_without_trouble_is_complete(tmp_path: Path) -> None:
    recorder = Recorder(RunWriter(tmp_path / "run", Manifest(created=1.0)), print)
    recorder.exchange(EXCHANGE)
    recorder.event(EVENT)
    recorder.close({"received": 1}, {})
    run = RunReader(tmp_path / "run")
    assert (run.manifest.state, run.manifest.ledger, recorder.error) == (
        "complete",
        {"received": 1},
        "",
    )


def test_a_disk_that_fails_is_told_of_once_and_the_run_stays_incomplete(tmp_path: Path) -> None:
    told: list[str] = []
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0))
    recorder = Recorder(writer, told.append)
    kept = tmp_path / "kept"
    shutil.move(tmp_path / "run", kept)
    recorder.event(BIG)
    recorder.event(BIG)
    recorder.exchange(EXCHANGE)
    shutil.move(kept, tmp_path / "run")
    recorder.flush({})
    recorder.close({}, {})
    assert told == [recorder.error]
    assert str(tmp_path / "run") in recorder.error
    assert RunReader(tmp_path / "run").manifest.state == "recording"


def test_a_run_that_never_began_leaves_its_directory_usable(tmp_path: Path) -> None:
    RunWriter(tmp_path / "run", Manifest(created=1.0)).discard()
    RunWriter(tmp_path / "run", Manifest(created=2.0))
    assert RunReader(tmp_path / "run").manifest.created == 2.0
