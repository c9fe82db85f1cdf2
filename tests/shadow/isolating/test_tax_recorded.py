"""What the control arms of a run's processes say stands in the run's manifest."""

from pathlib import Path

import pytest

from shadow.isolating.tax import Arms, arms_of
from shadow.ledger import Ledger
from shadow.recorder import Recorder
from shadow.recording import RunReader, RunWriter
from shadow.runs.manifest import Manifest, RunManifest
from shadow.runs.rotating import PartsWriter
from shadow.runs.run import Run


def arms(answers: int) -> Arms:
    made = Arms()
    for number in range(answers):
        made.add(number % 2 == 0, 0.01, number)
    return made


def test_a_run_of_one_part_keeps_the_tax(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0))
    recorder = Recorder(writer, pytest.fail)
    recorder.tell_tax(arms(30).to_dict())
    recorder.close(Ledger().to_dict(), {})
    assert arms_of(RunReader(tmp_path / "run").manifest.tax).to_dict() == arms(30).to_dict()


def test_the_tax_of_a_run_of_parts_is_that_of_all_processes_each_counted_once(
    tmp_path: Path,
) -> None:
    run = Run.create(tmp_path / "run", RunManifest(created=1.0, partitions=4))
    writers = [PartsWriter(run, name) for name in ("proxy-0", "proxy-1")]
    writers[0].rotate(Ledger().to_dict())
    for writer, answers in zip(writers, (20, 10), strict=True):
        writer.tell_tax(arms(answers).to_dict())
        writer.close(Ledger().to_dict(), {})
    run.close()
    told = arms_of(RunReader(tmp_path / "run").manifest.tax)
    assert (told.whole(True).total, told.whole(False).total) == (15, 15)


def test_a_process_without_a_control_arm_adds_nothing(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0))
    writer.tell_tax({})
    writer.close(Ledger().to_dict(), {})
    assert RunReader(tmp_path / "run").manifest.tax == []
