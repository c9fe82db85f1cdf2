"""A plain file is followed while it grows, is renamed, and is cut short."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyingest.queues import file_reader
from pyingest.queues.file_reader import FileReader
from pyingest.queues.gauge import Missed
from pyingest.queues.interface import QueueError

Opener = Callable[..., FileReader]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.tsv"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    """Make readers; they are closed at the end."""
    readers: list[FileReader] = []

    def make(name: str = "tap", from_start: bool = False, attach: bool = True) -> FileReader:
        reader = FileReader(path, ["events", "profiles"], name, from_start)
        readers.append(reader)
        if attach:
            asyncio.run(reader.attach())
        return reader

    yield make
    for reader in readers:
        asyncio.run(reader.close())


def append(path: Path, *bodies: bytes, queue: bytes = b"events", end: bytes = b"\n") -> None:
    with path.open("ab") as file:
        file.write(b"\n".join(queue + b"\t" + body for body in bodies) + end)


def read(reader: FileReader, limit: int = 100) -> list[bytes]:
    return [item.body for item in asyncio.run(reader.read(limit))]


def test_a_new_reader_begins_at_the_end_and_misses_nothing_after(
    path: Path, opened: Opener
) -> None:
    append(path, b"before")
    reader = opened()
    append(path, b"1", b"2")
    append(path, b"3", queue=b"profiles")
    append(path, b"not asked for", queue=b"others")
    found = asyncio.run(reader.read(10))
    assert [(one.queue, one.offset, one.body) for one in found] == [
        ("events", 1, b"1"),
        ("events", 2, b"2"),
        ("profiles", 1, b"3"),
    ]


def test_half_a_line_at_the_start_is_read_when_it_is_whole(path: Path, opened: Opener) -> None:
    append(path, b"before")
    append(path, b"ha", end=b"")
    reader = opened()
    assert read(reader) == []
    with path.open("ab") as file:
        file.write(b"lf\n")
    assert read(reader) == [b"half"]


def test_a_file_that_comes_later_is_read_from_its_beginning(path: Path, opened: Opener) -> None:
    reader = opened()
    assert read(reader) == []
    append(path, b"1")
    assert read(reader) == [b"1"]


def test_a_read_keeps_its_limit(path: Path, opened: Opener) -> None:
    reader = opened()
    append(path, *(b"%d" % n for n in range(5)))
    assert [read(reader, 2) for _ in range(4)] == [[b"0", b"1"], [b"2", b"3"], [b"4"], []]


def test_a_line_longer_than_a_chunk_is_read(path: Path, opened: Opener) -> None:
    reader = opened()
    append(path, b"x" * 700_000, b"2")
    assert [len(body) for body in read(reader)] == [700_000, 1]


def test_a_renamed_file_is_read_to_its_end_and_then_its_successor(
    path: Path, opened: Opener
) -> None:
    reader = opened()
    append(path, b"1")
    path.rename(path.with_name("queue.tsv.1"))
    assert read(reader) == []  # it was never there under its name
    append(path, b"2")
    assert read(reader) == [b"2"]
    old = path.with_name("queue.tsv.2")
    path.rename(old)
    append(old, b"3")
    assert read(reader) == [b"3"]
    append(path, b"4")
    append(old, b"late")
    assert read(reader) == [b"late", b"4"]


def test_a_file_that_had_the_name_between_two_looks_is_read_too(path: Path, opened: Opener) -> None:
    append(path, b"before")
    reader = opened()
    for number in (1, 2):
        append(path, b"%d" % number)
        path.rename(path.with_name(f"queue.tsv.{number}"))
    append(path, b"3")
    assert read(reader) == [b"1", b"2", b"3"]


def test_a_renamed_file_is_let_go_of_when_it_is_quiet(
    path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, b"before")
    reader = opened()
    path.rename(path.with_name("queue.tsv.1"))
    append(path, b"1")
    assert read(reader) == [b"1"]
    monkeypatch.setattr(file_reader, "LINGER", -1.0)
    assert read(reader) == []
    assert len(reader.position().split("], [")) == 1


def test_a_file_that_is_cut_short_is_told_of_and_read_on(path: Path, opened: Opener) -> None:
    reader = opened()
    append(path, b"1", b"2")
    assert read(reader) == [b"1", b"2"]
    path.write_bytes(b"")
    append(path, b"3")
    with pytest.raises(Missed, match="cut short"):
        read(reader)
    assert read(reader) == [b"3"]


def test_a_line_that_is_no_message_is_told_of(path: Path, opened: Opener) -> None:
    reader = opened()
    append(path, b"1")
    with path.open("ab") as file:
        file.write(b"nonsense\n")
    assert read(reader) == [b"1"]
    with pytest.raises(Missed, match="nonsense"):
        read(reader)


def test_a_reader_that_was_closed_goes_on_where_it_stopped(path: Path, opened: Opener) -> None:
    first = opened()
    append(path, b"1", b"2", b"3")
    assert read(first, 2) == [b"1", b"2"]
    asyncio.run(first.close())
    append(path, b"4")
    found = asyncio.run(opened().read(10))
    assert [(one.offset, one.body) for one in found] == [(3, b"3"), (4, b"4")]


def test_a_reader_that_died_leaves_its_last_batch_to_its_successor(
    path: Path, opened: Opener
) -> None:
    first = opened()
    append(path, *(b"%d" % n for n in range(5)))
    assert read(first, 2) == [b"0", b"1"]
    assert read(first, 2) == [b"2", b"3"]
    assert read(opened()) == [b"2", b"3", b"4"]


def test_a_successor_goes_on_behind_what_was_kept_of_the_dead(path: Path, opened: Opener) -> None:
    first = opened()
    append(path, b"0", b"1", b"2")
    assert read(first, 2) == [b"0", b"1"]
    second = opened(attach=False)
    second.seek(first.position())
    found = asyncio.run(second.read(10))
    assert [(one.offset, one.body) for one in found] == [(3, b"2")]


def test_a_successor_finds_the_file_under_its_new_name(path: Path, opened: Opener) -> None:
    first = opened()
    append(path, b"1")
    assert read(first) == [b"1"]
    asyncio.run(first.close())
    append(path, b"2")
    path.rename(path.with_name("queue.tsv-20261121"))
    append(path, b"3")
    assert read(opened()) == [b"2", b"3"]


def test_a_file_that_is_gone_before_its_successor_came_is_told_of(
    path: Path, opened: Opener
) -> None:
    first = opened()
    append(path, b"1")
    assert read(first) == [b"1"]
    asyncio.run(first.close())
    path.unlink()
    append(path, b"2")  # as it may be, under the inode of the other
    second = opened()
    with pytest.raises(Missed, match="is gone"):
        read(second)
    assert read(second) == [b"2"]


def test_detaching_removes_the_position(path: Path, opened: Opener, tmp_path: Path) -> None:
    reader = opened()
    append(path, b"1")
    assert read(reader) == [b"1"]
    assert list(tmp_path.glob("*.cursor"))
    asyncio.run(reader.detach())
    assert not list(tmp_path.glob("*.cursor"))


def test_the_backlog_counts_whole_messages(path: Path, opened: Opener) -> None:
    reader = opened()
    append(path, b"1", b"2", b"3")
    append(path, b"4", queue=b"profiles")
    append(path, b"hal", end=b"")
    gauges = asyncio.run(reader.gauge())
    assert {name: gauge.waiting for name, gauge in gauges.items()} == {"events": 3, "profiles": 1}
    read(reader, 2)
    assert asyncio.run(reader.backlog()) == 2


def test_far_behind_the_backlog_is_estimated(
    path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "COUNTED", 1000)
    reader = opened()
    append(path, *(b"%04d" % n for n in range(1000)))
    assert abs(asyncio.run(reader.backlog()) - 1000) < 20


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match="no such directory"):
        FileReader(tmp_path / "no" / "queue.tsv", ["events"], "tap")


def test_what_is_no_position_is_an_error_that_says_what_to_do(path: Path, opened: Opener) -> None:
    path.with_name("queue.tsv.tap.cursor").write_text("nonsense")
    with pytest.raises(QueueError, match="remove it"):
        opened()


def test_every_message_is_had_once_whatever_is_done_to_the_files(tmp_path: Path) -> None:
    chance = random.Random(2011)
    for round_ in range(25):
        place = tmp_path / str(round_)
        place.mkdir()
        path, old = place / "queue.tsv", Path()
        reader = FileReader(path, ["events"], "tap")
        asyncio.run(reader.attach())
        sent, found = 0, list[bytes]()
        for _ in range(40):
            match chance.choice(["append", "append", "late", "rename", "read", "close", "die"]):
                case "append":
                    append(path, *(b"%d" % n for n in range(sent, sent + 3)))
                    sent += 3
                case "late" if old.exists() and old != Path():
                    append(old, b"%d" % sent)  # by a service that has not noticed yet
                    sent += 1
                case "rename" if path.exists():
                    found += read(reader)
                    old = place / f"queue.tsv.{sent}"
                    path.rename(old)
                case "read":
                    found += read(reader, chance.randrange(1, 5))
                case "close":
                    asyncio.run(reader.close())
                    reader = FileReader(path, ["events"], "tap")
                case "die":
                    dead, reader = reader, FileReader(path, ["events"], "tap")
                    reader.seek(dead.position())
                    asyncio.run(dead.close())
        while more := read(reader):
            found += more
        asyncio.run(reader.close())
        assert sorted(found, key=int) == [b"%d" % n for n in range(sent)]
