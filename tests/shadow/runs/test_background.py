"""Work on the disk is done in its order, and nobody waits for it."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pyingest.message import Request
from shadow.exchange import Exchange
from shadow.recording import RunReader, RunWriter
from shadow.runs.background import Background
from shadow.runs.manifest import Manifest, RecordingError
from shadow.testing import ONE


def exchange(number: int) -> Exchange:
    return Exchange(number, float(number), Request(b"GET", b"/%d" % number), ONE, ONE)


def waiting_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        event.wait(60)

    return wait


def test_jobs_are_done_in_their_order() -> None:
    hand, done = Background(), list[int]()
    for number in range(200):
        hand.do(partial(done.append, number))
    hand.finish()
    assert done == list(range(200))
    hand.close()


def test_a_disk_that_hangs_holds_nobody_up_until_too_much_waits(tmp_path: Path) -> None:
    hand, hangs = Background(most_bytes=20_000), threading.Event()
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0, partitions=1), hand)
    hand.do(waiting_for(hangs))
    for number in range(50):
        writer.add_exchange(exchange(number))
        writer.flush_next()
    assert 0 < hand.waiting_bytes <= 20_000
    writer.add_exchange(Exchange(1, 1.0, Request(b"GET", b"/" * 20_000), ONE, ONE))
    with pytest.raises(RecordingError, match="the disk is too slow"):
        writer.flush_all()
    hangs.set()
    hand.close()


def test_what_was_given_to_a_thread_is_all_there_when_it_is_closed(tmp_path: Path) -> None:
    hand = Background()
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0, partitions=4), hand)
    for number in range(1, 3001):
        writer.add_exchange(exchange(number))
        if number % 10 == 0:
            writer.flush_next()
    writer.close({"received": 3000}, {})
    hand.close()
    run = RunReader(tmp_path / "run")
    for number in run.partitions:
        numbers = [one.number for one in run.exchanges(number)]
        assert numbers == sorted(numbers)
    assert (sum(run.manifest.exchanges), run.damage) == (3000, [])


def test_after_a_failure_nothing_more_is_done_and_everybody_hears_of_it() -> None:
    hand, done = Background(), list[str]()

    def fail() -> None:
        raise OSError(28, "No space left on device")

    hand.do(fail)
    with pytest.raises(OSError, match="No space left"):
        hand.finish()
    with pytest.raises(OSError, match="No space left"):
        hand.do(lambda: done.append("more"))
    hand.close()
    assert done == []


def test_a_defect_of_ours_ends_the_recording_with_a_word() -> None:
    hand = Background()
    hand.do(lambda: [][0])
    with pytest.raises(OSError, match="a defect in the recording: IndexError"):
        hand.finish()
    hand.close()


def test_a_run_is_not_called_complete_before_all_of_it_is_there(tmp_path: Path) -> None:
    hand, hangs = Background(), threading.Event()
    writer = RunWriter(tmp_path / "run", Manifest(created=1.0, partitions=1), hand)
    hand.finish()
    hand.do(waiting_for(hangs))
    writer.add_exchange(exchange(1))
    assert not writer.flush_next()
    assert writer.flush_next()  # its manifest waits, too
    writer.add_exchange(exchange(2))
    writer.seal({}, {})
    assert RunReader(tmp_path / "run").manifest.state == "recording"
    hangs.set()
    writer.finish()
    hand.close()
    run = RunReader(tmp_path / "run")
    assert (run.manifest.state, run.manifest.exchanges) == ("complete", [2])
