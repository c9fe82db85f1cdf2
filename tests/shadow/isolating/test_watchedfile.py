"""A small file that is replaced whole and looked at often."""

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from shadow.isolating.watchedfile import LONGEST, WatchedFile, replace


class Reader:
    """What was told of a file, and the clock by which it is looked at."""

    def __init__(self, path: Path) -> None:
        self.told: list[bytes | None] = []
        self.clock = Clock()
        self.file = WatchedFile(path, self.told.append, self.clock)


def test_nothing_is_told_of_a_file_that_was_never_there(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "control.json")
    reader.file.start()
    reader.clock.pump([0.1] * 5)
    assert reader.told == []


def test_a_file_that_is_there_is_told_of_at_once(tmp_path: Path) -> None:
    replace(tmp_path / "control.json", b"on")
    reader = Reader(tmp_path / "control.json")
    reader.file.start()
    assert reader.told == [b"on"]


def test_each_change_is_told_once_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    reader = Reader(path)
    reader.file.start()
    for content in (b"on", b"off", b"of2"):
        replace(path, content)
        reader.clock.pump([0.1, 0.1, 0.1])
    assert reader.told == [b"on", b"off", b"of2"]


def test_replacing_by_the_same_bytes_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    reader = Reader(path)
    reader.file.start()
    for _ in range(2):
        replace(path, b"same")
        reader.clock.advance(0.1)
    assert reader.told == [b"same", b"same"]


def test_a_file_that_is_gone_is_told_as_none(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    replace(path, b"on")
    reader = Reader(path)
    reader.file.start()
    path.unlink()
    reader.clock.pump([0.1, 0.1])
    assert reader.told == [b"on", None]


def test_nothing_is_told_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    reader = Reader(path)
    reader.file.start()
    reader.file.stop()
    replace(path, b"on")
    reader.clock.advance(1.0)
    assert reader.told == []
    assert reader.clock.getDelayedCalls() == []


def test_what_cannot_be_read_is_an_error_and_the_looks_go_on(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    reader = Reader(path)
    reader.file.start()
    path.mkdir()
    reader.clock.advance(0.1)
    assert "control.json" in reader.file.error
    path.rmdir()
    replace(path, b"on")
    reader.clock.advance(0.1)
    assert reader.told == [b"on"]
    assert reader.file.error == ""


def test_a_file_of_any_length_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    path.write_bytes(b" " * (LONGEST + 1))
    reader = Reader(path)
    reader.file.start()
    assert reader.told == []
    assert "longer than" in reader.file.error


def test_the_looks_go_on_when_the_one_who_was_told_fails(tmp_path: Path) -> None:
    path, clock, told = tmp_path / "control.json", Clock(), list[bytes | None]()

    def fail_once(content: bytes | None) -> None:
        told.append(content)
        if len(told) == 1:
            raise RuntimeError("not now")

    file = WatchedFile(path, fail_once, clock)
    file.start()
    replace(path, b"one")
    with pytest.raises(RuntimeError):
        clock.advance(0.1)
    replace(path, b"two")
    clock.advance(0.1)
    assert told == [b"one", b"two"]


def test_replacing_leaves_no_partial_file(tmp_path: Path) -> None:
    for content in (b"a", b"b"):
        replace(tmp_path / "control.json", content)
    assert [one.name for one in tmp_path.iterdir()] == ["control.json"]


def test_a_replacement_that_fails_leaves_what_was(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    path.mkdir()
    (path / "in the way").touch()
    with pytest.raises(OSError, match="control"):
        replace(path, b"on")
    assert [one.name for one in tmp_path.iterdir()] == ["control.json"]
    assert [one.name for one in path.iterdir()] == ["in the way"]
