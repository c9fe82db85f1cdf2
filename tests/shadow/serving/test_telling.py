"""What a process tells of itself must not take the time of its clients."""

import threading
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from shadow.serving import statusfiles
from shadow.serving.telling import EACH, Teller
from shadow.status import Status

WAIT = 10.0


def filled(status: Status) -> None:
    """Complete a status with nothing."""


def test_a_slow_disk_does_not_hold_up_the_loop_and_gets_one_status_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)
    put = statusfiles.put

    def slowly(directory: Path, name: str, data: bytes) -> None:
        begun.release()
        assert may_end.acquire(timeout=WAIT)
        put(directory, name, data)

    monkeypatch.setattr(statusfiles, "put", slowly)
    clock = Clock()
    teller = Teller(clock, tmp_path, "proxy-0", filled)
    teller.start()
    assert begun.acquire(timeout=WAIT)
    for _ in range(5):
        clock.advance(EACH)
    assert not begun.acquire(blocking=False)
    assert statusfiles.read(tmp_path, "proxy-0") is None
    for _ in range(2):
        may_end.release()
    teller.stop()
    told = statusfiles.read(tmp_path, "proxy-0")
    assert told is not None
    assert told.ending


def test_a_disk_that_takes_nothing_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)

    def full(directory: Path, name: str, data: bytes) -> None:
        asked.release()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statusfiles, "put", full)
    clock = Clock()
    teller = Teller(clock, tmp_path, "proxy-0", filled)
    teller.start()
    assert asked.acquire(timeout=WAIT)
    while not asked.acquire(timeout=0.01):
        clock.advance(EACH)
    teller.stop()
