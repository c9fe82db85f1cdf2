"""Where a comparison is done makes no difference to what it gives."""

from pathlib import Path

import pytest

from compare.judgement import judge_run
from compare.policy.policy import load
from compare.render.as_json import render_json
from compare.stages.engine import Here, summarise
from compare.stages.engines import Dask, EngineError, Processes, engine_for
from compare.stages.rules import Rules
from compare.testing import dual_run
from pyingest.message import Request

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def request(number: int) -> Request:
    comma = b"," if number % 5 == 0 else b""
    body = (
        b'data={"event":"e","properties":{"token":"t","distinct_id":"p%d","n":%d,"time":5%b}}'
        % (number % 70, number, comma)
    )
    return Request(b"POST", b"/track", FORM, body)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("engines") / "run"
    dual_run(directory, [request(number) for number in range(300)])
    return directory


def report(run: Path, where: str) -> bytes:
    policy, text = load("default")
    return render_json(judge_run(run, policy, text, lambda *_: None, where))


def test_two_processes_give_the_same_report_byte_by_byte(run: Path) -> None:
    assert report(run, "local:2") == report(run, "local:1")


def test_nothing_of_the_work_is_left_in_the_run(run: Path) -> None:
    before = sorted(path.name for path in run.iterdir())
    report(run, "local:1")
    assert sorted(path.name for path in run.iterdir()) == before


class Backwards(Here):
    """Does the last partition first."""

    def map(self, task, numbers):  # type: ignore[no-untyped-def]  # as Here's
        """Yield the results in reverse."""
        return super().map(task, sorted(numbers, reverse=True))


def test_the_order_in_which_partitions_are_done_makes_no_difference(run: Path) -> None:
    from shadow.recording import RunReader

    one = summarise(RunReader(run), Rules())
    other = summarise(RunReader(run), Rules(), engine=Backwards())
    assert one.causes == other.causes
    assert (one.events, one.units, one.kinds) == (other.events, other.units, other.kinds)


def test_a_small_run_takes_one_process_and_a_large_one_all() -> None:
    assert isinstance(engine_for("local", 100), Here)
    assert isinstance(engine_for("local:3", 100), Processes)
    assert isinstance(engine_for("dask://127.0.0.1:8786", 100), Dask)


@pytest.mark.parametrize("where", ["", "spark://x:1", "dask://nowhere", "local:x", "local:1:2"])
def test_an_unknown_engine_is_refused_with_what_there_is(where: str) -> None:
    with pytest.raises(EngineError, match="dask://HOST:PORT"):
        engine_for(where, 100)


def test_a_scheduler_that_is_not_there_is_said_so(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import distributed

    def refuse(*_: object, **__: object) -> None:
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(EngineError, match="no scheduler answers"):
        report(run, "dask://127.0.0.1:1")


def die(number: int) -> int:
    import os

    os._exit(1)


def test_a_worker_that_dies_ends_the_comparison_with_a_word() -> None:
    engine = Processes(2)
    try:
        with pytest.raises(EngineError, match="died"):
            list(engine.map(die, range(4)))
    finally:
        engine.close()
