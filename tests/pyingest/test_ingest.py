"""The service as a function: every rule of the contract, in both profiles."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.address import mochiweb_address, socket_address
from pyingest.event import Event
from pyingest.ingest import Decision, ingest
from pyingest.message import Headers, Request, Response, header
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, PROFILES, STRICT, Profile
from pyingest.wire.term import IllFormed

NOW = 1311111111.9
ROUTES = Routes()
GOOD = '{"event":"e","properties":{"token":"T"}}'
STAMPED = '{"event":"e","properties":{"token":"T","time":1311111111}}'


def asked(
    text: str | bytes,
    path: str = "/track",
    *,
    more: str = "",
    method: bytes = b"GET",
    headers: Headers = (),
    profile: Profile = MOCHIWEB,
) -> Decision:
    """Send *text* as the data parameter, in base64."""
    encoded = base64.b64encode(text.encode() if isinstance(text, str) else text)
    target = f"{path}?data={quote(encoded)}{more}"
    request = Request(method, target.encode(), headers)
    return ingest(request, "9.9.9.9", NOW, profile, ROUTES)


def plain(
    target: str, method: bytes = b"GET", headers: Headers = (), body: bytes = b""
) -> Decision:
    return ingest(Request(method, target.encode(), headers, body), "9.9.9.9", NOW, MOCHIWEB, ROUTES)


def bodies(decision: Decision) -> list[str]:
    return [event.body.decode() for event in decision.events]


def heard(decision: Decision) -> Any:
    return json.loads(decision.stored.body)


def test_a_good_event_goes_to_its_queue_with_the_time_at_the_end() -> None:
    decision = asked(GOOD)
    assert decision.events == (Event("events", STAMPED.encode()),)
    assert (decision.stored.body, decision.refused.body) == (b"1", b"0")
    assert header(decision.stored.headers, b"content-type") == b"text/plain"


def test_a_profile_update_goes_to_the_other_queue() -> None:
    decision = asked('{"$token":"T","$distinct_id":7,"$set":{}}', "/engage/", more="&ip=1")
    body = b'{"$token":"T","$distinct_id":7,"$set":{},"$ip":"9.9.9.9","$time":1311111111}'
    assert decision.events == (Event("profiles", body),)


def test_what_the_client_said_about_itself_stays() -> None:
    text = '{"event":"e","properties":{"time":1.50,"ip":"me","token":"T"}}'
    assert bodies(asked(text, more="&ip=1")) == [text.replace("1.50", "1.5")]


def test_the_verbose_answers_are_exact() -> None:
    decision = asked(GOOD, more="&verbose=1")
    assert decision.stored.body == b'{"error":null,"status":1}'
    assert decision.refused.body == b'{"error":"a temporary failure occurred","status":0}'
    assert header(decision.stored.headers, b"content-type") == b"application/json"


@pytest.mark.parametrize(
    ("value", "on"),
    [("", False), ("0", False), ("false", False), ("1", True), ("no", True), ("False", True)],
)
def test_a_flag_is_off_when_empty_or_0_or_false(value: str, on: bool) -> None:
    assert asked(GOOD, more=f"&verbose={value}").stored.body.startswith(b"{") == on
    assert ('"ip"' in bodies(asked(GOOD, more=f"&ip={value}"))[0]) == on


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("", "/track", "data, missing or empty"),
        ("[]", "/track", "data, missing or empty"),
        ("{", "/track", "data, invalid JSON"),
        ('{"event":1e999}', "/track", "data, invalid JSON"),
        ("1", "/track", "data, must be an object or a list of objects"),
        ("[[]]", "/track", "data, must be an object or a list of objects"),
        ("{}", "/track", "event, missing"),
        ('{"event":""}', "/track", "event, missing"),
        ('{"event":1,"properties":{"token":"T"}}', "/track", "event, missing"),
        ('{"event":"e"}', "/track", "token, missing or empty"),
        ('{"event":"e","properties":[]}', "/track", "token, missing or empty"),
        ('{"event":"e","properties":{"token":""}}', "/track", "token, missing or empty"),
        (
            '{"event":"e","properties":{"token":"","token":"T"}}',
            "/track",
            "token, missing or empty",
        ),
        ("{}", "/engage", "$token, missing or empty"),
        ('{"$token":"T"}', "/engage", "$distinct_id, missing or empty"),
        ('{"$token":"T","$distinct_id":1.0}', "/engage", "$distinct_id, missing or empty"),
        ('{"$token":"T","$distinct_id":true}', "/engage", "$distinct_id, missing or empty"),
        ('{"$token":"T","$distinct_id":""}', "/engage", "$distinct_id, missing or empty"),
    ],
)
def test_what_is_wrong_is_named(text: str, path: str, problem: str) -> None:
    decision = asked(text, path, more="&verbose=1")
    assert decision.events == ()
    assert decision.stored == decision.refused
    assert heard(decision) == {"error": problem, "status": 0}


def test_data_that_is_no_base64_is_named() -> None:
    assert heard(plain("/track?data=eyJh!&verbose=1"))["error"] == "data, invalid base64 encoding"
    assert heard(plain("/track?verbose=1"))["error"] == "data, missing or empty"


def test_plain_json_needs_no_base64() -> None:
    assert bodies(plain(f"/track?data={quote('%0A ' + GOOD, safe='%')}")) == [STAMPED]


def test_a_very_long_integer_is_an_id() -> None:
    assert asked('{"$token":"T","$distinct_id":%s}' % ("9" * 5000), "/engage").events


def test_an_event_that_cannot_be_written_is_invalid_and_the_rest_is_not() -> None:
    cesu = b'{"event":"\xed\xa0\xbd\xed\xb8\x80","properties":{"token":"T"}}'
    decision = asked(b"[" + cesu + b"," + GOOD.encode() + b"]", more="&verbose=1")
    assert bodies(decision) == [STAMPED]
    assert heard(decision) == {"error": "data, invalid JSON", "status": 1}


def test_the_first_problem_of_a_list_is_told() -> None:
    decision = asked(f'[{{"event":"e"}},{{}},{GOOD}]', more="&verbose=1")
    assert heard(decision) == {"error": "token, missing or empty", "status": 1}
    assert asked(f'[{{"event":"e"}},{{}},{GOOD}]').stored.body == b"1"


def test_of_two_property_objects_the_first_is_stamped() -> None:
    text = '{"event":"e","properties":{"token":"T"},"properties":{}}'
    assert bodies(asked(text)) == [text.replace('"T"}', '"T","time":1311111111}')]


FORM = ((b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8"),)


def test_a_form_comes_before_the_query() -> None:
    body = f"data={quote(GOOD)}&verbose=0".encode()
    decision = plain("/track?data=x&verbose=1", b"POST", FORM, body)
    assert bodies(decision) == [STAMPED]
    assert decision.stored.body == b"1"


def test_a_body_that_is_no_form_does_not_count() -> None:
    body = f"data={quote(GOOD)}".encode()
    assert plain("/track", b"POST", ((b"Content-Type", b"text/plain"),), body).events == ()
    assert plain("/track", b"GET", FORM, body).events == ()


def test_head_stores_nothing_and_has_the_head_of_an_answer() -> None:
    decision = asked(GOOD, method=b"HEAD", more="&verbose=1")
    assert decision.events == ()
    assert decision.stored.body == b""
    assert header(decision.stored.headers, b"content-length") == b"25"


@pytest.mark.parametrize(
    ("method", "target", "status", "body", "allows"),
    [
        (b"OPTIONS", "/track", 200, b"", True),
        (b"OPTIONS", "*", 200, b"", True),
        (b"PUT", "/track", 405, b"0", True),
        (b"GET", "/", 404, b"0", False),
        (b"PUT", "/other", 404, b"0", False),
        (b"GET", "/track//x", 404, b"0", False),
    ],
)
def test_other_methods_and_paths(
    method: bytes, target: str, status: int, body: bytes, allows: bool
) -> None:
    response = plain(target, method).stored
    assert (response.status, response.body) == (status, body)
    assert (header(response.headers, b"allow") is not None) == allows


@pytest.mark.parametrize("path", ["/track/", "//track", "/tr%61ck", "http://h.example/track"])
def test_mochiweb_finds_the_path(path: str) -> None:
    assert asked(GOOD, path).events
    if path != "/track/":
        assert not asked(GOOD, path, profile=STRICT).events


def test_a_browser_is_told_that_it_may() -> None:
    answers: list[Response] = [asked(GOOD).stored, asked(GOOD, headers=((b"Origin", b"o"),)).stored]
    assert [header(each.headers, b"access-control-allow-origin") for each in answers] == [
        b"*",
        b"o",
    ]
    assert header(answers[0].headers, b"access-control-allow-credentials") is None
    assert header(answers[1].headers, b"access-control-allow-credentials") == b"true"
    assert {header(each.headers, b"cache-control") for each in answers} == {b"no-store"}
    asks: Headers = ((b"Origin", b"o"), (b"Access-Control-Request-Headers", b"X-A"))
    allowed = plain("/track", b"OPTIONS", asks).stored.headers
    assert header(allowed, b"access-control-allow-headers") == b"X-A"
    assert header(allowed, b"access-control-allow-methods") == b"GET, POST, OPTIONS"
    assert header(allowed, b"access-control-max-age") == b"3600"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("9.9.9.9", [b"1.1.1.1"], "9.9.9.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [b"1.1.1.1, 5.6.7.8"], "5.6.7.8"),
        ("10.1.2.3", [b"1.1.1.1", b" 9.9.9.9"], "9.9.9.9"),
        ("172.16.0.1", [b"a"], "a"),
        ("172.32.0.1", [b"a"], "172.32.0.1"),
        ("100.64.0.1", [b"a"], "a"),
        ("100.128.0.1", [b"a"], "100.128.0.1"),
        ("192.168.9.9", [b"a,,"], "a"),
        ("127.0.0.2", [b"a"], "127.0.0.2"),
        ("::1", [b"a"], "::1"),
        ("127.0.0.1", [b""], "127.0.0.1"),
        ("127.0.0.1", [b",,"], "127.0.0.1"),
        ("127.0.0.1", [b"a, "], ""),
    ],
)
def test_the_address_is_the_one_that_mochiweb_calls_the_peer(
    peer: str, forwarded: list[bytes], expected: str
) -> None:
    headers = tuple((b"X-Forwarded-For", value) for value in forwarded)
    assert mochiweb_address(peer, headers) == expected
    assert socket_address(peer, headers) == peer


def test_an_address_that_is_no_text_makes_the_event_invalid() -> None:
    headers = ((b"X-Forwarded-For", b"\xff"),)
    assert isinstance(mochiweb_address("127.0.0.1", headers), IllFormed)
    target = f"/track?data={quote(GOOD)}&ip=1&verbose=1".encode()
    decision = ingest(Request(b"GET", target, headers), "127.0.0.1", NOW, MOCHIWEB, ROUTES)
    assert heard(decision) == {"error": "data, invalid JSON", "status": 0}


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('{"event":"e","properties":{"token":"T",}}', False),
        ('{"event":"e","properties":{"token":"T"},"x":"\t"}', False),
        ('{"event":"e","properties":{"token":"T"},"x":"\\ud83d"}', True),
    ],
)
def test_the_profiles_differ_in_what_they_accept(text: str, accepted: bool) -> None:
    assert bool(asked(text, profile=STRICT).events) == accepted
    assert bool(asked(text).events) != accepted


def test_the_profiles_differ_in_what_they_write() -> None:
    text = '{"event":"e","properties":{"token":"a","token":"T","time":1e6}}'
    assert bodies(asked(text)) == [text.replace("1e6", "1.0e+6")]
    expected = '{"event":"e","properties":{"token":"T","time":1000000.0}}'
    assert bodies(asked(text, profile=STRICT)) == [expected]


wild = st.binary(max_size=60)


@given(st.sampled_from([b"GET", b"POST", b"HEAD"]), wild, wild, wild, st.sampled_from([*PROFILES]))
def test_it_never_raises(
    method: bytes, query: bytes, body: bytes, forwarded: bytes, name: str
) -> None:
    headers = (*FORM, (b"X-Forwarded-For", forwarded))
    for target in (query, b"/track?" + query, b"/engage?ip=1&verbose=1&data=" + query):
        for form in (body, b"data=" + body, b"data=" + base64.b64encode(body)):
            request = Request(method, target, headers, form)
            ingest(request, "127.0.0.1", NOW, PROFILES[name], ROUTES)


@given(st.recursive(st.text(max_size=3) | st.integers() | st.floats() | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["event", "properties", "token", "$token", "$distinct_id"]), inner)), st.sampled_from([*PROFILES]))  # fmt: skip  # noqa: E501
def test_any_value_gets_an_answer(value: Any, name: str) -> None:
    for path in ("/track", "/engage"):
        decision = asked(json.dumps(value), path, profile=PROFILES[name])
        assert decision.stored.body in (b"0", b"1")
        assert bool(decision.events) == (decision.stored.body == b"1")
