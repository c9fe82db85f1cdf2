"""The queue that is a plain file."""

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from pyingest.event import Event
from pyingest.queues.file import TOGETHER, FileQueue
from pyingest.queues.interface import Outcome, QueueError


def test_what_was_taken_is_in_the_file_a_second_later(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "events"
    queue = FileQueue(clock, path)
    assert queue.publish_now([Event("events", b'{"a":1}'), Event("profiles", b'{"b":2}')])
    assert path.read_bytes() == b""
    clock.advance(1)
    assert path.read_bytes() == b'events\t{"a":1}\nprofiles\t{"b":2}\n'
    Deferred.fromCoroutine(queue.close())


def test_many_are_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events"
    queue = FileQueue(Clock(), path)
    queue.publish_now([Event("events", b"%d" % number) for number in range(TOGETHER)])
    assert len(path.read_bytes().splitlines()) == TOGETHER
    Deferred.fromCoroutine(queue.close())


def test_what_waits_is_written_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "events"
    queue = FileQueue(Clock(), path)
    seen: list[list[Outcome]] = []
    Deferred.fromCoroutine(queue.publish([Event("events", b"1")])).addCallback(seen.append)
    Deferred.fromCoroutine(queue.close())
    assert seen == [[Outcome.STORED]]
    assert path.read_bytes() == b"events\t1\n"


def test_a_file_that_cannot_be_written_takes_nothing_more() -> None:
    told: list[LogEvent] = []
    globalLogPublisher.addObserver(told.append)  # type: ignore[arg-type]  # any callable will do
    clock = Clock()
    queue = FileQueue(clock, Path("/dev/full"))
    assert queue.publish_now([Event("events", b"1")])
    clock.advance(1)
    globalLogPublisher.removeObserver(told.append)  # type: ignore[arg-type]  # the same
    assert not queue.publish_now([Event("events", b"2")])
    Deferred.fromCoroutine(queue.close())
    assert any("cannot be written" in event.get("log_format", "") for event in told)


def test_a_file_in_no_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match="name a file"):
        FileQueue(Clock(), tmp_path / "nowhere" / "events")
