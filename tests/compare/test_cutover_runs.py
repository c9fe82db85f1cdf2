"""Runs of a ramp: what one side answered alone is set aside, what both saw is compared."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.judgement import judge_run
from compare.policy.policy import parse
from compare.testing import GOOD_TAP, PARTITIONS
from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB
from shadow.exchange import Answered, Exchange, NotMirrored, Outcome, Reason, Side, TappedEvent
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest

REQUESTS = 900
POLICY = """
name = "ramp"
relaxed = ["a test"]

[[gate.rate]]
name = "queue-agreement"
counts = "queue"
target = 0.99

[[gate.rate]]
name = "response-agreement"
counts = "response"
target = 0.99

[coverage]
min_distinct_requests = 1
min_mirrored_share = 0.99
max_unseen = 1.0
tokens = 1
top_token_share = 1.0
min_seconds = 0.0

[validity]
require_calibration = false
"""


def requests() -> Iterator[Request]:
    body = b'data={"event":"a","properties":{"token":"t","distinct_id":"p%d","time":%d,"n":%d}}'
    form = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
    return (
        Request(b"POST", b"/track", form, body % (number, 1_790_000_000 + number, number))
        for number in range(REQUESTS)
    )


def ramp(
    directory: Path,
    copied: bool,
    swaps: bool = False,
    loses: bool = False,
    mangles: bool = False,
) -> str:
    """Return the verdict on a run in which the candidate answers every fourth request.

    :param copied: legacy has a shadow instance.
    :param swaps: the candidate's live instance writes to quarantine by mistake.
    :param loses: it writes nowhere at all.
    :param mangles: it writes other events than legacy does.
    """
    exchanges: list[Exchange] = []
    events: list[TappedEvent] = []
    for number, request in enumerate(requests(), 1):
        decision = ingest(request, "127.0.0.1", 1000.0 + number, MOCHIWEB, Routes())
        answer: Outcome = Answered(decision.stored, 0.002)
        copy: Outcome | NotMirrored = answer
        owner = Side.CANDIDATE if number % 4 == 0 else Side.LEGACY
        is_owned = owner is Side.CANDIDATE
        if is_owned and not copied:
            copy = NotMirrored(Reason.ALONE)
        legacy, candidate = (copy, answer) if is_owned else (answer, copy)
        at = 1000.0 + number
        exchanges.append(Exchange(number, at, request, legacy, candidate, owner))
        body = decision.events[0].body
        production = Side.CANDIDATE if swaps and is_owned else Side.LEGACY
        told = body.replace(b'"n":', b'"m":') if mangles and is_owned else body
        if not (loses and is_owned):
            events.append(TappedEvent(production, "events", number, at, told))
        if not isinstance(copy, NotMirrored):
            events.append(TappedEvent(Side.CANDIDATE, "events", number, at, body))
    alone = 0 if copied else REQUESTS // 4
    ledger = {"received": REQUESTS, "alone": alone, "mirrored": REQUESTS - alone}
    writer = RunWriter(directory, Manifest(created=0.0, partitions=PARTITIONS))
    for exchange in exchanges:
        writer.add_exchange(exchange)
    for event in events:
        writer.add_event(event)
    writer.close(ledger, {side.value: GOOD_TAP for side in Side})
    found = judge_run(directory, parse(POLICY, "ramp"), POLICY, lambda *_: None).verdict
    return " ".join([found.outcome, *found.reasons])


def test_a_ramp_without_differences_passes(tmp_path: Path) -> None:
    assert ramp(tmp_path / "run", copied=False) == "PASS"


def test_a_ramp_whose_requests_legacys_shadow_has_too_passes(tmp_path: Path) -> None:
    assert ramp(tmp_path / "run", copied=True) == "PASS"


@pytest.mark.parametrize("copied", [False, True])
def test_a_candidate_that_writes_production_events_to_quarantine_fails(
    tmp_path: Path, copied: bool
) -> None:
    assert ramp(tmp_path / "run", copied=copied, swaps=True).split()[0] == "FAIL"


@pytest.mark.parametrize("copied", [False, True])
def test_a_candidate_whose_events_are_nowhere_fails(tmp_path: Path, copied: bool) -> None:
    assert ramp(tmp_path / "run", copied=copied, loses=True).split()[0] == "FAIL"


@pytest.mark.parametrize("copied", [False, True])
def test_a_candidate_that_mangles_what_it_answers_fails(tmp_path: Path, copied: bool) -> None:
    assert ramp(tmp_path / "run", copied=copied, mangles=True).split()[0] == "FAIL"
