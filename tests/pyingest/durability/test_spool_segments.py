"""The log on disk: bounded, crash-safe, and honest when the disk is not."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pyingest.durability.record import MAGIC, Entry, records
from pyingest.durability.segments import SET_ASIDE, SegmentLog, Waiting
from pyingest.event import Event
from pyingest.queues.interface import Outcome

ROOM = 1 << 20
STORED, FULL, REFUSED = Outcome.STORED, Outcome.FULL, Outcome.REFUSED


def entries(*numbers: int, size: int = 1) -> list[Entry]:
    return [
        Entry(Event("events", b"%d" % number * size), False, 1000 + number) for number in numbers
    ]


def bodies(found: list[Waiting]) -> list[bytes]:
    return [each.entry.event.body for each in found]


def reopened(log: SegmentLog, limit: int = ROOM) -> SegmentLog:
    log.close()
    return SegmentLog(log.directory, limit)


def killed(log: SegmentLog, limit: int = ROOM) -> SegmentLog:
    """Open the files again as they are: nothing is told to the log that had them open."""
    return SegmentLog(log.directory, limit)


def raises(number: int, after: int = 0) -> Callable[..., int]:
    """Return a system call that fails with *number* from its call *after* on."""
    calls = []

    def call(*values: object, **named: object) -> int:
        calls.append(values)
        raise OSError(number, os.strerror(number))

    return call


def segment_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.log"))


def test_what_was_appended_is_read_in_order_and_once(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    assert log.append([entries(1, 2), entries(3)]) == [STORED, STORED]
    assert bodies(log.next(None, 2, ROOM)) == [b"1", b"2"]
    assert log.append([entries(4)]) == [STORED]
    assert bodies(log.next(None, 9, ROOM)) == [b"3", b"4"]
    assert log.next(None, 9, ROOM) == []


def test_a_read_is_bounded_in_bytes_but_brings_at_least_one(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 64 * ROOM)
    log.append([entries(1, 2, 3, size=700_000)])
    assert len(log.next(None, 9, 10)) == 1
    assert len(log.next(None, 9, 10)) == 1
    assert len(log.next(None, 9, 10)) == 1
    assert log.next(None, 9, 10) == []


def test_what_is_not_settled_comes_again_after_a_crash(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1, 2, 3, 4)])
    first = log.next(None, 2, ROOM)
    log.next(first[0].end, 1, ROOM)
    again = killed(log)
    assert (again.events, again.oldest) == (3, 1002)
    found = again.next(None, 9, ROOM)
    assert bodies(found) == [b"2", b"3", b"4"]


def test_exactly_what_was_being_sent_is_in_doubt_after_a_crash(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1, 2, 3, 4)])
    first = log.next(None, 2, ROOM)
    log.next(first[0].end, 1, ROOM)
    doubts = [each.entry.doubtful for each in killed(log).next(None, 9, ROOM)]
    assert doubts == [True, True, False]


def test_everything_settled_is_gone_after_a_restart(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1, 2)])
    found = log.next(None, 9, ROOM)
    log.next(found[-1].end, 9, ROOM)
    again = reopened(log)
    assert again.events == 0
    assert again.next(None, 9, ROOM) == []
    assert again.append([entries(3)]) == [STORED]
    assert bodies(reopened(again).next(None, 9, ROOM)) == [b"3"]


def test_segments_go_as_they_are_settled(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    for number in range(40):
        assert log.append([entries(number, size=10_000)]) == [STORED]
    assert len(segment_files(tmp_path)) > 5
    full = log.bytes
    seen: list[bytes] = []
    end = None
    while found := log.next(end, 3, ROOM):
        seen += bodies(found)
        end = found[-1].end
    assert seen == [b"%d" % number * 10_000 for number in range(40)]
    assert log.bytes < full / 8
    assert log.bytes == sum(path.stat().st_size for path in segment_files(tmp_path))


def test_a_number_is_never_given_to_a_second_segment(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 4096 * 8)
    names: list[str] = []
    end = None
    for number in range(30):
        assert log.append([entries(number, size=1500)]) == [STORED]
        names += [path.name for path in segment_files(tmp_path)]
        found = log.next(end, 9, ROOM)
        assert bodies(found) == [b"%d" % number * 1500]
        end = found[-1].end
        log.next(end, 0, 0)
        if number % 7 == 0:
            log, end = reopened(log, 4096 * 8), None
    assert len(set(names)) > 8
    assert names == sorted(names)


def test_beyond_its_limit_it_is_full_and_a_smaller_group_still_fits(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, 10_000)
    big, small = entries(1, size=9_990), entries(2)
    assert log.append([big, small]) == [FULL, STORED]
    assert log.append([entries(3, size=9_000)]) == [STORED]
    assert log.append([entries(4, size=2_000)]) == [FULL]
    assert sum(path.stat().st_size for path in segment_files(tmp_path)) <= 10_000


def test_a_torn_tail_is_cut_and_counted_and_kept_apart(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1, 2)])
    (path,) = segment_files(tmp_path)
    with path.open("ab") as file:
        file.write(b"\x40\0\0\0torn")
    again = killed(log)
    assert again.cut_bytes == 8
    assert bodies(again.next(None, 9, ROOM)) == [b"1", b"2"]
    assert [kept.read_bytes() for kept in tmp_path.glob("*.damaged")] == [b"\x40\0\0\0torn"]
    assert reopened(again).cut_bytes == 0


@pytest.mark.parametrize("size", range(1, 40, 3))
def test_a_group_torn_anywhere_loses_nothing_before_it(tmp_path: Path, size: int) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1)])
    (path,) = segment_files(tmp_path)
    whole = path.stat().st_size
    log.append([entries(2)])
    os.truncate(path, min(whole + size, path.stat().st_size - 1))
    again = killed(log)
    assert bodies(again.next(None, 9, ROOM)) == [b"1"]
    assert again.append([entries(3)]) == [STORED]
    assert bodies(again.next(None, 9, ROOM)) == [b"3"]


def test_a_flipped_byte_costs_its_own_event_only(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1), entries(7), entries(3)])
    (path,) = segment_files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"events7", b"events8"))
    again = killed(log)
    assert again.events == 2
    assert again.cut_bytes > 0
    assert bodies(again.next(None, 9, ROOM)) == [b"1", b"3"]


def test_a_file_that_is_no_segment_is_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "0000000007.log").write_bytes(b"what is this")
    log = SegmentLog(tmp_path, ROOM)
    assert (log.events, log.cut_bytes) == (0, 12)
    assert log.append([entries(1)]) == [STORED]
    assert bodies(log.next(None, 9, ROOM)) == [b"1"]


def test_a_lost_position_sends_again_and_loses_nothing(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1, 2)])
    log.next(log.next(None, 1, ROOM)[0].end, 0, 0)
    log.close()
    (tmp_path / "position").write_bytes(b"\xff" * 100)
    assert bodies(SegmentLog(tmp_path, ROOM).next(None, 9, ROOM)) == [b"1", b"2"]


def test_half_a_position_leaves_the_one_before(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1, 2, 3)])
    log.next(log.next(None, 1, ROOM)[0].end, 1, ROOM)
    before = (tmp_path / "position").read_bytes()
    log.next(None, 1, ROOM)
    after = (tmp_path / "position").read_bytes()
    changed = [n for n in range(len(after)) if before[n] != after[n]]
    half = changed[len(changed) // 2]
    (tmp_path / "position").write_bytes(after[:half] + before[half:])
    found = killed(log).next(None, 9, ROOM)
    assert bodies(found) == [b"2", b"3"]


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(errno.ENOSPC, FULL), (errno.EDQUOT, FULL), (errno.EROFS, REFUSED), (errno.EIO, REFUSED)],
)
@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_disk_that_fails_is_told_and_a_disk_that_is_mended_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, outcome: Outcome
) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1)])
    if call == "open":
        log = reopened(log)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, raises(number))
        assert log.append([entries(2)]) == [outcome]
        assert os.strerror(number) in log.trouble
    assert log.append([entries(3)]) == [STORED]
    assert log.trouble == ""
    assert bodies(reopened(log).next(None, 9, ROOM)) == [b"1", b"3"]


def test_half_a_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1)])
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        assert log.append([entries(2)]) == [FULL]
    (path,) = segment_files(tmp_path)
    assert path.stat().st_size == log.bytes
    assert bodies(log.next(None, 9, ROOM)) == [b"1"]


def test_a_file_whose_sync_failed_is_never_written_to_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(1)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", raises(errno.EIO))
        log.append([entries(2)])
    (failed,) = segment_files(tmp_path)
    size = failed.stat().st_size
    log.append([entries(3)])
    assert failed.stat().st_size == size
    assert len(segment_files(tmp_path)) == 2


def test_failures_leave_no_files_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SegmentLog(tmp_path, ROOM)
    monkeypatch.setattr(os, "fsync", raises(errno.ENOSPC))
    for _ in range(20):
        assert log.append([entries(1)]) == [FULL]
    assert len(segment_files(tmp_path)) <= 1


def test_a_disk_that_became_read_only_can_still_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.append([entries(number, size=10_000) for number in range(1, 30)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", raises(errno.EROFS))
        patch.setattr(Path, "unlink", raises(errno.EROFS))
        seen, end = 0, None
        while found := log.next(end, 3, ROOM):
            seen, end = seen + len(found), found[-1].end
        assert seen == 29
        assert "Read-only" in log.trouble
    assert len(reopened(log).next(None, 99, 1 << 30)) == 29


LIMITED = """
import resource, signal, sys
from pathlib import Path
from pyingest.durability.record import Entry
from pyingest.durability.segments import SegmentLog
from pyingest.event import Event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
log = SegmentLog(Path(sys.argv[1]), 1 << 20)
for number in range(200):
    (outcome,) = log.append([[Entry(Event("events", b"%d " % number * 1000))]])
    print(number, outcome.name)
"""


def test_a_limit_of_the_system_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    lines = [line.split() for line in said.splitlines()]
    stored = [number for number, outcome in lines if outcome == "STORED"]
    assert {outcome for _, outcome in lines} == {"STORED", "FULL"}
    log = SegmentLog(tmp_path, ROOM)
    found = [body.split()[0].decode() for body in bodies(log.next(None, 999, 1 << 30))]
    assert found == stored
    assert log.cut_bytes == 0


def test_what_is_set_aside_can_be_read_as_records(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    log.set_aside(entries(1))
    log.set_aside(entries(2))
    data = (tmp_path / SET_ASIDE).read_bytes()
    found = records(data, len(MAGIC))
    assert data.startswith(MAGIC)
    assert [each.entry.event.body for each in found if each.entry] == [b"1", b"2"]


def test_an_event_that_cannot_be_a_record_is_refused_alone(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, ROOM)
    bad = Entry(Event("events", b"x", key=bytes(70_000)))
    assert log.append([[bad], entries(1)]) == [REFUSED, STORED]
