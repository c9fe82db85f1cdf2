"""A recorded run becomes a summary."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from compare.noise.noise import Tolerances
from compare.policy.accepted import Accepted
from compare.stages.engine import summarise
from compare.stages.rules import Rules
from compare.stages.tally import EventCounts, Summary
from compare.testing import GOOD_TAP, dual_run, recorded
from pyingest.message import Request, Response
from pyingest.wire.profile import MOCHIWEB
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

ONE = Answered(Response(200, b"OK", ((b"Content-Type", b"text/plain"),), b"1"), 0.001)
ZERO = Answered(Response(200, b"OK", ((b"Content-Type", b"text/plain"),), b"0"), 0.001)
BROKEN = Answered(Response(503, b"No", ((b"Content-Type", b"text/plain"),), b"0"), 0.001)
GONE = Failed(Failure.TIMED_OUT, "no answer within 10 s", 10.0)
SKIPPED = NotMirrored(Reason.SHED)
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def event(number: int, stamp: str = ',"time":5') -> bytes:
    return (
        f'{{"event":"e","properties":{{"token":"t","distinct_id":"p{number}","n":{number}'
        f"{stamp}}}}}"
    ).encode()


def request(number: int, stamp: str = ',"time":5') -> Request:
    return Request(b"POST", b"/track", FORM, b"data=" + event(number, stamp))


def exchange(
    number: int,
    candidate: Outcome | NotMirrored = ONE,
    legacy: Outcome = ONE,
    stamp: str | None = None,
) -> Exchange:
    sent = request(number) if stamp is None else request(number, stamp)
    return Exchange(number, 1000.0 + number, sent, legacy, candidate)


def on(side: Side, body: bytes, queue: str = "events", offset: int = 0) -> TappedEvent:
    return TappedEvent(side, queue, offset, 1000.0, body)


def both(number: int) -> list[TappedEvent]:
    return [on(side, event(number)) for side in Side]


def summary(
    directory: Path,
    exchanges: list[Exchange],
    events: list[TappedEvent],
    rules: Rules | None = None,
    taps: dict[str, dict[str, Any]] | None = None,
) -> Summary:
    return summarise(recorded(directory / "run", exchanges, events, taps), rules or Rules())


def closes(counts: EventCounts) -> bool:
    """Say whether each event is in exactly one line."""
    pairs = counts.identical + counts.equal + counts.tolerated + counts.changed + counts.misrouted
    lost = counts.missing + counts.duplicate_lost + counts.not_mirrored
    return (
        counts.legacy == pairs + lost
        and counts.candidate == pairs + counts.extra + counts.duplicate
    )


def test_two_services_that_agree_give_a_clean_summary(tmp_path: Path) -> None:
    numbers = range(1, 21)
    found = summary(
        tmp_path,
        [exchange(number) for number in numbers],
        [one for number in numbers for one in both(number)],
    )
    assert found.events.identical == 20
    assert closes(found.events)
    assert (found.units.distinct, found.units.queue_mismatches) == (20, 0)
    assert (found.agreed, found.differed, found.failed, found.pending) == (20, 0, 0, 0)
    assert found.causes == []
    assert found.damage == []
    assert found.tokens == {"t": 20}
    assert found.endpoints == {"track": 20}


def test_repeats_of_a_request_are_one_unit(tmp_path: Path) -> None:
    exchanges = [replace(exchange(1), number=number) for number in (1, 2, 3)]
    events = [*both(1), *both(1), on(Side.LEGACY, event(1))]
    found = summary(tmp_path, exchanges, events)
    assert (found.units.exchanges, found.units.distinct) == (3, 1)
    assert found.units.queue_mismatches == 1
    assert found.events.duplicate_lost == 1
    assert (found.agreed, found.differed) == (2, 1)


def test_events_of_requests_that_were_not_mirrored_are_not_missing(tmp_path: Path) -> None:
    exchanges = [exchange(1), exchange(2, SKIPPED), replace(exchange(1, SKIPPED), number=3)]
    events = [*both(1), on(Side.LEGACY, event(2)), on(Side.LEGACY, event(1))]
    found = summary(tmp_path, exchanges, events)
    assert (found.events.identical, found.events.not_mirrored) == (1, 2)
    assert found.events.missing == found.events.duplicate_lost == 0
    assert closes(found.events)
    assert (found.units.mirrored, found.units.distinct) == (1, 1)


def test_of_two_equal_requests_the_mirrored_one_has_the_pair(tmp_path: Path) -> None:
    exchanges = [exchange(1, SKIPPED), replace(exchange(1, ZERO, ZERO), number=2)]
    events = [*both(1), on(Side.LEGACY, event(1))]
    found = summary(tmp_path, exchanges, events)
    assert (found.events.identical, found.events.not_mirrored) == (1, 1)
    assert (found.units.queue_mismatches, found.units.queued_not_answered) == (0, 1)


def test_of_two_equal_requests_the_one_that_claims_success_has_the_event(tmp_path: Path) -> None:
    exchanges = [exchange(1, ZERO, ZERO), replace(exchange(1), number=2)]
    found = summary(tmp_path, exchanges, both(1))
    assert (found.units.answered_not_queued, found.units.queued_not_answered) == (0, 0)


def test_an_event_of_a_request_that_was_not_mirrored_blames_no_other(tmp_path: Path) -> None:
    exchanges = [exchange(1), exchange(2, SKIPPED)]
    found = summary(tmp_path, exchanges, [*both(1), *both(2)])
    assert (found.events.extra, found.events.not_mirrored) == (1, 1)
    assert (found.agreed, found.differed, found.units.queue_mismatches) == (1, 0, 1)


def test_answered_but_not_queued_and_queued_but_not_answered_are_found(tmp_path: Path) -> None:
    exchanges = [exchange(1), exchange(2), exchange(3, ZERO)]
    events = [*both(1), on(Side.LEGACY, event(2)), *both(3)]
    found = summary(tmp_path, exchanges, events)
    assert found.units.answered_not_queued == 1
    assert found.units.queued_not_answered == 1
    assert found.units.queue_mismatches == 1
    assert found.units.response_mismatches == 1


def test_a_failing_candidate_is_an_error_and_no_other_answer(tmp_path: Path) -> None:
    exchanges = [exchange(1, GONE), exchange(2, BROKEN), exchange(3, ONE, GONE), exchange(4)]
    events = [on(Side.LEGACY, event(1)), on(Side.LEGACY, event(2)), *both(3), *both(4)]
    found = summary(tmp_path, exchanges, events)
    assert found.units.candidate_errors == 2
    # What legacy never answered is held against nobody.
    assert (found.units.legacy_errors, found.units.set_aside, found.units.distinct) == (0, 1, 3)
    assert found.units.response_mismatches == 1
    assert (found.agreed, found.differed, found.failed) == (2, 1, 1)
    assert {cause.quirk for cause in found.causes if 1 in numbers(cause)} == {"no answer"}


def numbers(cause: Any) -> set[int]:
    return {one.number for one in cause.examples}


def test_a_time_set_by_the_servers_may_differ_a_little(tmp_path: Path) -> None:
    exchanges = [exchange(number, stamp="") for number in (1, 2, 3)]
    events = [on(Side.LEGACY, event(number)) for number in (1, 2, 3)]
    events += [on(Side.CANDIDATE, event(1)), on(Side.CANDIDATE, event(2, ',"time":7'))]
    events += [on(Side.CANDIDATE, event(3, ',"time":9'))]
    found = summary(tmp_path, exchanges, events, Rules(Tolerances(server_time_seconds=2.0)))
    assert (found.events.identical, found.events.tolerated, found.events.changed) == (1, 1, 1)
    assert found.noise == {"server time": 1}
    assert [cause.quirk for cause in found.causes] == ["server clock"]


def test_a_time_set_by_a_client_may_not_differ_at_all(tmp_path: Path) -> None:
    events = [on(Side.LEGACY, event(1)), on(Side.CANDIDATE, event(1, ',"time":6'))]
    found = summary(tmp_path, [exchange(1)], events)
    assert (found.events.changed, found.events.tolerated) == (1, 0)
    assert found.noise == {"server time": 0}


def test_an_accepted_difference_is_counted_and_no_mismatch(tmp_path: Path) -> None:
    events = [on(Side.LEGACY, event(1)), on(Side.CANDIDATE, event(1).replace(b"5}", b"5.0}"))]
    run = recorded(tmp_path / "run", [exchange(1)], events)
    (cause,) = summarise(run, Rules()).causes
    found = summarise(run, Rules(accept=(accepted(cause.signature, "consumers cast it"),)))
    assert (found.units.queue_mismatches, found.units.accepted) == (0, 1)
    assert found.events.changed == 1
    assert (found.agreed, found.differed) == (1, 0)
    assert (found.causes[0].accepted or "").startswith("consumers cast it")
    assert found.accepted == {cause.signature: 1}


def accepted(signature: str, reason: str = "no") -> Accepted:
    return Accepted(reason=reason, by="somebody", until=date(2030, 1, 1), signature=signature)


def test_a_condition_accepts_the_differences_that_it_is_true_of(tmp_path: Path) -> None:
    events = [on(Side.LEGACY, event(n)) for n in (1, 2)]
    events += [on(Side.CANDIDATE, event(n).replace(b"5}", b"5.0}")) for n in (1, 2)]
    run = recorded(tmp_path / "run", [exchange(1), exchange(2)], events)
    where = 'properties["n"] == 2 and any(D, diff, D["kind"] == "type")'
    rule = Accepted(reason="seen", by="somebody", until=date(2030, 1, 1), where=where)
    found = summarise(run, Rules(accept=(rule,)))
    assert (found.units.queue_mismatches, found.units.accepted) == (1, 1)
    assert found.accepted == {rule.key: 1}
    assert [bool(cause.accepted) for cause in found.causes] == [False, True]


def test_an_acceptance_covers_no_other_difference(tmp_path: Path) -> None:
    ours, theirs = event(1), event(1).replace(b"5}", b"5.0}").replace(b'"n":1', b'"n":2')
    run = recorded(
        tmp_path / "run", [exchange(1)], [on(Side.LEGACY, ours), on(Side.CANDIDATE, theirs)]
    )
    (cause,) = summarise(run, Rules()).causes
    for signature in (cause.signature, *cause.also):
        found = summarise(run, Rules(accept=(accepted(signature),)))
        assert (found.units.queue_mismatches, found.units.accepted) == (1, 0)


def test_an_event_of_no_known_request_counts_all_the_same(tmp_path: Path) -> None:
    found = summary(tmp_path, [exchange(1)], [*both(1), on(Side.CANDIDATE, event(99))])
    assert (found.events.extra, found.events.unlinked) == (1, 1)
    assert found.units.queue_mismatches == 1
    assert found.causes[0].examples[0].number is None
    assert found.causes[0].endpoint == "track"


def test_a_misrouted_event_is_counted_there_only(tmp_path: Path) -> None:
    events = [on(Side.LEGACY, event(1)), on(Side.CANDIDATE, event(1), "profiles")]
    found = summary(tmp_path, [exchange(1)], events)
    assert found.events == EventCounts(legacy=1, candidate=1, misrouted=1)
    assert found.kinds == {"misrouted": 1}


@pytest.mark.parametrize(
    ("taps", "word"),
    [
        ({}, "no tap is recorded"),
        ({"legacy": GOOD_TAP | {"attached": False}, "candidate": GOOD_TAP}, "never attached"),
        ({"legacy": GOOD_TAP, "candidate": GOOD_TAP | {"error": "refused"}}, "refused"),
        ({"legacy": GOOD_TAP, "candidate": GOOD_TAP | {"backlog": 3}}, "3 messages"),
        ({"legacy": GOOD_TAP | {"backlog": -1}, "candidate": GOOD_TAP}, "could not be asked"),
    ],
)
def test_a_lame_tap_is_damage(taps: dict[str, dict[str, Any]], word: str, tmp_path: Path) -> None:
    found = summary(tmp_path, [exchange(1)], both(1), taps=taps)
    assert any(word in line for line in found.damage)


def test_lines_that_are_gone_are_damage(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", [exchange(number) for number in range(1, 9)], [])
    next((tmp_path / "run").glob("exchanges-*.zst")).unlink()
    found = summarise(run, Rules())
    assert any("1 of 1 lines are missing" in line for line in found.damage)
    assert found.pending == 1


def test_no_event_on_one_side_is_a_difference_and_no_damage(tmp_path: Path) -> None:
    found = summary(tmp_path, [exchange(1)], [on(Side.LEGACY, event(1))])
    assert found.damage == []
    assert found.events.missing == 1


def test_an_empty_run_is_summed_up_too(tmp_path: Path) -> None:
    found = summary(tmp_path, [], [])
    assert found.units.distinct == 0
    assert found.causes == []


def test_the_same_run_gives_the_same_summary(tmp_path: Path) -> None:
    requests = [request(number) for number in range(30)]
    requests += [
        Request(b"POST", b"/track", FORM, b"data=" + event(n)[:-2] + b",}}") for n in range(9)
    ]
    run = dual_run(tmp_path / "run", requests)
    one, other = summarise(run, Rules()), summarise(run, Rules())
    assert one.causes == other.causes
    assert one.events == other.events
    assert one.units == other.units


def test_progress_is_told(tmp_path: Path) -> None:
    run = dual_run(tmp_path / "run", [request(number) for number in range(5)], MOCHIWEB)
    told: list[tuple[str, int, int]] = []
    summarise(run, Rules(), lambda *step: told.append(step))
    assert ("exchanges", 5, 5) in told
    assert ("events", 10, 10) in told
