"""Who answers whom: people stay on their side, and come over once as the ramp rises."""

import gzip
import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.message import Request
from shadow.cutover.router import Mirroring, StageRouter, key_of
from shadow.cutover.stage import DONE, FLIPPED, SHADOW, Phase, Stage
from shadow.exchange import Reason, Side
from shadow.routing import Route
from shadow.testing import raw_request


def event(person: object = "ada", token: str = "t1") -> dict[str, Any]:
    return {"event": "e", "properties": {"token": token, "distinct_id": person}}


def form(text: str | bytes) -> bytes:
    return b"data=" + quote(b64encode(text.encode() if isinstance(text, str) else text)).encode()


def post(body: bytes) -> Request:
    return Request(b"POST", b"/track", (), body)


def get(text: str) -> Request:
    return Request(b"GET", b"/track/?" + form(text) + b"&img=1")


def router(stage: Stage, copied: bool = True, seed: int = 7, rules: Any = None) -> StageRouter:
    found = StageRouter(rules or Mirroring(), copied)
    found.adopt(stage, seed)
    return found


def ramp(percent: float) -> Stage:
    return Stage(Phase.RAMP, percent)


ADA = json.dumps(event())


@pytest.mark.parametrize(
    "request_",
    [
        get(ADA),
        post(form(ADA)),
        post(b"verbose=1&" + form(ADA)),
        post(form(f"[{ADA},{json.dumps(event('bob'))}]")),
        post(ADA.encode()),
        post(gzip.compress(ADA.encode())),
        post(b"data=" + ADA.encode()),
        post(b"data=" + urlsafe_b64encode(ADA.encode()).rstrip(b"=")),
        post(form(ADA[:-1] + ",}")),
        post(form(json.dumps({"$token": "t1", "$distinct_id": "ada", "$set": {"a": 1}}))),
    ],
    ids=["pixel", "form", "flags", "batch", "json", "gzip", "plain", "url-safe", "comma", "update"],
)
def test_a_person_is_found_in_whatever_shape_they_come(request_: Request) -> None:
    assert key_of(request_) == key_of(post(form(ADA)))
    assert key_of(request_) != key_of(post(form(json.dumps(event("bob")))))


def test_a_number_and_its_digits_are_one_person() -> None:
    one, other = (post(form(json.dumps(event(person)))) for person in (7, "7"))
    assert key_of(one) == key_of(other)


def test_an_event_without_a_person_goes_by_its_token() -> None:
    one, other = (
        post(form(json.dumps({"event": name, "properties": {"token": "t1"}}))) for name in "ab"
    )
    assert key_of(one) == key_of(other)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_have_a_key_and_the_same_bytes_the_same(target: bytes, body: bytes) -> None:
    one = Request(b"POST", target, (), body)
    assert key_of(one) == key_of(Request(b"POST", target, (), body))
    assert key_of(one)


def owners(percent: float, people: int = 4_000) -> set[int]:
    stage = router(ramp(percent))
    asked = range(people)
    return {
        person
        for person in asked
        if stage.route(post(form(json.dumps(event(person))))).owner is Side.CANDIDATE
    }


def test_the_share_of_people_is_what_the_stage_says() -> None:
    for percent in (1.0, 5.0, 25.0, 50.0):
        assert len(owners(percent)) / 40 == pytest.approx(percent, abs=2.5)


def test_who_is_on_the_candidates_side_stays_there_as_it_grows() -> None:
    assert owners(1.0) < owners(5.0) < owners(25.0) < owners(50.0)


def test_another_seed_gives_other_people() -> None:
    asked = [post(form(json.dumps(event(person)))) for person in range(200)]
    one, other = (router(ramp(50.0), seed=seed) for seed in (1, 2))
    assert [one.route(each) for each in asked] != [other.route(each) for each in asked]


def test_all_requests_of_a_person_meet_one_side() -> None:
    stage = router(ramp(50.0))
    for person in range(50):
        text = json.dumps(event(person))
        assert len({stage.route(one).owner for one in (get(text), post(form(text)))}) == 1


def test_in_shadow_legacy_answers_everybody() -> None:
    assert router(SHADOW).route(get(ADA)) == Route()


@pytest.mark.parametrize("copied", [True, False])
def test_when_flipped_the_candidate_answers_everybody(copied: bool) -> None:
    route = router(FLIPPED, copied).route(get(ADA))
    assert route.owner is Side.CANDIDATE
    assert route.skip is (None if copied else Reason.ALONE)


def test_when_done_nothing_is_copied() -> None:
    assert router(DONE).route(get(ADA)).skip is Reason.ALONE


class Skipping:
    """Rules that keep everything from being mirrored."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason

    def route(self, request: object) -> Route:
        return Route(skip=self._reason)


def test_what_is_passed_on_unread_stays_legacys_during_the_ramp() -> None:
    large = raw_request(b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    large.whole = False
    assert router(ramp(99.999999)).route(large).owner is Side.LEGACY
    assert router(FLIPPED).route(large).owner is Side.CANDIDATE


@pytest.mark.parametrize("reason", [Reason.FILTERED, Reason.TOO_LARGE, Reason.SWITCHED_OFF])
def test_what_was_never_compared_stays_legacys_during_the_ramp(reason: Reason) -> None:
    assert router(ramp(99.9), rules=Skipping(reason)).route(get(ADA)).owner is Side.LEGACY
    assert router(FLIPPED, rules=Skipping(reason)).route(get(ADA)).owner is Side.CANDIDATE


def test_why_there_is_no_copy_is_kept() -> None:
    route = router(FLIPPED, rules=Skipping(Reason.SWITCHED_OFF)).route(get(ADA))
    assert route.skip is Reason.SWITCHED_OFF
