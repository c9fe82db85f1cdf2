"""Requests as the known client libraries send them, and what each needs to hear."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from pyingest.contract.service import answer
from pyingest.contract.settings import ContractSettings
from pyingest.ingest import Decision
from pyingest.message import Headers, Request

NOW = 1795232317.25
MILLISECONDS = 1795232316123
SETTINGS = ContractSettings()
FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
JSON: Headers = ((b"Content-Type", b"application/json"),)
GZIP: Headers = ((b"Content-Encoding", b"gzip"),)
BASIC: Headers = ((b"Authorization", b"Basic " + base64.b64encode(b"TOKEN123:")),)
JAVA: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded;charset=utf8"),)

PLAIN = b"1"
VERBOSE = b'{"error":null,"status":1}'
IMPORTED = b'{"code":200,"num_records_imported":1,"status":"OK"}'
BOTH = b'{"error":null,"status":1,"code":200,"num_records_imported":1}'


def event(time: Any = 1795232316.5, **more: Any) -> dict[str, Any]:
    properties = {"token": "TOKEN123", "distinct_id": "user+1", "time": time, "q": "~~~???>>>ÿûÿ"}
    return {"event": "Signed Up", "properties": properties | {"$insert_id": "ins-1"} | more}


def text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def b64(value: Any) -> bytes:
    return base64.b64encode(text(value))


def escaped(data: bytes) -> bytes:
    return quote_plus(data).encode()


ALIAS = {
    "event": "$create_alias",
    "properties": {"distinct_id": "u", "alias": "a", "token": "TOKEN123"},
}
MERGE = {"event": "$merge", "properties": {"$distinct_ids": ["a", "b"]}}
DELETE = {"$token": "TOKEN123", "$distinct_id": "u1", "$delete": "null", "$ignore_alias": "true"}
SET = {"$token": "TOKEN123", "$distinct_id": "u1", "$time": MILLISECONDS, "$set": {"a": None}}
PHONE = [event(MILLISECONDS) | {"$mp_metadata": {"$mp_event_id": "x"}, "id": 7}]

REQUESTS = {
    "python": ("/track", FORM, b"data=" + escaped(text(event())) + b"&verbose=1&ip=0", VERBOSE),
    "python profile": ("/engage", FORM, b"data=" + escaped(text(SET)) + b"&verbose=1", VERBOSE),
    "python import": (
        "/import?project_id=4242",
        (*FORM, *BASIC),
        b"data=" + escaped(text([event()])) + b"&verbose=1&ip=0&api_key=K",
        BOTH,
    ),
    "node batch": ("/track?ip=0&verbose=0", FORM, b"data=" + b64([event()]), PLAIN),
    "node batch, verbose": ("/track?ip=0&verbose=1", FORM, b"data=" + b64([event()]), VERBOSE),
    "browser": (
        "/track/?verbose=1&ip=1&_=1795232415192",
        FORM,
        b"data=" + escaped(b64([event(**{"$browser_version": None})])),
        VERBOSE,
    ),
    "browser, one at a time": ("/track/?ip=1&_=1", FORM, b"data=" + escaped(b64(event())), PLAIN),
    "browser as the page closes": (
        "/track/?verbose=1&ip=1&_=1",
        ((b"Content-Type", b"text/plain;charset=UTF-8"),),
        b"data=" + escaped(b64([event()])),
        VERBOSE,
    ),
    "ruby": ("/track", FORM, b"data=" + escaped(b64(event(MILLISECONDS))) + b"&verbose=1", VERBOSE),
    "ruby import": (
        "/import",
        FORM,
        b"data=" + escaped(b64(event(MILLISECONDS))) + b"&api_key=KEY&verbose=1",
        BOTH,
    ),
    "php": ("/track", FORM, b"data=" + b64([event()]), PLAIN),
    "go": ("/track?verbose=1", JSON, text([event(MILLISECONDS)]), VERBOSE),
    "go profile": ("/engage", JSON, text([DELETE]), PLAIN),
    "go import": (
        "/import?strict=1&verbose=1",
        (*JSON, *GZIP, *BASIC),
        gzip.compress(text([event(MILLISECONDS)])),
        IMPORTED,
    ),
    "go alias": ("/track", FORM, b"data=" + escaped(text(ALIAS)), PLAIN),
    "go merge": ("/import", (*FORM, *BASIC), b"data=" + escaped(text(MERGE)), PLAIN),
    "java": ("/track?ip=0", JAVA, b"data=" + escaped(b64([event(MILLISECONDS)])), PLAIN),
    "java, compressed": (
        "/track?ip=0",
        (*JAVA, *GZIP),
        gzip.compress(b"data=" + escaped(b64([event(MILLISECONDS)]))),
        PLAIN,
    ),
    "java import": (
        "/import?strict=1",
        (*JSON, *GZIP, *BASIC),
        gzip.compress(text([event(MILLISECONDS)])),
        IMPORTED,
    ),
    "android": ("/track/?ip=1", FORM, b"data=" + escaped(b64(PHONE)), PLAIN),
    "android, compressed": (
        "/track/?ip=1",
        (*FORM, *GZIP),
        gzip.compress(b"data=" + escaped(b64(PHONE)) + b"&verbose=1"),
        VERBOSE,
    ),
    "objective-c": ("/track/?ip=1", JSON, text(PHONE), PLAIN),
    "swift": ("/track/?ip=1", (*JSON, *GZIP), gzip.compress(text(PHONE)), PLAIN),
    "swift profile": ("/engage/?ip=1", JSON, text([SET]), PLAIN),
    "iphone of 2011": ("/track/", FORM, b"ip=1&data=" + escaped(b64([event(1)])), PLAIN),
    "iphone of 2011, testing": (
        "/track/",
        FORM,
        b"test=1&ip=1&data=" + escaped(b64([event(1)])),
        PLAIN,
    ),
}
QUERIES = {
    "node": (b"/track?ip=0&verbose=0&data=" + escaped(b64(event())), (), PLAIN),
    "node profile": (b"/engage?ip=0&verbose=1&data=" + escaped(b64(SET)), (), VERBOSE),
    "node import": (
        b"/import?ip=1&verbose=1&data=%b&api_key=KEY&test=1" % escaped(b64(event(MILLISECONDS))),
        (),
        BOTH,
    ),
    "node import with an account": (
        b"/import?ip=1&verbose=1&data=%b&project_id=4242" % escaped(b64(event())),
        ((b"Authorization", b"Basic " + base64.b64encode(b"user:secret")),),
        BOTH,
    ),
    "old browser": (
        b'/track/?data=%b&ip=1&callback=mixpanel._jsc["12345678"]&_=1' % escaped(b64(event())),
        (),
        b'/**/mixpanel._jsc["12345678"](1);',
    ),
    "browser without a callback": (
        b"/track/?data=%b&callback=(function(){})" % escaped(b64(event())),
        (),
        b"/**/(function(){})(1);",
    ),
    "ruby's link": (
        b"/track/?data=%b&ip=1" % base64.urlsafe_b64encode(text(event())),
        (),
        PLAIN,
    ),
    "a person with curl": (b"/track/?verbose=2&data=" + escaped(text(event())), (), VERBOSE),
}


def stored(decision: Decision) -> Any:
    return [json.loads(one.body) for one in decision.events]


@pytest.mark.parametrize("client", REQUESTS)
def test_what_a_client_posts_is_stored_and_answered_in_its_language(client: str) -> None:
    target, headers, body, said = REQUESTS[client]
    request = Request(b"POST", target.encode(), headers, body)
    decision = answer(request, "203.0.113.9", NOW, SETTINGS)
    assert (decision.stored.status, decision.stored.body) == (200, said)
    assert len(decision.events) == 1
    assert decision.tokens == ("TOKEN123",)


@pytest.mark.parametrize("client", QUERIES)
def test_what_a_client_gets_is_stored_and_answered_in_its_language(client: str) -> None:
    target, headers, said = QUERIES[client]
    decision = answer(Request(b"GET", target, headers), "203.0.113.9", NOW, SETTINGS)
    assert (decision.stored.status, decision.stored.body) == (200, said)
    assert len(decision.events) == 1
    assert decision.tokens == ("TOKEN123",)


@pytest.mark.parametrize("client", ["python", "node batch", "ruby", "php", "go", "java", "swift"])
def test_what_a_client_sent_arrives_letter_by_letter(client: str) -> None:
    target, headers, body, _ = REQUESTS[client]
    request = Request(b"POST", target.encode(), headers, body)
    (record,) = stored(answer(request, "203.0.113.9", NOW, SETTINGS))
    assert record["event"] == "Signed Up"
    assert record["properties"]["distinct_id"] == "user+1"
    assert record["properties"]["q"] == "~~~???>>>ÿûÿ"
    assert 1795232316 <= record["properties"]["time"] < 1795232317
