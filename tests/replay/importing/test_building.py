"""A run from two logs: every line in one bucket, and a ledger that closes."""

import json
from pathlib import Path
from typing import Any

import pytest

from pyingest.event import Stored
from replay.entry import Line
from replay.formats.nginx_json import parse
from replay.importing.building import Import
from replay.importing.dumps import read_dump, split
from replay.importing.queues import report
from shadow.exchange import NotMirrored, Reason, Side
from shadow.recording import RunReader
from shadow.runs.manifest import Manifest, RecordingError


def line(id: str, body: str | None = None, **changes: Any) -> Line:
    fields: dict[str, Any] = {
        "msec": 100.5,
        "request_time": 0.5,
        "request_id": id,
        "method": "POST" if body is not None else "GET",
        "request_uri": f"/track?data={id}",
        "protocol": "HTTP/1.1",
        "status": 200,
        "upstream_header_time": "0.1",
        "upstream_response_time": "0.1",
    }
    if body is not None:
        fields |= {"content_length": "4", "request_body": body}
    return parse(json.dumps(fields | changes).encode())


def imported(directory: Path, legacy: list[Line], candidate: list[Line]) -> RunReader:
    made = Import(directory, Manifest(created=1.0))
    made.logs(legacy, candidate)
    for side in Side:
        take = made.taker(side)
        take(Stored("events", 1, b"{}"))
        made.tapped(side, report(1))
    made.close()
    return RunReader(directory)


def exchanges(run: RunReader) -> list[Any]:
    found = [one for number in run.partitions for one in run.exchanges(number)]
    return sorted(found, key=lambda one: one.number)


def test_every_line_is_in_one_bucket(tmp_path: Path) -> None:
    legacy = [line("a"), line("b"), line("lost", ""), parse(b"nonsense"), line("c", "1234")]
    candidate = [line("a"), line("x"), line("lost", ""), line("c", "1234", status=504)]
    candidate[3] = line("c", "1234", status=504, upstream_header_time="-")
    run = imported(tmp_path / "run", legacy, candidate)
    ledger = run.manifest.ledger
    assert ledger["received"] == 5
    assert (ledger["mirrored"], ledger["unpaired"], ledger["too_large"]) == (2, 2, 1)
    # One of them in its own log alone, which it answered for itself.
    assert (ledger["candidate_answered"], ledger["candidate_failed"]) == (2, 1)
    assert (ledger["malformed"], ledger["remainder"], ledger["pending"]) == (1, 0, 0)
    assert ledger["legacy_answered"] == 4
    assert run.manifest.state == "complete"


def test_what_is_in_one_log_alone_is_recorded_as_not_mirrored(tmp_path: Path) -> None:
    run = imported(tmp_path / "run", [line("b")], [line("x")])
    ours, theirs = exchanges(run)
    assert ours.candidate == NotMirrored(Reason.UNPAIRED)
    assert (theirs.legacy, theirs.owner) == (NotMirrored(Reason.UNPAIRED), Side.CANDIDATE)


def test_what_was_not_meant_to_be_mirrored_is_not_unpaired(tmp_path: Path) -> None:
    told = [line("a", mirrored="1"), line("b", mirrored=""), line("c", mirrored="1")]
    run = imported(tmp_path / "run", told, [line("a", mirrored="1")])
    ledger = run.manifest.ledger
    assert (ledger["mirrored"], ledger["not_sampled"], ledger["unpaired"]) == (1, 1, 1)
    assert "1 requests were not meant to be mirrored" in " ".join(run.manifest.notes)


def test_what_was_not_used_is_said(tmp_path: Path) -> None:
    run = imported(tmp_path / "run", [line("b"), parse(b"nonsense")], [line("x"), line("y")])
    notes = " ".join(run.manifest.notes)
    assert "of answers only the status and the time are compared" in notes
    assert "1 requests are in legacy's log alone, 2 in the candidate's" in notes
    assert "1 lines of legacy's log were not used: not a JSON log line" in notes


def test_a_log_that_tells_no_times_is_said(tmp_path: Path) -> None:
    changes = {"upstream_response_time": "-", "request_time": None}
    run = imported(tmp_path / "run", [line("a")], [line("a", **changes)])
    assert "do not tell how long 1 requests took" in " ".join(run.manifest.notes)


def test_the_candidates_queue_names_are_mapped(tmp_path: Path) -> None:
    names: dict[Side, dict[str, str]] = {Side.LEGACY: {}, Side.CANDIDATE: {"c_events": "events"}}
    made = Import(tmp_path / "run", Manifest(created=1.0), names)
    made.taker(Side.CANDIDATE)(Stored("c_events", 7, b"{}"))
    made.close()
    run = RunReader(tmp_path / "run")
    (event,) = (one for number in run.partitions for one in run.events(number))
    assert (event.side, event.queue, event.offset) == (Side.CANDIDATE, "events", 7)


def test_an_import_that_was_given_up_takes_its_directory_back(tmp_path: Path) -> None:
    made = Import(tmp_path / "run", Manifest(created=1.0))
    take = made.taker(Side.LEGACY)
    for n in range(20):
        take(Stored("events", n, b'{"distinct_id":"x"}' + b"y" * 100_000))
    assert list((tmp_path / "run").glob("*.zst"))
    made.discard()
    assert not (tmp_path / "run").exists()


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(RecordingError, match="not empty"):
        Import(tmp_path, Manifest(created=1.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":1}', ("events", b'{"a":1}')),
        (b'profiles\t{"a":1}', ("profiles", b'{"a":1}')),
        (b'{"a":"with\ta tab"}', ("events", b'{"a":"with\ta tab"}')),
        (b"\tx", ("events", b"\tx")),
    ],
)
def test_a_line_of_a_dump_is_a_message_with_or_without_its_queue(
    text: bytes, expected: tuple[str, bytes]
) -> None:
    assert split(text, "events") == expected


def test_a_dump_gives_its_messages_numbered_by_line(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(b'{"a":1}\n\nprofiles\t{"a":2}\r\n')
    found = [(one.queue, one.offset, one.body) for one in read_dump(tmp_path / "dump", "events")]
    assert found == [("events", 1, b'{"a":1}'), ("profiles", 3, b'{"a":2}')]
