"""The rules of one dual run."""

import gc

import pytest

from shadow.dualrun import DualRun
from shadow.exchange import Failed, Failure, NotMirrored, Reason, Side
from shadow.relaying.raw import RawAnswer
from shadow.routing import MIRRORED, Route
from shadow.testing import ONE, RAW_ONE, raw_request

REQUEST = raw_request(b"GET /track?data=e30= HTTP/1.1\r\nHost: x\r\n\r\n")
LOST = Failed(Failure.RESET, "gone", 0.1)


def run(route: Route = MIRRORED) -> DualRun:
    return DualRun(7, REQUEST, route)


def test_an_exchange_holds_both_outcomes() -> None:
    one = run()
    one.owner_ended(RAW_ONE)
    one.copy_ended(LOST)
    exchange = one.exchange()
    assert (exchange.legacy, exchange.candidate, exchange.owner) == (ONE, LOST, Side.LEGACY)
    assert (exchange.number, exchange.request) == (7, REQUEST.request)


def test_the_candidate_may_own_a_request_and_legacy_get_the_copy() -> None:
    one = run(Route(Side.CANDIDATE))
    one.owner_ended(LOST)
    one.copy_ended(RAW_ONE)
    exchange = one.exchange()
    assert (exchange.legacy, exchange.candidate, exchange.owner) == (ONE, LOST, Side.CANDIDATE)


def test_a_request_without_a_copy_is_recorded_with_the_reason() -> None:
    one = run(Route(skip=Reason.NOT_SAMPLED))
    assert one.skip is Reason.NOT_SAMPLED
    one.owner_ended(LOST)
    one.copy_ended(NotMirrored(Reason.NOT_SAMPLED))
    assert one.exchange().candidate == NotMirrored(Reason.NOT_SAMPLED)


def test_an_answer_that_was_not_kept_whole_gets_no_copy_to_be_compared_with() -> None:
    one = run()
    one.owner_ended(RawAnswer(RAW_ONE.head, RAW_ONE.data, kept=False, keeps=True))
    assert one.skip is Reason.TOO_LARGE


def test_what_waits_weighs_what_it_holds() -> None:
    one = run()
    one.owner_ended(RAW_ONE)
    assert one.weight == REQUEST.weight + len(RAW_ONE.data)


def test_what_waits_is_nothing_to_the_garbage_collector() -> None:
    waiting = run()
    waiting.owner_ended(RAW_ONE)
    held = [waiting, waiting.request, waiting.request.head, RAW_ONE, RAW_ONE.head]
    assert not any(gc.is_tracked(one) for one in held)


def test_a_side_cannot_end_twice() -> None:
    one = run()
    one.owner_ended(RAW_ONE)
    with pytest.raises(ValueError, match="twice"):
        one.owner_ended(RAW_ONE)
    one.copy_ended(RAW_ONE)
    with pytest.raises(ValueError, match="cannot end"):
        one.copy_ended(RAW_ONE)


def test_the_copy_cannot_end_before_the_owner() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        run().copy_ended(RAW_ONE)


def test_there_is_no_record_before_the_end() -> None:
    one = run()
    one.owner_ended(RAW_ONE)
    with pytest.raises(ValueError, match="not ended"):
        one.exchange()
