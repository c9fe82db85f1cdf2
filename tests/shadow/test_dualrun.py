"""The rules of one dual run."""

import pytest

from pyingest.message import Request
from shadow.dualrun import DualRun, Record, Reply, Send
from shadow.exchange import Failed, Failure, NotMirrored, Reason, Side
from shadow.testing import ONE

REQUEST = Request(b"GET", b"/track?data=e30=")
LOST = Failed(Failure.RESET, "gone", 0.1)


def run(skip: Reason | None = None) -> DualRun:
    return DualRun(7, 1.5, REQUEST, skip)


def test_a_run_begins_with_legacy_alone() -> None:
    assert run().begin() == [Send(Side.LEGACY)]


def test_the_client_is_answered_before_the_candidate_is_asked() -> None:
    assert run().legacy_ended(ONE) == [Reply(ONE), Send(Side.CANDIDATE)]


def test_the_candidate_can_only_be_recorded_never_heard() -> None:
    one = run()
    one.legacy_ended(ONE)
    (record,) = one.candidate_ended(LOST)
    assert isinstance(record, Record)
    assert (record.exchange.legacy, record.exchange.candidate) == (ONE, LOST)
    assert (record.exchange.number, record.exchange.at) == (7, 1.5)


def test_a_skipped_run_is_recorded_with_its_reason_at_once() -> None:
    reply, record = run(Reason.NOT_SAMPLED).legacy_ended(LOST)
    assert reply == Reply(LOST)
    assert isinstance(record, Record)
    assert record.exchange.candidate == NotMirrored(Reason.NOT_SAMPLED)


def test_a_side_cannot_end_twice() -> None:
    one = run()
    one.legacy_ended(ONE)
    with pytest.raises(ValueError, match="twice"):
        one.legacy_ended(ONE)
    one.candidate_ended(ONE)
    with pytest.raises(ValueError, match="cannot end"):
        one.candidate_ended(ONE)


def test_the_candidate_cannot_end_before_legacy() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        run().candidate_ended(ONE)
