"""The modern contract, row by row, with a stand-in for the cleaning of records."""

import base64
import gzip
import json
import zlib
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from pyingest.contract.manner import PIXEL
from pyingest.contract.service import answer
from pyingest.contract.settings import ContractLimits, ContractSettings, Tokens
from pyingest.contract.testing import SETTINGS
from pyingest.ingest import Decision
from pyingest.message import Headers, Request, Response, header

NOW = 1795232317.25
PEER = "203.0.113.9"
GOOD = b'{"event":"e","properties":{"token":"T","distinct_id":"u","time":1}}'
PROFILE = b'{"$token":"T","$distinct_id":"u","$set":{"a":1}}'
BAD = b'{"event":"e","properties":{}}'
FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
JSON: Headers = ((b"Content-Type", b"application/json"),)
ORIGIN: Headers = ((b"Origin", b"http://app.example"),)


def b64(text: bytes) -> bytes:
    return base64.b64encode(text)


def get(
    target: str | bytes,
    headers: Headers = (),
    settings: ContractSettings = SETTINGS,
    method: bytes = b"GET",
) -> Decision:
    raw = target.encode() if isinstance(target, str) else target
    return answer(Request(method, raw, headers), PEER, NOW, settings)


def post(
    target: str,
    body: bytes,
    headers: Headers = FORM,
    settings: ContractSettings = SETTINGS,
) -> Decision:
    return answer(Request(b"POST", target.encode(), headers, body), PEER, NOW, settings)


def sent(text: bytes, more: str = "", path: str = "/track") -> Decision:
    return get(f"{path}?data={quote(b64(text), safe='')}{more}")


def stored(decision: Decision) -> list[bytes]:
    return [event.body for event in decision.events]


def heard(decision: Decision) -> Any:
    return json.loads(decision.stored.body)


def said(response: Response) -> tuple[int, bytes]:
    return response.status, response.body


OK = '{"error":null,"status":1}'


# Methods and paths.


@pytest.mark.parametrize(
    "target",
    [
        "/track",
        "/track/",
        "//track",
        "//track//",
        "/%74rack",
        "http://host/track",
        "HTTPS://host:8080//track/",
    ],
)
def test_track_is_found_under_every_spelling_of_its_path(target: str) -> None:
    assert stored(get(f"{target}?data={quote(b64(GOOD))}")) == [GOOD]


@pytest.mark.parametrize("target", ["/TRACK", "/track/extra", "/", "*", "", "/trac", "http://h"])
def test_another_path_is_404_in_json_and_readable_by_a_browser(target: str) -> None:
    decision = get(target, ORIGIN)
    assert decision.stored.status == 404
    assert heard(decision) == {"error": "path, not found", "status": 0}
    assert header(decision.stored.headers, b"access-control-allow-origin") == ORIGIN[0][1]
    assert decision.events == ()


def test_a_fragment_in_the_target_is_cut_off() -> None:
    decision = post("/engage#profile-set", PROFILE, JSON)
    assert stored(decision) == [PROFILE]
    assert stored(get(f"/track?data={quote(b64(GOOD))}#x")) == [GOOD]


def test_a_prefix_is_served_and_what_is_not_below_it_is_not() -> None:
    settings = replace(SETTINGS, prefixes=("/mp/v1/",))
    assert stored(post("/mp/v1/track/", GOOD, JSON, settings)) == [GOOD]
    assert post("/track", GOOD, JSON, settings).stored.status == 404
    both = replace(SETTINGS, prefixes=("", "/mp"))
    assert stored(post("/mp/track", GOOD, JSON, both)) == [GOOD]
    assert stored(post("/track", GOOD, JSON, both)) == [GOOD]


@pytest.mark.parametrize(
    ("path", "queue"),
    [
        ("/track", "events"),
        ("/import", "events"),
        ("/engage", "profiles"),
        ("/groups", "profiles"),
    ],
)
def test_each_endpoint_has_its_queue(path: str, queue: str) -> None:
    body = GOOD if queue == "events" else PROFILE
    assert [event.queue for event in post(path, body, JSON).events] == [queue]


@pytest.mark.parametrize("path", ["/track", "/engage", "/groups", "/import"])
def test_every_endpoint_takes_get_and_post(path: str) -> None:
    body = PROFILE if path in ("/engage", "/groups") else GOOD
    assert stored(sent(body, path=path)) == [body]
    assert stored(post(path, body, JSON)) == [body]


def test_head_is_answered_like_get_and_stores_nothing() -> None:
    target = f"/track?verbose=1&data={quote(b64(GOOD))}"
    seen, full = get(target, method=b"HEAD"), get(target)
    assert (seen.events, seen.rejected, seen.stored.body) == ((), (), b"")
    assert seen.stored.headers == full.stored.headers
    assert get("/nowhere", method=b"HEAD").stored.status == 404


@pytest.mark.parametrize("target", ["/track", "*", "/nowhere"])
def test_options_allow_whatever_a_browser_asks_for(target: str) -> None:
    asked = (*ORIGIN, (b"Access-Control-Request-Headers", b"x-a, x-b"))
    response = get(target, asked, method=b"OPTIONS").stored
    assert said(response) == (200, b"")
    given = dict(response.headers)
    assert given[b"Access-Control-Allow-Origin"] == b"http://app.example"
    assert given[b"Access-Control-Allow-Credentials"] == b"true"
    assert given[b"Access-Control-Allow-Methods"] == b"GET, POST, OPTIONS"
    assert given[b"Access-Control-Allow-Headers"] == b"x-a, x-b"
    assert given[b"Access-Control-Max-Age"] == b"3600"
    assert given[b"Content-Length"] == b"0"


def test_options_without_an_origin_are_answered_too() -> None:
    response = get("/track", method=b"OPTIONS").stored
    assert said(response) == (200, b"")
    assert header(response.headers, b"access-control-allow-headers") is None


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"TRACE", b"PATCH", b"BREW"])
def test_other_methods_are_405_and_hear_what_is_served(method: bytes) -> None:
    response = get("/track", ORIGIN, method=method).stored
    assert said(response) == (405, b"0")
    assert header(response.headers, b"allow") == b"GET, HEAD, OPTIONS, POST"
    assert header(response.headers, b"access-control-allow-origin") == b"http://app.example"
    verbose = get("/track?verbose=1", method=method)
    assert heard(verbose) == {"error": "method, not allowed", "status": 0}


# Headers of every answer.


def every_kind_of_answer(headers: Headers = ()) -> list[Response]:
    good = quote(b64(GOOD))
    decisions = [
        get(f"/track?data={good}", headers),
        get(f"/track?data={good}&verbose=1", headers),
        get(f"/track?data={good}&callback=f", headers),
        get(f"/track?data={good}&img=1", headers),
        get("/track", headers),
        get("/nowhere", headers),
        get("/track", headers, method=b"PUT"),
        get("/track", headers, method=b"OPTIONS"),
        get("/decide", headers),
        get("/robots.txt", headers),
        get("/favicon.ico", headers),
        post("/track", b"x", (*headers, (b"Content-Encoding", b"br"))),
        post("/track", b"x" * 11, headers, replace(SETTINGS, limits=ContractLimits(body=10))),
        post("/import?strict=1", GOOD, headers),
        post("/import?strict=1", BAD, headers),
    ]
    return [one for decision in decisions for one in (decision.stored, decision.refused)]


def test_every_answer_can_be_read_by_the_page_that_asked() -> None:
    for response in every_kind_of_answer(ORIGIN):
        given = dict(response.headers)
        assert given[b"Access-Control-Allow-Origin"] == b"http://app.example"
        assert given[b"Access-Control-Allow-Credentials"] == b"true"
        assert given[b"Vary"] == b"Origin"


def test_without_an_origin_anybody_may_read_but_not_with_credentials() -> None:
    for response in every_kind_of_answer():
        given = dict(response.headers)
        assert given[b"Access-Control-Allow-Origin"] == b"*"
        assert b"Access-Control-Allow-Credentials" not in given


def test_no_answer_is_stored_sniffed_compressed_or_long_in_its_head() -> None:
    for response in every_kind_of_answer(ORIGIN):
        given = dict(response.headers)
        assert len(given) == len(response.headers)
        assert given[b"Cache-Control"] == b"no-store"
        assert given[b"X-Content-Type-Options"] == b"nosniff"
        assert b"Content-Encoding" not in given
        assert b"Transfer-Encoding" not in given
        assert len(response.encode()) - len(response.body) < 1024


def test_every_answer_but_204_has_its_length_and_type() -> None:
    for response in every_kind_of_answer(ORIGIN):
        given = dict(response.headers)
        if response.status == 204:
            assert b"Content-Length" not in given
            assert b"Content-Type" not in given
        else:
            assert given[b"Content-Length"] == b"%d" % len(response.body)
            assert b"Content-Type" in given


def test_retry_after_comes_with_503_and_with_nothing_else() -> None:
    for response in every_kind_of_answer():
        wait = header(response.headers, b"retry-after")
        assert (wait is not None) == (response.status == 503)
        assert wait in (None, b"30")


def test_an_origin_too_long_for_a_small_head_is_not_echoed() -> None:
    response = get("/track", ((b"Origin", b"http://" + b"x" * 3000),)).stored
    assert header(response.headers, b"access-control-allow-origin") == b"*"
    assert len(response.encode()) < 1024


# The choice of the answer.


def test_success_is_exactly_one_byte() -> None:
    decision = sent(GOOD)
    assert said(decision.stored) == (200, b"1")
    assert header(decision.stored.headers, b"content-type") == b"text/plain"


def test_verbose_success_is_an_object_with_an_integer() -> None:
    decision = sent(GOOD, "&verbose=1")
    assert decision.stored.body == OK.encode()
    assert header(decision.stored.headers, b"content-type") == b"application/json"


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", 1), ("2", 1), ("yes", 1), ("true", 1), ("0", 0), ("", 0), ("false", 0), ("-1", 0)],
)
def test_verbose_is_on_for_everything_but_nothing_zero_and_false(value: str, on: int) -> None:
    assert sent(GOOD, f"&verbose={value}").stored.body == (OK.encode() if on else b"1")


def test_flags_are_found_in_the_query_and_in_the_form() -> None:
    data = b"data=" + quote_plus(b64(GOOD)).encode()
    assert post("/track?verbose=1", data).stored.body == OK.encode()
    assert post("/track", data + b"&verbose=1&ip=0").stored.body == OK.encode()


def test_in_test_mode_failures_are_told_in_json_and_success_is_not() -> None:
    assert heard(sent(BAD, "&test=1")) == {"error": "token, missing or empty", "status": 0}
    assert sent(GOOD, "&test=1").stored.body == b"1"


@pytest.mark.parametrize("data", [GOOD, BAD, b"junk"])
def test_an_image_is_always_shown(data: bytes) -> None:
    decision = sent(data, "&img=1&verbose=1")
    assert said(decision.stored) == (200, PIXEL)
    assert header(decision.stored.headers, b"content-type") == b"image/gif"
    assert len(decision.rejected) == (data != GOOD)


def test_a_pixel_is_a_transparent_gif() -> None:
    assert PIXEL.startswith(b"GIF89a\x01\x00\x01\x00")
    assert PIXEL[19:21] == b"\x21\xf9"
    assert PIXEL[22] & 1
    assert PIXEL.endswith(b";")


def test_a_redirect_goes_before_an_image_and_an_image_before_a_script() -> None:
    settings = replace(SETTINGS, redirect_hosts=frozenset({"ok.example"}))
    target = f"/track?data={quote(b64(GOOD))}&callback=f&img=1&redirect="
    assert get(target + "//ok.example", settings=settings).stored.status == 302
    assert get(target, settings=settings).stored.body == PIXEL


def test_parameters_that_nobody_knows_change_nothing() -> None:
    assert sent(GOOD, "&_=1795232415192&region=eu&verbose").stored.body == b"1"


def test_a_script_calls_with_what_a_browser_would_have_read() -> None:
    decision = sent(GOOD, "&callback=mixpanel._jsc%5B123%5D")
    assert decision.stored.body == b"/**/mixpanel._jsc[123](1);"
    assert header(decision.stored.headers, b"content-type") == b"text/javascript"
    verbose = sent(BAD, "&callback=f&verbose=1")
    assert verbose.stored.body == b'/**/f({"error":"token, missing or empty","status":0});'


def test_a_callback_that_is_no_name_changes_nothing() -> None:
    assert sent(GOOD, "&callback=alert(1)//").stored.body == b"1"
    assert sent(GOOD, "&callback=" + "a" * 5000).stored.body == b"1"


def test_redirects_lead_nowhere_by_default() -> None:
    assert said(sent(GOOD, "&redirect=https://ok.example/x").stored) == (200, b"1")


def test_a_redirect_leads_to_a_host_that_the_operator_named() -> None:
    settings = replace(SETTINGS, redirect_hosts=frozenset({"ok.example"}))
    for data, body in ((GOOD, b"1"), (BAD, b"0")):
        decision = get(
            f"/track?data={quote(b64(data))}&redirect=https%3A%2F%2Fok.example%2F%3Fq&img=1",
            settings=settings,
        )
        assert said(decision.stored) == (302, body)
        assert header(decision.stored.headers, b"location") == b"https://ok.example/?q"
        assert decision.refused.status == 302


def test_a_redirect_elsewhere_is_answered_as_if_it_were_not_there() -> None:
    settings = replace(SETTINGS, redirect_hosts=frozenset({"ok.example"}))
    target = f"/track?data={quote(b64(GOOD))}&redirect=https://evil.example/"
    assert said(get(target, settings=settings).stored) == (200, b"1")


# What becomes of the records.


def test_several_good_records_are_all_stored_in_order() -> None:
    second = GOOD.replace(b'"e"', b'"f"')
    decision = post("/track", b"[%b,%b]" % (GOOD, second), JSON)
    assert stored(decision) == [GOOD, second]
    assert decision.tokens == ("T", "T")
    assert [event.key for event in decision.events] == [b"T:u", b"T:u"]
    assert decision.stored.body == b"1"


def test_one_good_record_makes_the_answer_good_and_the_others_are_told() -> None:
    decision = post("/track?verbose=1", b"[%b,%b,null,[]]" % (BAD, GOOD), JSON)
    assert stored(decision) == [GOOD]
    assert heard(decision) == {
        "error": "token, missing or empty",
        "status": 1,
        "num_good_events": 1,
        "failed": [
            {"index": 0, "error": "token, missing or empty"},
            {"index": 2, "error": "event, missing"},
            {"index": 3, "error": "data, must be an object or a list of objects"},
        ],
    }
    assert [(one.endpoint, one.reason) for one in decision.rejected] == [
        ("track", "token, missing or empty"),
        ("track", "event, missing"),
        ("track", "data, must be an object or a list of objects"),
    ]
    assert decision.rejected[0].body == BAD
    assert post("/track", b"[%b,%b]" % (BAD, GOOD), JSON).stored.body == b"1"


def test_no_good_record_makes_the_answer_bad_with_status_200() -> None:
    decision = post("/track?verbose=1", b"[%b,%b]" % (BAD, BAD), JSON)
    assert heard(decision) == {"error": "token, missing or empty", "status": 0}
    assert decision.stored.status == 200
    assert said(post("/track", BAD, JSON).stored) == (200, b"0")


def test_a_record_that_its_client_wants_ignored_counts_as_good_and_is_not_stored() -> None:
    ignored = b'{"event":"e","properties":{"token":"T","$ignore":"bot"}}'
    decision = post("/track?verbose=1", ignored, JSON)
    assert (decision.events, decision.rejected) == ((), ())
    assert decision.stored.body == OK.encode()


def test_an_event_that_cannot_be_stored_now_is_asked_for_again_later() -> None:
    decision = sent(GOOD)
    assert said(decision.refused) == (503, b"0")
    assert header(decision.refused.headers, b"retry-after") == b"30"
    verbose = sent(GOOD, "&verbose=1")
    assert json.loads(verbose.refused.body) == {
        "error": "a temporary failure occurred",
        "status": 0,
    }


def test_the_wait_is_the_operators_choice() -> None:
    decision = post("/track", GOOD, JSON, replace(SETTINGS, retry_after=7))
    assert header(decision.refused.headers, b"retry-after") == b"7"


@pytest.mark.parametrize(
    ("tokens", "good"),
    [
        (Tokens(), True),
        (Tokens(allow=frozenset({"T"})), True),
        (Tokens(allow=frozenset({"U"})), False),
        (Tokens(deny=frozenset({"T"})), False),
        (Tokens(deny=frozenset({"U"})), True),
        (Tokens(allow=frozenset({"T"}), deny=frozenset({"T"})), False),
    ],
)
def test_tokens_are_taken_by_the_operators_lists(tokens: Tokens, good: bool) -> None:
    decision = post("/track?verbose=1", GOOD, JSON, replace(SETTINGS, tokens=tokens))
    assert heard(decision)["error"] == (None if good else "token, not allowed")
    assert len(decision.events) == good
    assert [one.token for one in decision.rejected] == ([] if good else ["T"])


def test_an_old_event_is_sent_to_import_where_the_operator_wants_it() -> None:
    for path, window, error in (
        ("/track", None, None),
        ("/track", NOW, None),
        ("/track", 5 * 86_400.0, "time, too old for /track, use /import"),
        ("/import", 5 * 86_400.0, None),
    ):
        decision = post(f"{path}?verbose=1", GOOD, JSON, replace(SETTINGS, track_window=window))
        assert heard(decision)["error"] == error
        assert len(decision.events) == (error is None)


# Limits.


@pytest.mark.parametrize(("count", "status"), [(51, 200), (2000, 200), (2001, 413)])
def test_a_request_holds_at_most_two_thousand_records(count: int, status: int) -> None:
    body = b"[%b]" % b",".join([GOOD] * count)
    decision = post("/track?verbose=1", body, JSON)
    assert decision.stored.status == status
    assert len(decision.events) == (count if status == 200 else 0)
    if status == 413:
        assert heard(decision) == {"error": "batch size, exceeds max of 2000", "status": 0}
        assert decision.rejected[0].body == body


def test_lines_are_counted_before_they_are_read() -> None:
    kind = ((b"Content-Type", b"application/x-ndjson"),)
    assert post("/track", b"x\n" * 2001, kind).stored.status == 413


def test_blank_lines_are_no_records_unless_there_is_no_end_to_them() -> None:
    kind = ((b"Content-Type", b"application/x-ndjson"),)
    assert len(post("/track", GOOD + b"\n" * 7000 + GOOD, kind).events) == 2
    assert post("/track", GOOD + b"\n" * 8000 + GOOD, kind).stored.status == 413


def test_a_body_over_the_limit_is_413_with_an_integer_status_and_no_wait() -> None:
    settings = replace(SETTINGS, limits=ContractLimits(body=100))
    decision = post("/track?verbose=1", b"x" * 101, settings=settings)
    assert decision.stored.status == 413
    assert heard(decision) == {"error": "request exceeds max limit of 100 bytes", "status": 0}
    assert said(post("/track", b"x" * 101, settings=settings).stored) == (413, b"0")


# Compression.

GZIP: Headers = (*JSON, (b"Content-Encoding", b"gzip"))


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"x-gzip", b" gzip "])
def test_a_gzip_body_is_read(coding: bytes) -> None:
    decision = post("/track", gzip.compress(GOOD), (*JSON, (b"Content-Encoding", coding)))
    assert stored(decision) == [GOOD]


def test_a_gzip_form_is_read() -> None:
    form = b"verbose=1&data=" + quote_plus(b64(GOOD)).encode()
    decision = post("/track", gzip.compress(form), (*FORM, (b"Content-Encoding", b"gzip")))
    assert stored(decision) == [GOOD]
    assert decision.stored.body == OK.encode()


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(GOOD)[:-9],
        gzip.compress(GOOD)[:-1],
        b"\x1f\x8b" + b"garbage" * 9,
        gzip.compress(GOOD) + b"junk",
        GOOD,
    ],
    ids=["cut", "cut in the sum", "garbage", "junk behind", "not gzip at all"],
)
def test_a_broken_gzip_body_is_bad_data(body: bytes) -> None:
    decision = post("/track?verbose=1", body, GZIP)
    assert decision.stored.status == 200
    assert heard(decision) == {"error": "data, invalid gzip", "status": 0}
    assert decision.rejected[0].body == body


def test_two_gzip_members_are_one_body() -> None:
    body = gzip.compress(GOOD[:20]) + gzip.compress(GOOD[20:]) + b"\0\0"
    assert stored(post("/track", body, GZIP)) == [GOOD]


def test_gzip_is_known_by_its_first_bytes() -> None:
    assert stored(post("/track", gzip.compress(GOOD), ())) == [GOOD]
    assert stored(sent(gzip.compress(GOOD))) == [GOOD]


@pytest.mark.parametrize("coding", [b"deflate", b"br", b"zstd", b"gzip, gzip"])
def test_other_codings_are_415(coding: bytes) -> None:
    decision = post("/track?verbose=1", GOOD, (*JSON, (b"Content-Encoding", coding)))
    assert decision.stored.status == 415
    assert heard(decision) == {"error": "content-encoding, not supported", "status": 0}


def bomb(megabytes: int) -> bytes:
    """Return gzip of so many megabytes of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0" * 1_000_000
    return b"".join([packer.compress(block) for _ in range(megabytes)]) + packer.flush()


def test_a_bomb_goes_off_at_the_limit() -> None:
    body = bomb(200)
    assert len(body) < 250_000
    for decision in (post("/track?verbose=1", body, GZIP), sent(body, "&verbose=1")):
        assert decision.stored.status == 413
        assert heard(decision)["error"] == "request exceeds max limit of 10485760 bytes"


def test_ten_megabytes_in_ten_kilobytes_are_read_up_to_the_limit() -> None:
    packed = gzip.compress(GOOD + b" " * 10_000_000)
    assert stored(post("/track", packed, GZIP)) == [GOOD]
