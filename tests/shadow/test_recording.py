"""A run on disk."""

from pathlib import Path

import pytest

from pyingest.message import Request
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.partitions import partition, request_partition, segment_name
from shadow.recording import RunReader, RunWriter
from shadow.runs.manifest import Manifest, RecordingError
from shadow.testing import ONE


def exchange(number: int) -> Exchange:
    request = Request(b"GET", b"/track?data=e30=&_=%d" % number, ((b"Host", b"x"),))
    return Exchange(number, number / 10, request, ONE, ONE)


def event(number: int, side: Side = Side.LEGACY) -> TappedEvent:
    body = b'{"properties":{"distinct_id":"p%d"}}' % number
    return TappedEvent(side, "events", number, number / 10, body)


def written(directory: Path, count: int, close: bool = True) -> RunWriter:
    writer = RunWriter(directory, Manifest(created=1.0, partitions=8))
    for number in range(1, count + 1):
        writer.add_exchange(exchange(number))
        writer.add_event(event(number))
    if close:
        writer.close({"received": count}, {})
    return writer


def exchanges(run: RunReader) -> list[Exchange]:
    found = [one for number in run.partitions for one in run.exchanges(number)]
    return sorted(found, key=lambda one: one.number)


def events(run: RunReader) -> list[TappedEvent]:
    found = [one for number in run.partitions for one in run.events(number)]
    return sorted(found, key=lambda one: one.offset)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "run", 100)
    run = RunReader(tmp_path / "run")
    assert exchanges(run) == [exchange(number) for number in range(1, 101)]
    assert events(run) == [event(number) for number in range(1, 101)]
    assert run.damage == []
    assert run.manifest.ledger == {"received": 100}


def test_an_empty_run_is_whole(tmp_path: Path) -> None:
    written(tmp_path / "run", 0)
    run = RunReader(tmp_path / "run")
    assert (exchanges(run), run.damage) == ([], [])


def test_both_sides_of_one_person_lie_in_one_partition(tmp_path: Path) -> None:
    for number in range(50):
        ours, theirs = event(number), event(number, Side.CANDIDATE)
        assert partition(ours.body, 8) == partition(theirs.body, 8)
    assert len({partition(event(number).body, 8) for number in range(50)}) == 8


def test_a_killed_writer_leaves_what_was_flushed(tmp_path: Path) -> None:
    writer = written(tmp_path / "run", 50, close=False)
    writer.flush()
    writer.add_exchange(exchange(51))  # never flushed
    run = RunReader(tmp_path / "run")
    assert len(exchanges(run)) == 50
    assert any("killed" in damage.what for damage in run.damage)


def test_flushing_in_turns_writes_everything_in_one_round(tmp_path: Path) -> None:
    writer = written(tmp_path / "run", 40, close=False)
    for _ in range(2 * 8):
        writer.flush_next()
    run = RunReader(tmp_path / "run")
    assert len(exchanges(run)) == len(events(run)) == 40
    assert sum(run.manifest.exchanges) == 40


def test_a_truncated_segment_is_read_up_to_its_last_whole_frame(tmp_path: Path) -> None:
    writer = written(tmp_path / "run", 80, close=False)
    writer.flush()
    for number in range(81, 161):
        writer.add_exchange(exchange(number))
    writer.close({}, {})
    segment = tmp_path / "run" / segment_name("exchanges", 1)
    segment.write_bytes(segment.read_bytes()[:-10])
    run = RunReader(tmp_path / "run")
    assert len(exchanges(run)) >= 150 - 10
    whats = [damage.what for damage in run.damage if damage.where == segment.name]
    assert any("cut short" in what for what in whats)
    assert any("missing" in what for what in whats)


def test_a_missing_segment_is_noticed_by_its_count(tmp_path: Path) -> None:
    written(tmp_path / "run", 80)
    (tmp_path / "run" / segment_name("exchanges", 3)).unlink()
    run = RunReader(tmp_path / "run")
    gone = run.manifest.exchanges[3]
    assert len(exchanges(run)) == 80 - gone < 80
    assert [damage.what for damage in run.damage] == [f"{gone} of {gone} lines are missing"]


def test_repeats_of_a_request_lie_in_one_partition(tmp_path: Path) -> None:
    assert request_partition(exchange(7).request, 64) == request_partition(exchange(7).request, 64)
    assert len({request_partition(exchange(n).request, 64) for n in range(2000)}) == 64


def test_a_person_has_one_partition_however_the_id_is_spelled() -> None:
    spellings = [b'"caf\\u00e9"', '"café"'.encode()]
    places = {partition(b'{"distinct_id":%b}' % one, 64) for one in spellings}
    assert len(places) == 1
    assert partition(b'{"distinct_id":7}', 64) == partition(b'{"distinct_id":"7"}', 64)


def test_garbage_in_a_segment_is_counted_not_believed(tmp_path: Path) -> None:
    written(tmp_path / "run", 8)
    (tmp_path / "run" / segment_name("events", 0)).write_bytes(b"not zstd at all")
    run = RunReader(tmp_path / "run")
    events(run)
    assert run.damage


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    written(tmp_path / "run", 1)
    with pytest.raises(RecordingError, match="not empty"):
        RunWriter(tmp_path / "run", Manifest(created=1.0))


def test_a_directory_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"no manifest\.json"):
        RunReader(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"created": 1, "format": 99}')
    with pytest.raises(RecordingError, match="format 99"):
        RunReader(tmp_path)


def test_a_run_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    written(tmp_path / "run", 1)
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0
