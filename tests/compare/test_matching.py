"""Runs in which the sieves alone would tell something wrong."""

from pathlib import Path

import pytest

from compare.pairing.sieve import Sieve
from compare.stages.engine import summarise
from compare.stages.following import Following
from compare.stages.rules import Rules
from compare.stages.tally import Summary
from compare.testing import GOOD_TAP, recorded
from pyingest.message import Request, Response
from shadow.exchange import (
    Answered,
    Exchange,
    Failed,
    Failure,
    NotMirrored,
    Outcome,
    Reason,
    Side,
    TappedEvent,
)
from shadow.lines import event_line
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest, RecordingError

ONE = Answered(Response(200, b"OK", (), b"1"), 0.001)
GONE = Failed(Failure.TIMED_OUT, "no answer within 10 s", 10.0)
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def event(stamp: int | None, ip: str = "1.1.1.1") -> bytes:
    time = "" if stamp is None else f',"time":{stamp}'
    known = '"token":"t","distinct_id":"p"'
    return f'{{"event":"e","properties":{{{known},"ip":"{ip}"{time}}}}}'.encode()


def exchanges(
    count: int, stamp: int | None = None, candidate: Outcome | NotMirrored = ONE
) -> list[Exchange]:
    """Return so many repeats of one request."""
    request = Request(b"POST", b"/track", FORM, b"data=" + event(stamp))
    return [Exchange(number, 1.0, request, ONE, candidate) for number in range(1, count + 1)]


def tapped(side: Side, *bodies: bytes, queue: str = "events") -> list[TappedEvent]:
    return [TappedEvent(side, queue, place, 1.0, body) for place, body in enumerate(bodies)]


def compared(directory: Path, sent: list[Exchange], *events: list[TappedEvent]) -> Summary:
    run = recorded(directory / "run", sent, [one for some in events for one in some])
    return summarise(run, Rules())


def test_times_that_a_batching_candidate_stamps_are_compared_too(tmp_path: Path) -> None:
    batch = b"[" + event(9000) + b"," + event(9001) + b"]"
    found = compared(
        tmp_path,
        exchanges(2),
        tapped(Side.LEGACY, event(1000), event(1001)),
        tapped(Side.CANDIDATE, batch),
    ).events
    assert (found.tolerated, found.changed, found.rebatched) == (0, 2, 1)


def test_a_row_of_times_shifted_by_one_is_tolerated_as_a_whole(tmp_path: Path) -> None:
    ours, theirs = range(1000, 1008), range(1001, 1009)
    found = compared(
        tmp_path,
        exchanges(8),
        tapped(Side.LEGACY, *map(event, ours)),
        tapped(Side.CANDIDATE, *map(event, theirs)),
    ).events
    assert (found.identical, found.tolerated, found.changed) == (7, 1, 0)


def test_a_misrouted_event_does_not_hide_in_such_a_row(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        exchanges(8),
        tapped(Side.LEGACY, *map(event, range(1000, 1008))),
        tapped(Side.CANDIDATE, *map(event, range(1001, 1008))),
        tapped(Side.CANDIDATE, event(1008), queue="profiles"),
    ).events
    assert (found.identical, found.misrouted, found.tolerated) == (7, 1, 0)


def test_one_changed_event_among_repeats_is_changed_and_not_lost(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        exchanges(2, 5),
        tapped(Side.LEGACY, event(5), event(5)),
        tapped(Side.CANDIDATE, event(5), event(5, "2.2.2.2")),
    ).events
    assert (found.identical, found.changed) == (1, 1)
    assert found.duplicate_lost == found.extra == 0


def test_what_the_candidate_never_got_is_extra_however_it_is_spelt(tmp_path: Path) -> None:
    respelt = event(5).replace(b'":', b'": ')
    found = compared(
        tmp_path,
        exchanges(1, 5, NotMirrored(Reason.SHED)),
        tapped(Side.LEGACY, event(5)),
        tapped(Side.CANDIDATE, respelt),
    ).events
    assert (found.identical, found.equal, found.extra, found.not_mirrored) == (0, 0, 1, 1)


def test_events_of_requests_that_legacy_never_answered_are_excused(tmp_path: Path) -> None:
    request = Request(b"POST", b"/track", FORM, b"data=" + event(5))
    sent = [Exchange(1, 1.0, request, GONE, ONE)]
    found = compared(tmp_path, sent, tapped(Side.CANDIDATE, event(5)))
    assert (found.events.extra, found.events.excused) == (1, 1)
    assert (found.units.queue_mismatches, found.units.set_aside, found.units.distinct) == (0, 1, 0)
    assert [cause.accepted for cause in found.causes] != []


def test_an_event_whose_partner_is_there_already_is_not_missing_in_a_look(tmp_path: Path) -> None:
    directory, work = tmp_path / "run", tmp_path / "work"
    work.mkdir()
    writer = RunWriter(directory, Manifest(created=0.0, partitions=1))
    following = Following(directory, Rules(late_after=30.0), work)
    ours, theirs = event(1000), event(1001)
    start = 1_795_000_000.0
    writer.add_event(TappedEvent(Side.LEGACY, "events", 1, start + 3.9, ours))
    writer.add_event(TappedEvent(Side.CANDIDATE, "events", 1, start + 4.1, theirs))
    writer.add_event(TappedEvent(Side.LEGACY, "events", 2, start + 34.0, event(9)))
    writer.flush()
    following.poll()
    assert following.look().events.missing == 0


@pytest.mark.parametrize(
    ("late_after", "late"), [(0.5, 1), (1.0, 1), (5.0, 1), (9.5, 0), (30.0, 0)]
)
def test_a_pair_is_late_by_the_time_between_its_arrivals(late_after: float, late: int) -> None:
    sieve = Sieve(late_after)
    times = ((Side.LEGACY, 1_700_000_000.0), (Side.CANDIDATE, 1_700_000_009.0))
    sieve.add([event_line(TappedEvent(side, "events", 1, at, b"{}")) for side, at in times])
    assert (sieve.identical, sieve.late) == (1, late)


@pytest.mark.parametrize(
    "tap", [{"backlog": "x"}, {"attached": 1}, {"error": 5}, {"read": 1.5}], ids=str
)
def test_a_manifest_of_another_shape_is_refused(tap: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not a manifest"):
        recorded(tmp_path / "run", [], [], {"legacy": GOOD_TAP | tap})
