"""What a killed tap had read and not recorded is found again, once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shadow.exchange import Side, TappedEvent
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest
from shadow.tapping import series
from shadow.tapping.journal import BEFORE, NOW, Journal, left_in, unrecorded
from shadow.tapping.series import BEFORE as BEFORE_SERIES
from shadow.tapping.series import Series


def event(offset: int, side: Side = Side.LEGACY, body: bytes = b"{}") -> TappedEvent:
    return TappedEvent(side, "events", offset, 1.5, body)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path)
    yield made
    made.close()


def test_a_batch_comes_back_with_the_position_behind_it(journal: Journal, tmp_path: Path) -> None:
    batch = [event(1), event(2, body=b"with\nan end of a line")]
    journal.add(Side.LEGACY, batch, '{"events": 2}')
    left = left_in(tmp_path)
    assert left.events == batch
    assert left.positions == {Side.LEGACY: '{"events": 2}'}


def test_both_sides_share_a_journal(journal: Journal, tmp_path: Path) -> None:
    journal.add(Side.LEGACY, [event(1)], "1")
    journal.add(Side.CANDIDATE, [event(9, Side.CANDIDATE)], "9")
    journal.add(Side.LEGACY, [event(2)], "2")
    left = left_in(tmp_path)
    assert [one.offset for one in left.events] == [1, 9, 2]
    assert left.positions == {Side.LEGACY: "2", Side.CANDIDATE: "9"}


def test_half_a_batch_does_not_count(journal: Journal, tmp_path: Path) -> None:
    journal.add(Side.LEGACY, [event(1)], "1")
    whole = (tmp_path / NOW).stat().st_size
    journal.add(Side.LEGACY, [event(2), event(3)], "3")
    for size in range(whole, (tmp_path / NOW).stat().st_size):
        with (tmp_path / NOW).open("r+b") as file:
            file.truncate(size)
        left = left_in(tmp_path)
        assert [one.offset for one in left.events] == [1]
        assert left.positions[Side.LEGACY] == "1"
        with (tmp_path / NOW).open("r+b") as file:
            file.truncate(whole)
        journal.add(Side.LEGACY, [event(2), event(3)], "3")


def test_what_is_two_turns_old_is_forgotten_its_position_is_not(
    journal: Journal, tmp_path: Path
) -> None:
    journal.add(Side.LEGACY, [event(1)], "1")
    journal.add(Side.CANDIDATE, [event(7, Side.CANDIDATE)], "7")
    journal.turn()
    journal.add(Side.LEGACY, [event(2)], "2")
    assert [one.offset for one in left_in(tmp_path).events] == [1, 7, 2]
    journal.turn()
    assert [one.offset for one in left_in(tmp_path).events] == [2]
    journal.turn()
    left = left_in(tmp_path)
    assert left.events == []
    assert left.positions == {Side.LEGACY: "2", Side.CANDIDATE: "7"}


def test_a_journal_that_ended_leaves_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.add(Side.LEGACY, [event(1)], "1")
    journal.turn()
    journal.end()
    assert not (tmp_path / NOW).exists()
    assert not (tmp_path / BEFORE).exists()
    assert left_in(tmp_path).events == []


def test_only_what_the_segments_lack_is_unrecorded(tmp_path: Path) -> None:
    part = tmp_path / "part"
    writer = RunWriter(part, Manifest(created=1.0))
    persons = [b'{"distinct_id": "%d"}' % n for n in range(20)]
    events = [event(n, body=body) for n, body in enumerate(persons)]
    for one in events[:12]:
        writer.add_event(one)
    writer.flush()
    for one in events[12:]:
        writer.add_event(one)
    assert unrecorded(events, part) == events[12:]
    assert unrecorded([], part) == []
    # The same number on the other side is another event.
    other = [event(3, Side.CANDIDATE)]
    assert unrecorded(other, part) == other


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a series."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_series_has_a_line_of_json_for_each_that_was_added(tmp_path: Path) -> None:
    made = Series(tmp_path / "queues.jsonl")
    made.add([{"t": 1.0, "lag": 3}, {"t": 1.0, "lag": 4}])
    made.add([{"t": 2.0, "lag": 0}])
    assert [line["lag"] for line in lines(tmp_path / "queues.jsonl")] == [3, 4, 0]


def test_a_series_that_grew_long_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "LONGEST", 100)
    made = Series(tmp_path / "queues.jsonl")
    for n in range(31):
        made.add([{"t": n, "text": "x" * 20}])
    kept = [*lines(tmp_path / BEFORE_SERIES), *lines(tmp_path / "queues.jsonl")]
    assert [line["t"] for line in kept] == list(range(31 - len(kept), 31))
    assert 3 <= len(kept) <= 8


def test_a_disk_that_does_not_take_the_series_harms_nothing(tmp_path: Path) -> None:
    made = Series(tmp_path / "no" / "queues.jsonl")
    made.add([{"t": 1.0}])
    assert "No such file" in made.error


def test_how_a_tap_fared_outlives_it(journal: Journal, tmp_path: Path) -> None:
    journal.note(Side.LEGACY, {"read": 3, "lost": 1})
    journal.note(Side.CANDIDATE, {"read": 4})
    journal.note(Side.LEGACY, {"read": 5, "lost": 2})
    expected = {Side.LEGACY: {"read": 5, "lost": 2}, Side.CANDIDATE: {"read": 4}}
    assert left_in(tmp_path).reports == expected
    journal.end()
    assert left_in(tmp_path).reports == {}


def test_a_successor_goes_on_in_the_same_journal_without_the_half_batch(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.add(Side.LEGACY, [event(1)], "1")
    first.add(Side.LEGACY, [event(2), event(3)], "3")
    first.close()
    with (tmp_path / NOW).open("r+b") as file:
        file.truncate((tmp_path / NOW).stat().st_size - 1)
    second = Journal(tmp_path)
    assert (second.left.events, second.left.positions) == ([event(1)], {Side.LEGACY: "1"})
    second.add(Side.LEGACY, [event(2)], "2")
    assert left_in(tmp_path).events == [event(1), event(2)]
    second.turn()
    second.turn()
    second.turn()
    assert left_in(tmp_path).positions == {Side.LEGACY: "2"}
    second.close()


def test_a_journal_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file")
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "no")
