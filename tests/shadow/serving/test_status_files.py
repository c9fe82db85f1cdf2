"""What processes tell of themselves: read, summed up, shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shadow.serving import statusfiles
from shadow.serving.showing import Look, data, lines
from shadow.serving.statusfiles import LARGEST, MOST_FILES, Told
from shadow.serving.summing import joined, summed
from shadow.status import BreakerStatus, LaneStatus, QueueStatus, SideStatus, Status


def proxy(name: str, pid: int, received: int, **more: object) -> Status:
    ledger = {"received": received, "mirrored": received - 1, "shed": 1, "remainder": 0}
    sides = {"legacy": SideStatus(answered=received, latency={80: received})}
    values: dict[str, object] = {"began": 10.0, "at": 20.0, "ledger": ledger, "sides": sides}
    return Status(name=name, pid=pid, **{**values, **more})  # type: ignore[arg-type]


def test_a_status_that_was_written_is_read(tmp_path: Path) -> None:
    one = proxy("proxy-0", 1, 5)
    statusfiles.write(tmp_path, one)
    assert statusfiles.read(tmp_path, "proxy-0") == one
    assert statusfiles.read(tmp_path, "proxy-1") is None
    assert not list(tmp_path.glob("*.partial"))


def test_where_nothing_is_told_nothing_is_read(tmp_path: Path) -> None:
    assert statusfiles.read_all(tmp_path / "status") == Told()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"name":"pro',
        b"[]",
        b"\xff\xfe",
        b'{"name":"\xff"}',
        b'{"x":1}',
        b'{"name":"x","pid":"1","began":1,"at":2}',
        b"x" * (LARGEST + 2),
    ],
)
def test_a_damaged_file_is_skipped_and_named(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "status"
    place.mkdir()
    statusfiles.write(place, proxy("proxy-0", 1, 5))
    statusfiles.write(place, Status(name="tap", pid=2, began=10.0, at=20.0))
    (place / "broken.json").write_bytes(content)
    found = statusfiles.read_all(place)
    assert [one.name for one in found.statuses] == ["proxy-0", "tap"]
    assert [one.name for one in found.unreadable] == ["status/broken.json"]
    assert found.unreadable[0].why
    assert statusfiles.read(place, "broken") is None


def test_a_file_that_is_being_replaced_is_not_read(tmp_path: Path) -> None:
    statusfiles.write(tmp_path, proxy("proxy-0", 1, 5))
    (tmp_path / "proxy-1.json.partial").write_bytes(b"{")
    found = statusfiles.read_all(tmp_path)
    assert (len(found.statuses), found.unreadable) == (1, ())


def test_files_beyond_all_reason_are_not_read_but_told(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 3):
        statusfiles.write(tmp_path, proxy(f"p-{number:04d}", 1, 5))
    found = statusfiles.read_all(tmp_path)
    assert len(found.statuses) == MOST_FILES
    assert [one.why for one in found.unreadable] == ["one of 3 too many"]


def test_fields_that_a_later_version_may_add_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(b'{"name":"p","pid":1,"began":1,"at":2,"colour":"red"}')
    assert [one.name for one in statusfiles.read_all(tmp_path).statuses] == ["p"]


def test_a_file_that_cannot_be_read_is_said_and_hides_nobody(tmp_path: Path) -> None:
    place = tmp_path / "status"
    place.mkdir()
    statusfiles.write(place, proxy("proxy-0", 1, 5))
    (place / "tap.json").write_bytes(b"nonsense")
    look = Look(20.0, statusfiles.read_all(place), frozenset())
    assert any("! status/tap.json: not a status: " in line for line in lines("run", look))
    (said,) = data(look)["unreadable"]
    assert said.startswith("status/tap.json: not a status: ")
    assert not statusfiles.is_there(proxy("proxy-1", 10**20, 1))


def test_a_process_is_there_until_it_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    status = proxy("proxy-0", child.pid, 1)
    assert statusfiles.is_there(status)
    assert statusfiles.is_there(proxy("proxy-1", os.getpid(), 1))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not statusfiles.is_there(status)  # its parent has not yet asked for it
    child.communicate()
    assert not statusfiles.is_there(status)


def test_what_the_dead_counted_counts_and_what_they_held_does_not() -> None:
    full = LaneStatus(requests=9, in_flight=3)
    dead = proxy("proxy-0", 1, 5, lane=full, breaker=BreakerStatus(state="open"))
    living = proxy("proxy-1", 2, 7, lane=LaneStatus(requests=2, in_flight=1), mirroring=False)
    total = summed([dead, living], {"proxy-1"})
    assert total.ledger == {"received": 12, "mirrored": 10, "shed": 2, "remainder": 0}
    assert total.sides["legacy"].latency == {80: 12}
    assert (total.waiting, total.in_flight, total.breakers) == (2, 1, [])
    assert total.mirroring is False


def test_what_was_before_a_restart_is_in_the_sum_and_is_no_process() -> None:
    earlier = joined([proxy("proxy-0", 1, 5), proxy("proxy-1", 2, 7)])
    look = Look(100.0, Told((proxy("proxy-0", 3, 9),), earlier=earlier), frozenset({3}))
    assert look.sum.ledger == {"received": 21, "mirrored": 18, "shed": 3, "remainder": 0}
    assert look.sum.sides["legacy"].answered == 21
    assert data(look)["earlier"] == earlier.ledger
    assert list(data(look)["processes"]) == ["proxy-0"]
    said = "\n".join(lines("runs/first", look))
    assert "12 of them before the run was resumed" in said
    assert "earlier" not in said
    assert not statusfiles.is_there(earlier)


def test_rates_are_of_the_time_between_two_looks() -> None:
    first = Look(100.0, Told((proxy("proxy-0", 1, 50),)), frozenset({1}))
    second = Look(102.0, Told((proxy("proxy-0", 1, 150),)), frozenset({1}))
    assert data(second, first)["rates"]["received"] == 50.0
    assert data(second)["rates"] == {}


def test_lines_tell_what_an_operator_must_know() -> None:
    queues = {"legacy events": QueueStatus(read=1202, lag=3, watermark=99.5, error="refused")}
    statuses = (
        proxy("proxy-0", 1, 1000, error="the disk is full"),
        proxy("proxy-1", 2, 234, at=95.0),
        Status(name="supervisor", pid=3, began=10.0, at=50.0),
        Status(name="tap", pid=4, began=10.0, at=100.0, queues=queues),
    )
    said = "\n".join(lines("runs/first", Look(100.0, Told(statuses), frozenset({1, 2, 4}))))
    for words in (
        "runs/first: 3 processes, stage shadow",
        "ledger      received 1,234, mirrored 1,232, shed 2",
        "legacy events: 1,202 read, 3 wait for the tap, all of 0.5 s ago and before; refused",
        "proxy-1     pid 2, up 90 s, longest stall 0 ms, 0 MB; has told nothing for 5 s",
        "supervisor  is gone without an end (pid 3)",
        "! proxy-0: the disk is full",
        "! the supervisor is gone; the proxies serve on. To end the run: kill -TERM 1 2",
    ):
        assert words in said


def test_data_can_be_written_as_json() -> None:
    look = Look(100.0, Told((proxy("proxy-0", 1, 5),)), frozenset())
    found = json.loads(json.dumps(data(look)))
    assert found["processes"]["proxy-0"]["there"] is False
    assert found["sides"]["legacy"]["latency"] == {"80": 5}
