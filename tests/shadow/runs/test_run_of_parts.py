"""A run of parts: made, taken up again, closed; and read as if it were one."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest

from pyingest.message import Request
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunReader
from shadow.runs.background import Background
from shadow.runs.manifest import NUMBERS, PREPARED, RecordingError, RunManifest
from shadow.runs.room import Room
from shadow.runs.rotating import PartsWriter, Rotation
from shadow.runs.run import Run, is_recorded
from shadow.testing import ONE

TAP = {"attached": True, "read": 1, "backlog": 0, "errors": 0, "error": "", "left_behind": ""}


def exchange(number: int) -> Exchange:
    request = Request(b"GET", b"/track?data=e30=&_=%d" % number, ((b"Host", b"x"),))
    return Exchange(number, 1000.0 + number, request, ONE, ONE)


def event(number: int, side: Side = Side.LEGACY) -> TappedEvent:
    body = b'{"properties":{"distinct_id":"p%d"}}' % number
    return TappedEvent(side, "events", number, 1000.0 + number, body)


def manifest(**told: str) -> RunManifest:
    return RunManifest(created=1.0, partitions=4, legacy={"url": "a", **told})


def ledger(count: int) -> dict[str, int]:
    counted = Ledger()
    for number in range(1, count + 1):
        counted.ended(exchange(number))
    return counted.to_dict()


def recorded(directory: Path) -> Run:
    """Return a run of two proxies and a tap, closed in order."""
    run = Run.create(directory, manifest())
    first, second, tap = (run.part(name) for name in ("proxy-0", "proxy-1", "tap"))
    for number in range(1, 11):
        first.add_exchange(exchange(number))
        second.add_exchange(exchange(number))
        tap.add_event(event(number))
    first.close(ledger(10), {})
    second.close(ledger(10), {})
    tap.close({}, {"legacy": TAP})
    run.close()
    return run


def test_parts_are_read_as_one_run(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    run = RunReader(tmp_path / "run")
    found = [one.number for number in run.partitions for one in run.exchanges(number)]
    assert sorted(found) == [*range(1, 11), *(2 * NUMBERS + n for n in range(1, 11))]
    assert sum(len(list(run.events(number))) for number in run.partitions) == 10
    assert run.damage == []
    assert run.manifest.state == "complete"
    assert run.manifest.ledger == {**ledger(10), **{k: 2 * v for k, v in ledger(10).items()}}
    assert run.manifest.taps["legacy"]["read"] == 1
    assert (sum(run.manifest.exchanges), sum(run.manifest.events)) == (20, 10)


def test_arrivals_are_in_the_order_of_time_over_all_parts(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    times = [one.at for one in RunReader(tmp_path / "run").arrivals()]
    assert times == sorted(times)
    assert len(times) == 20


def test_a_part_that_was_not_closed_keeps_the_run_from_being_complete(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    run.part("proxy-0").close({}, {})
    left = run.part("proxy-1")
    left.add_exchange(exchange(1))
    left.flush()
    run.close()
    found = RunReader(tmp_path / "run")
    assert found.manifest.state == "recording"
    assert [one.where for one in found.damage] == ["parts/proxy-1.0002/manifest.json"]


def test_a_buried_part_says_in_numbers_what_it_lost(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    writer = PartsWriter(run, "proxy-0", Rotation())
    for number in range(1, 8):
        writer.add_exchange(exchange(number))
    writer.flush()
    writer.add_exchange(exchange(8))
    writer._writer._release()  # what the kernel does when a process is killed
    buried = run.bury("proxy-0", received=12, why="exit status -9")
    assert buried is not None
    counted = Ledger(
        **{k: v for k, v in buried.ledger.items() if k not in ("pending", "remainder")}
    )
    assert (counted.received, counted.mirrored, counted.lost) == (12, 7, 5)
    assert (counted.pending, counted.remainder) == (0, 0)
    run.close()
    found = RunReader(tmp_path / "run")
    assert found.manifest.state == "killed"
    assert "5 of the 12 requests" in found.damage[0].what
    assert found.manifest.ledger["lost"] == 5


@pytest.mark.parametrize("is_taken_over", [True, False])
def test_a_killed_tap_lacks_nothing_once_another_holds_what_it_had_read(
    tmp_path: Path, is_taken_over: bool
) -> None:
    run = Run.create(tmp_path / "run", manifest())
    dead = run.part("tap")
    dead.add_event(event(1))
    dead.flush()
    dead._release()  # what the kernel does when a process is killed
    assert run.bury("tap") is not None
    heir = PartsWriter(run, "tap.1")
    heir.add_event(event(2))
    if is_taken_over:
        heir.recovers([dead.directory.name, heir.part])
    heir.close({}, {"legacy": TAP})
    run.close()
    found = RunReader(tmp_path / "run")
    assert sum(found.manifest.events) == 2
    if is_taken_over:
        assert (found.damage, found.manifest.state) == ([], "complete")
    else:
        assert "its writer was killed" in found.damage[0].what
        assert found.manifest.state == "killed"


def test_a_part_with_requests_is_never_made_good_by_another(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    dead = run.part("proxy-0")
    dead.add_exchange(exchange(1))
    dead.flush()
    dead._release()
    run.bury("proxy-0", received=1)
    heir = PartsWriter(run, "tap.1")
    heir.recovers([dead.directory.name])
    heir.close({}, {"legacy": TAP})
    run.close()
    assert RunReader(tmp_path / "run").manifest.state == "killed"


def test_a_part_that_is_being_written_is_not_buried(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    writer = run.part("proxy-0")
    with pytest.raises(RecordingError, match=f"process {os.getpid()}"):
        run.bury("proxy-0")
    writer.close({}, {})
    assert run.bury("proxy-0") is None


def test_a_run_is_gone_on_with_by_new_parts(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    again = Run.resume(tmp_path / "run", manifest())
    assert again.manifest.state == "recording"
    more = again.part("proxy-0")
    more.add_exchange(exchange(1))
    more.close(ledger(1), {})
    again.close()
    run = RunReader(tmp_path / "run")
    assert sum(run.manifest.exchanges) == 21
    assert run.manifest.state == "complete"
    assert len({one.number for n in run.partitions for one in run.exchanges(n)}) == 21


def test_a_run_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    with pytest.raises(RecordingError, match="legacy's build '', now it is '2'"):
        Run.resume(tmp_path / "run", manifest(build="2"))


def test_a_run_is_not_begun_where_one_is_and_says_how_to_go_on(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    with pytest.raises(RecordingError, match="--resume"):
        Run.create(tmp_path / "run", manifest())


def test_two_processes_do_not_own_one_run(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    assert is_recorded(tmp_path / "run")
    with pytest.raises(RecordingError, match="another process records here"):
        Run.resume(tmp_path / "run", manifest())
    run.close()
    assert not is_recorded(tmp_path / "run")


def test_a_run_that_never_began_leaves_its_directory_to_another(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    run.part("tap").discard()
    run.discard()
    Run.create(tmp_path / "run", manifest()).close()


def test_a_rotating_writer_gives_parts_whose_ledgers_close_by_themselves(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    now = [1000.0]
    writer = PartsWriter(run, "proxy-0", Rotation(seconds=60.0), clock=lambda: now[0])
    counted = Ledger()
    for number in range(1, 31):
        now[0] += 10
        counted.received += 1  # one is always under way
        if number > 1:
            counted.received -= 1
            counted.ended(exchange(number - 1))
            writer.add_exchange(exchange(number - 1))
        for _ in range(8):
            writer.flush_next({**counted.to_dict(), "malformed": number})
    writer.close({**counted.to_dict(), "malformed": 30}, {})
    run.close()
    found = RunReader(tmp_path / "run")
    ledgers = [part.manifest.ledger for part in found.parts]
    assert len(ledgers) >= 4
    assert all(one["remainder"] == 0 for one in ledgers[:-1])
    assert found.manifest.ledger == {**counted.to_dict(), "malformed": 30}
    assert [part.manifest.carried for part in found.parts] == sorted(
        part.manifest.carried for part in found.parts
    )


def test_a_writer_ends_before_the_disk_is_full(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    free = [2000]
    writer = PartsWriter(run, "proxy-0", room=Room(tmp_path, 1000, lambda: free[0]))
    assert [writer.flush_next({}) for _ in range(8)][-1]
    free[0] = 999
    assert not any(writer.flush_next({}) for _ in range(7))
    with pytest.raises(RecordingError, match="999 bytes of the disk are free"):
        writer.flush_next({})


def test_positions_of_the_taps_are_kept_for_who_goes_on(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    writer = PartsWriter(run, "tap", positions={"legacy": "events+one"})
    writer.move({"candidate": "17"})
    writer.flush()
    assert run.positions("tap") == {"legacy": "events+one", "candidate": "17"}
    assert run.positions("proxy-0") == {}


def test_everything_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        recorded(tmp_path / "run")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "run").rglob("*")}
    modes[tmp_path / "run"] = (tmp_path / "run").stat().st_mode & 0o777
    assert len(modes) > 10
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_manifest_of_a_part_that_cannot_be_read_is_damage_not_the_end(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    (tmp_path / "run/parts/proxy-0.0001/manifest.json").write_text("{")
    run = RunReader(tmp_path / "run")
    assert [one.where for one in run.damage] == ["parts/proxy-0.0001/manifest.json"]
    assert sum(run.manifest.exchanges) == 10


def test_a_run_manifest_can_be_read_by_who_knows_only_its_format(tmp_path: Path) -> None:
    recorded(tmp_path / "run")
    told = msgspec.json.decode((tmp_path / "run/manifest.json").read_bytes())
    assert (told["format"], told["exchanges"], told["events"]) == (3, 20, 10)


@pytest.mark.parametrize("rounds", [1, 7, 40])
def test_a_thread_that_makes_the_parts_loses_nothing_between_them(
    rounds: int, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "run", manifest())
    hand = Background()
    writer = PartsWriter(run, "proxy-0", Rotation(bytes=1), hand)
    counted = Ledger()
    for number in range(1, rounds * 5 + 1):
        one = exchange(number)
        writer.add_exchange(one)
        counted.ended(one)
        if number % 5 == 0:
            while not writer.flush_next(counted.to_dict()):
                pass
            if number % 15 == 0:
                hand.finish()  # sometimes the next part is ready, sometimes it is under way
    writer.close(counted.to_dict(), {})
    hand.close()
    run.close()
    found = RunReader(tmp_path / "run")
    numbers = [one.number % NUMBERS for one in found.arrivals()]
    assert numbers == list(range(1, rounds * 5 + 1))
    assert (found.damage, found.manifest.state) == ([], "complete")
    assert found.manifest.ledger == counted.to_dict()
    assert all(part.manifest.ledger["remainder"] == 0 for part in found.parts)
    assert len(list((tmp_path / "run/parts").iterdir())) == len(found.parts)
    carried = 0
    for part in found.parts:
        assert part.manifest.carried == carried
        carried += part.manifest.ledger["received"]


def test_a_part_that_was_made_in_vain_is_taken_back(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    hand = Background()
    writer = PartsWriter(run, "proxy-0", Rotation(seconds=1.0), hand, clock=iter_clock())
    writer.add_exchange(exchange(1))
    assert [writer.flush_next({"received": 1}) for _ in range(8)][-1]
    writer.abandon({"received": 3}, "no room")
    hand.close()
    run.close()
    found = RunReader(tmp_path / "run")
    assert [part.manifest.state for part in found.parts] == ["stopped"]
    assert found.manifest.ledger["lost"] == 2
    assert len(list((tmp_path / "run/parts").iterdir())) == 1


def test_of_a_killed_writer_the_part_that_was_to_come_counts_for_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", manifest())
    writer = PartsWriter(run, "proxy-0")
    writer.add_exchange(exchange(1))
    writer.rotate({"received": 1})
    writer.add_exchange(exchange(2))
    writer.flush()
    upcoming = run.part("proxy-0", state=PREPARED)
    assert len(RunReader(tmp_path / "run").parts) == 2
    for one in (writer._writer, upcoming):
        one._release()  # what the kernel does when a process is killed
    buried = run.bury("proxy-0", received=5)
    assert buried is not None
    assert (buried.name, buried.ledger["lost"]) == ("proxy-0.0002", 3)
    run.close()
    assert RunReader(tmp_path / "run").manifest.ledger["received"] == 5
    assert not upcoming.directory.exists()


def iter_clock() -> Callable[[], float]:
    """Return a clock that is ten seconds later at each look."""
    times = count(1000.0, 10.0)
    return lambda: next(times)
