"""The recording stops at the first failure, and then the run is never called complete."""

import shutil
from pathlib import Path

from pyingest.message import Request
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.recorder import Recorder
from shadow.recording import FLUSH_BYTES, RunReader, RunWriter
from shadow.runs.manifest import Manifest, RunManifest
from shadow.runs.room import Room
from shadow.runs.rotating import PartsWriter
from shadow.runs.run import Run
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


def test_a_part_whose_writer_gave_up_says_why_and_what_it_lacks(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", RunManifest(created=1.0, partitions=1))
    free = [100]
    writer = PartsWriter(run, "proxy-0", room=Room(tmp_path, 50, lambda: free[0]))
    told: list[str] = []
    recorder = Recorder(writer, told.append)
    recorder.exchange(EXCHANGE)
    free[0] = 49
    assert not recorder.flush({"received": 1})
    assert not recorder.flush({"received": 1})
    assert "49 bytes of the disk are free" in told[0]
    recorder.exchange(EXCHANGE)
    recorder.close({"received": 5}, {})
    run.close()
    found = RunReader(tmp_path / "run")
    assert found.manifest.state == "stopped"
    said = [found.manifest.ledger[name] for name in ("received", "mirrored", "lost", "remainder")]
    assert said == [5, 1, 4, 0]
    assert len(list(found.exchanges(0))) == 1
    assert "4 of the 5 requests that it received are not recorded" in found.damage[0].what
    assert "49 bytes of the disk are free" in found.damage[0].what


def test_what_a_full_disk_left_is_counted_by_who_owns_the_run(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", RunManifest(created=1.0, partitions=1))
    recorder = Recorder(PartsWriter(run, "proxy-0"), print)
    recorder.exchange(EXCHANGE)
    assert [recorder.flush({"received": 1}) for _ in range(2)] == [False, True]
    recorder.exchange(EXCHANGE)
    part = tmp_path / "run/parts/proxy-0.0001"
    segment = next(part.glob("exchanges*"))
    kept = segment.read_bytes()
    segment.unlink()
    segment.mkdir()  # nothing can be appended to it
    recorder.flush({"received": 3})
    recorder.close({"received": 3}, {})
    segment.rmdir()
    segment.write_bytes(kept)
    run.close()
    found = RunReader(tmp_path / "run")
    assert found.manifest.state == "killed"
    said = [found.manifest.ledger[name] for name in ("received", "mirrored", "lost", "remainder")]
    assert said == [3, 1, 2, 0]
    assert "Is a directory" in found.damage[0].what
