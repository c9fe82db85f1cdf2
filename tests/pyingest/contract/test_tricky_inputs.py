"""Tricky inputs, each answered plainly and verbosely, with the real cleaning."""

import base64
import gzip
import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from pyingest.cleaning.settings import AddressPolicy, CleaningSettings
from pyingest.contract.service import answer
from pyingest.contract.settings import ContractSettings, TrustedProxies, cleaning
from pyingest.ingest import Decision
from pyingest.message import Headers, Request, header

NOW = 1795232317.25
SETTINGS = ContractSettings()
FORM: Headers = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
JSON: Headers = ((b"Content-Type", b"application/json"),)
LINES: Headers = ((b"Content-Type", b"application/x-ndjson"),)
BEACON: Headers = ((b"Content-Type", b"text/plain;charset=UTF-8"),)
GZIP: Headers = (*JSON, (b"Content-Encoding", b"gzip"))

NO_DATA = "data, missing or empty"
NO_BASE64 = "data, invalid base64 encoding"
NO_JSON = "data, invalid JSON"
NO_OBJECT = "data, must be an object or a list of objects"
NO_GZIP = "data, invalid gzip"
NO_EVENT = "event, missing"
NO_PERSON = "distinct_id, missing or empty"
NO_TOKEN = "token, missing or empty"


def event(**more: Any) -> bytes:
    """Return an event as JSON, whose base64 has ``+`` and ``/``, with *more* properties."""
    properties = {"token": "T", "distinct_id": "u", "q": "~~~???>>>ûÿ"} | more
    text = json.dumps({"event": "e", "properties": properties}, ensure_ascii=False)
    return text.encode()


def special(name: str, **properties: Any) -> bytes:
    """Return an event that joins identities."""
    return json.dumps({"event": name, "properties": {"token": "T"} | properties}).encode()


E = event()
B = base64.b64encode(E)
PROFILE = b'{"$token":"T","$distinct_id":"u","$set":{"a":1}}'


def named(name: str, text: bytes = E) -> bytes:
    return text.replace(b'"e"', b'"%b"' % name.encode(), 1)


def form(text: bytes) -> bytes:
    """Return a form that holds *text* in base64, as a client that escapes it."""
    return b"data=" + quote_plus(base64.b64encode(text)).encode()


@dataclass(frozen=True)
class Case:
    """One request by POST (by GET without a body), and what is heard of it."""

    name: str
    body: bytes | None
    headers: Headers = FORM
    error: str | None = None
    target: str = "/track"
    good: int = -1
    """Records that count as good; -1: one if there is no error, else none."""
    status: int = 200

    @property
    def count(self) -> int:
        return self.good if self.good >= 0 else int(self.error is None)


def in_query(name: str, data: bytes, error: str | None = None) -> Case:
    return Case(name, None, (), error, "/track?data=" + data.decode("latin-1"))


def raw(name: str, text: bytes, error: str | None = None, target: str = "/track") -> Case:
    return Case(name, text, JSON, error, target)


def wrapped(text: bytes, width: int) -> bytes:
    return b"\r\n".join(text[at : at + width] for at in range(0, len(text), width)) + b"\r\n"


LONG = base64.b64encode(event(pad="x" * 200))
SHORT = base64.b64encode(b'{"event":"e","properties":{"token":"T","q":"?~>"}}')
assert SHORT.endswith(b"=")
assert b"+" in B
assert b"/" in B

BASE64 = [
    in_query("no letter of base64", b"%%%", NO_BASE64),
    in_query("letters outside any alphabet", b"e!J*", NO_BASE64),
    in_query("url-safe alphabet", base64.urlsafe_b64encode(E)),
    in_query("missing padding", SHORT.rstrip(b"=")),
    in_query("surplus padding", SHORT + b"===="),
    in_query("a letter too many", B.rstrip(b"=")[: len(B) // 4 * 4 - 3], NO_BASE64),
    Case("plus signs that became blanks", b"data=" + B),
    Case("blanks sent as such", b"data=" + B.replace(b"+", b" ")),
    Case("line breaks every 60 letters", b"data=" + quote(wrapped(LONG, 60)).encode()),
    Case("line breaks every 76 letters", b"data=" + wrapped(LONG, 76)),
    in_query("percent signs escaped once too often", quote(quote(B, safe=""), safe="").encode()),
    in_query("plain json escaped twice", quote(quote(E)).encode()),
    in_query("blanks around it", b"%20%0A" + quote(B).encode() + b"%20"),
    Case("good base64 of no json", form(b"{event}"), error=NO_JSON),
    Case("good base64 of json that is cut short", form(E[:-5]), error=NO_JSON),
]
TEXTS = [
    raw("byte order mark in a raw body", b"\xef\xbb\xbf" + E),
    Case("byte order mark within base64", form(b"\xef\xbb\xbf" + E)),
    raw("latin-1 bytes", E.replace("û".encode(), b"\xfb")),
    raw("utf-16", E.decode().encode("utf-16"), NO_JSON),
    Case("utf-16 within base64", form(E.decode().encode("utf-16")), error=NO_JSON),
    raw("a lone surrogate", E.replace(b"~~~", b"\\ud83d")),
    raw("not a number", E.replace(b'"~~~???>>>', b'NaN,"r":Infinity,"s":-Infinity,"t":"')),
    raw("an integer of 400 digits", event(big=1).replace(b'"big": 1', b'"big":' + b"9" * 400)),
    raw("an integer of 100000 digits", event(big=1).replace(b'"big": 1', b'"big":' + b"9" * 10**5)),
    raw("a float beyond all bounds", event(big=1).replace(b'"big": 1', b'"big":1e999')),
    raw("a list that is nested too deeply", b"[" * 100_000, NO_JSON),
    raw("deep nesting that is closed", b"[" * 100_000 + b"]" * 100_000, NO_JSON),
    raw("an object that is nested too deeply", b'{"a":' * 100_000, NO_JSON),
    raw("the same key twice", E.replace(b'"q"', b'"token":"T2","q"')),
]
SHAPES = [
    raw("empty list", b"[]", NO_DATA),
    raw("list with an empty object", b"[{}]", NO_EVENT),
    raw("the same on import", b"[{}]", NO_DATA, "/import"),
    raw("list of lists", b"[[%b]]" % E, NO_OBJECT),
    raw("null", b"null", NO_OBJECT),
    raw("number", b"42", NO_OBJECT),
    raw("text", b'"text"', NO_OBJECT),
    raw("true", b"true", NO_OBJECT),
    raw("empty text", b'""', NO_DATA),
    in_query("null in a field", b"null", NO_OBJECT),
    in_query("number in a field", b"-4.2", NO_OBJECT),
    in_query("empty text in a field", b"%22%22", NO_DATA),
    in_query("null in base64", base64.b64encode(b"null"), NO_OBJECT),
    Case("one good among bad", b"[%b,null,{}]" % E, JSON, NO_EVENT, good=1),
    raw("no event name", event().replace(b'"event": "e", ', b""), NO_EVENT),
    raw("event null", E.replace(b'"e"', b"null", 1), NO_EVENT),
    raw("event empty", E.replace(b'"e"', b'""', 1), NO_EVENT),
    raw("no properties", b'{"event":"e"}', NO_TOKEN),
    raw("properties null", b'{"event":"e","properties":null}', NO_TOKEN),
    raw("properties a list", b'{"event":"e","properties":[]}', "properties, must be an object"),
    raw("properties text", b'{"event":"e","properties":"p"}', "properties, must be an object"),
    raw("token missing", E.replace(b'"token"', b'"nekot"'), NO_TOKEN),
    raw("token empty", event(token=""), NO_TOKEN),
    raw("token a number", event(token=42)),
    raw("token of 10 KB", event(token="T" * 10_240), "token, invalid"),
    raw("person a number", event(distinct_id=13793)),
    raw("person 0", event(distinct_id=0)),
    raw("person empty", event(distinct_id="")),
    raw("person under its profile name", E.replace(b'"distinct_id"', b'"$distinct_id"')),
    raw("an alias of nobody", special("$create_alias", alias="a"), NO_PERSON),
    raw("an alias", special("$create_alias", alias="a", distinct_id="u")),
    raw("identities joined", special("$merge", **{"$distinct_ids": ["a", "b"]})),
    raw("a token that nobody knows", event(token="c0ffee" * 5)),
    raw("a profile sent to track", PROFILE, NO_EVENT),
    raw("an event sent to engage", E, "$token, missing or empty", "/engage"),
    Case("records to be ignored", event(**{"$ignore": "bot"}), JSON),
    Case("51 records", b"[%b]" % b",".join([E] * 51), JSON, good=51),
    Case("2000 records", b"[%b]" % b",".join([E] * 2000), JSON, good=2000),
    Case(
        "2001 records",
        b"[%b]" % b",".join([E] * 2001),
        JSON,
        "batch size, exceeds max of 2000",
        status=413,
    ),
]
TIMES = [
    raw(f"time {value!r}", event(time=value))
    for value in (1795232317250, 1795232317250000, 1795232317.25, "1795232317", "yesterday", -5)
] + [raw("time NaN", event(time=1).replace(b'"time": 1', b'"time":NaN'))]
PROFILES = [
    raw(name, b'{"$token":"T","$distinct_id":"u",%b}' % operation, error, "/engage")
    for name, operation, error in (
        ("set of a list", b'"$set":["a"]', "$set, must be an object"),
        ("unset of an object", b'"$unset":{"a":1}', None),
        ("add of text", b'"$add":{"a":"many"}', "$add, values must be numeric"),
        ("delete alone", b'"$delete":""', None),
        ("two operations", b'"$set":{"a":1},"$add":{"b":1}', None),
        ("no operation", b'"$ip":"0"', "no operation in update"),
    )
] + [
    raw("no person", b'{"$token":"T","$set":{}}', "$distinct_id, missing or empty", "/engage"),
    raw("a group", b'{"$token":"T","$group_key":"k","$group_id":"g","$set":{}}', None, "/groups"),
    raw(
        "no group key",
        b'{"$token":"T","$group_id":"g","$set":{}}',
        "$group_key, missing or empty",
        "/groups",
    ),
    raw(
        "no group id",
        b'{"$token":"T","$group_key":"k","$set":{}}',
        "$group_id, missing or empty",
        "/groups",
    ),
]
MULTIPART = b"multipart/form-data; boundary="
PARTS = (
    b'--xyz\r\nContent-Disposition: form-data; name="ip"\r\n\r\n0\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="data"; filename="f"\r\n'
    b"Content-Type: text/plain\r\n\r\n%b\r\n--xyz--\r\n"
)
PLACES = [
    Case("nothing at all", None, (), NO_DATA),
    Case("empty body", b"", FORM, NO_DATA),
    Case("empty json body", b"", JSON, NO_DATA),
    Case("blank json body", b" \r\n", JSON, NO_DATA),
    Case("empty data", b"data=&ip=1", FORM, NO_DATA),
    Case("json with the type of a form", E),
    Case("form with the type of json", form(E), JSON),
    Case("form whose data is not first, with the type of json", b"ip=0&" + form(E), JSON),
    Case("json without a type", E, ()),
    Case("form without a type", form(E), ()),
    Case("json with a type that is none", E, ((b"Content-Type", b";;;"),)),
    Case("form with a type that is none", form(E), ((b"Content-Type", b";;;"),)),
    Case("another type of json", E, ((b"Content-Type", b"application/vnd.x+json"),)),
    Case("form with a charset", form(E), ((b"Content-Type", FORM[0][1] + b";charset=utf8"),)),
    Case("beacon", form(E), BEACON),
    Case("beacon of json", E, BEACON),
    Case("plain json in a form", b"data=" + quote_plus(E).encode()),
    Case("multipart", PARTS % B, ((b"Content-Type", MULTIPART + b"xyz"),)),
    Case("multipart, quoted boundary", PARTS % E, ((b"Content-Type", MULTIPART + b'"xyz"'),)),
    Case("multipart without a boundary", PARTS % B, ((b"Content-Type", MULTIPART),), NO_DATA),
    Case("multipart of nothing", b"", ((b"Content-Type", MULTIPART + b"xyz"),), NO_DATA),
    Case("gzip", gzip.compress(E), GZIP),
    Case("gzip, cut", gzip.compress(E)[:-4], GZIP, NO_GZIP),
    Case("gzip, garbage", b"\x1f\x8b\x08" + b"?" * 40, GZIP, NO_GZIP),
    Case("gzip, two members", gzip.compress(E[:9]) + gzip.compress(E[9:]), GZIP),
    Case("gzip, ten megabytes of blanks", gzip.compress(E + b" " * 10_000_000), GZIP),
    Case(
        "gzip, beyond the limit",
        gzip.compress(b" " * 10_500_000),
        GZIP,
        "request exceeds max limit of 10485760 bytes",
        status=413,
    ),
    Case("gzip that nobody announced", gzip.compress(E), FORM),
    Case("gzip that is none", E, GZIP, NO_GZIP),
    Case("lines", E + b"\n\r\n" + E + b"\r\n\n" + E, LINES, good=3),
    Case("lines, the last one ended", E + b"\n" + E + b"\n", LINES, good=2),
    Case("lines, one of them bad", E + b"\n{bad\n" + E, LINES, NO_JSON, good=2),
    Case("lines with the type of json", E + b"\n" + E, JSON, good=2),
    Case("lines with the type of a form", E + b"\n" + E, FORM, good=2),
    Case("a list with the type of lines", b"[%b,\n%b]" % (E, E), LINES, good=2),
    in_query("raw json in the query that holds &", b'{"a":"x;y&z"}', NO_JSON),
    in_query("raw json in the query that holds ;", E.replace(b"~~~", b"x;y")),
]
CASES = BASE64 + TEXTS + SHAPES + TIMES + PROFILES + PLACES


def asked(case: Case, more: str = "") -> Decision:
    target = case.target
    if more:
        target += ("&" if "?" in target else "?") + more
    method = b"GET" if case.body is None else b"POST"
    headers = (*case.headers, (b"Origin", b"http://app.example"))
    request = Request(method, target.encode("latin-1"), headers, case.body or b"")
    return answer(request, "203.0.113.9", NOW, SETTINGS)


def post(target: str, body: bytes, headers: Headers = JSON, peer: str = "203.0.113.9") -> Decision:
    return answer(Request(b"POST", target.encode(), headers, body), peer, NOW, SETTINGS)


def bodies(decision: Decision) -> list[Any]:
    return [json.loads(one.body) for one in decision.events]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_tricky_input_is_answered_plainly(case: Case) -> None:
    decision = asked(case)
    assert decision.stored.status == case.status
    assert decision.stored.body == (b"1" if case.count else b"0")
    ignored = case.name == "records to be ignored"
    assert len(decision.events) == (0 if ignored else case.count)
    for response in (decision.stored, decision.refused):
        assert header(response.headers, b"access-control-allow-origin") == b"http://app.example"
        assert header(response.headers, b"access-control-allow-credentials") == b"true"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_tricky_input_is_answered_verbosely(case: Case) -> None:
    decision = asked(case, "verbose=1")
    said = json.loads(decision.stored.body)
    assert (said["error"], said["status"]) == (case.error, 1 if case.count else 0)
    assert decision.stored.status == case.status


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_not_stored_goes_to_the_dead_letters(case: Case) -> None:
    decision = asked(case)
    assert [one.reason for one in decision.rejected][:1] == [case.error] * bool(case.error)
    assert {one.endpoint for one in decision.rejected} <= {case.target[1:].partition("?")[0]}


def test_every_name_in_the_table_is_there_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.xfail(reason="the cleaning takes U+0000 out of a token before it looks at it")
def test_a_token_with_nul_is_refused() -> None:
    decision = post("/track?verbose=1", event(token="T\0T"))
    assert json.loads(decision.stored.body)["error"] == "token, invalid"


# What is stored, where the answer alone does not tell.


def properties(decision: Decision) -> Any:
    return bodies(decision)[0]["properties"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (E.replace("~~~???>>>ûÿ".encode(), b"a\\ud83db"), "a\ufffdb"),
        (E.replace("~~~???>>>ûÿ".encode(), b"a\xfbb"), "a\ufffdb"),
        (E.replace('"~~~???>>>ûÿ"'.encode(), b"NaN"), None),
        (E.replace('"~~~???>>>ûÿ"'.encode(), b"1e999"), None),
        (E.replace('"~~~???>>>ûÿ"'.encode(), b"9" * 400), int("9" * 400)),
        (E.replace('"~~~???>>>ûÿ"'.encode(), b"12345678901234567890"), 12345678901234567890),
        (E.replace('"~~~???>>>ûÿ"'.encode(), b'1,"q":2'), 2),
    ],
    ids=["lone surrogate", "latin-1", "NaN", "1e999", "400 digits", "big", "twice"],
)
def test_an_odd_value_is_stored_as_json_can_hold_it(text: bytes, value: object) -> None:
    decision = post("/track", text)
    assert decision.stored.body == b"1"
    assert properties(decision)["q"] == value


@pytest.mark.parametrize(
    ("value", "stored"), [(13793, "13793"), (0, "0"), ("", ""), (12.0, "12.0")]
)
def test_a_person_is_text(value: object, stored: str) -> None:
    assert properties(post("/track", event(distinct_id=value)))["distinct_id"] == stored


@pytest.mark.parametrize("value", [True, [], {}])
def test_a_person_that_is_no_text_is_refused(value: object) -> None:
    decision = post("/track", event(distinct_id=value))
    assert (decision.events, decision.stored.body) == ((), b"0")


STRICT = {"$insert_id": "i1", "time": 1795232000}


@pytest.mark.parametrize(
    "text",
    [
        event(**STRICT).replace("û".encode(), b"\xfb"),
        event(**STRICT).replace("û".encode(), b"\\ud83d"),
        event(**STRICT).replace('"~~~???>>>ûÿ"'.encode(), b"NaN"),
        event(**STRICT | {"$insert_id": ""}),
        event(**STRICT | {"distinct_id": "undefined"}),
        event(**STRICT | {"time": 5}),
        event(**STRICT | {"time": NOW + 7200}),
        event(**STRICT | {"time": "yesterday"}),
        event(**STRICT | {"time": None}),
    ],
    ids=[
        "latin-1",
        "lone surrogate",
        "NaN",
        "no id",
        "nobody",
        "too old",
        "in the future",
        "text as time",
        "no time",
    ],
)
def test_a_strict_import_names_what_others_would_mend(text: bytes) -> None:
    decision = post("/import?strict=1", b"[%b,%b]" % (event(**STRICT), text))
    said = json.loads(decision.stored.body)
    assert decision.stored.status == 400
    assert [one["index"] for one in said["failed_records"]] == [1]
    assert said["num_records_imported"] == len(decision.events) == 1


def test_a_strict_import_tells_the_places_of_what_is_bad() -> None:
    text = b"[%b,{},null,%b,7]" % (event(**STRICT), event(**STRICT))
    said = json.loads(post("/import?strict=1", text).stored.body)
    assert [one["index"] for one in said["failed_records"]] == [1, 2, 4]
    assert said["failed_records"][0]["message"] == "'event' must not be missing or blank"


@pytest.mark.parametrize(
    ("target", "body", "name"),
    [
        ("/track?data={a}&data={b}", b"", "a"),
        ("/track?data={b}&data={a}", b"", "b"),
        ("/track?data=&data={b}", b"", "b"),
        ("/track", b"data={a}&data={b}", "a"),
        ("/track", b"data=&data={b}", "b"),
        ("/track?data={a}", b"data={b}", "b"),
        ("/track?data={a}", b"data=", "a"),
        ("/track?data={a}", b"ip=1", "a"),
    ],
)
def test_the_first_data_that_is_not_empty_counts_and_a_body_before_the_query(
    target: str, body: bytes, name: str
) -> None:
    for mark in ("a", "b"):
        data = quote_plus(base64.b64encode(named(mark)))
        target = target.replace(f"{{{mark}}}", data)
        body = body.replace(f"{{{mark}}}".encode(), data.encode())
    assert [one["event"] for one in bodies(post(target, body, FORM))] == [name]


def test_a_raw_body_wins_over_the_query_too() -> None:
    target = "/track?data=" + quote_plus(base64.b64encode(named("a")))
    assert [one["event"] for one in bodies(post(target, named("b")))] == ["b"]


def test_the_same_batch_twice_is_accepted_twice_under_the_same_ids() -> None:
    batch = b"[%b,%b]" % (event(**STRICT), event(**STRICT | {"$insert_id": "i2"}))
    first, second = post("/track", batch), post("/track", batch)
    assert first.stored.body == second.stored.body == b"1"
    ids = [one.id for one in first.events]
    assert ids == [one.id for one in second.events]
    assert len({*ids}) == 2
    assert b"" not in ids


def test_an_event_without_an_insert_id_is_never_taken_for_another() -> None:
    assert [one.id for one in post("/track", E).events] == [b""]


def test_events_of_one_person_have_one_key() -> None:
    batch = b"[%b,%b]" % (E, event(distinct_id="v"))
    assert [one.key for one in post("/track", batch).events] == [b"T:u", b"T:v"]


def test_the_address_behind_a_trusted_front_goes_to_the_cleaning() -> None:
    settings = replace(SETTINGS, proxies=TrustedProxies(hops=1))
    headers = (*JSON, (b"X-Forwarded-For", b"6.6.6.6, 198.51.100.7"))
    for more, seen in (("?ip=1", "198.51.100.7"), ("?ip=0", None), ("", None)):
        request = Request(b"POST", f"/track{more}".encode(), headers, E)
        decision = answer(request, "203.0.113.9", NOW, settings)
        assert properties(decision).get("ip") == seen
        assert bodies(decision)[0]["envelope"]["address"] == "198.51.100.7"


@pytest.mark.parametrize(
    ("policy", "kept"), [("keep", "203.0.113.9"), ("truncate", "203.0.113.0"), ("drop", None)]
)
def test_an_address_is_kept_as_the_operator_wants_it(policy: str, kept: str | None) -> None:
    settings = replace(SETTINGS, clean=cleaning(CleaningSettings(address=AddressPolicy(policy))))
    decision = answer(Request(b"POST", b"/track?ip=1", JSON, E), "203.0.113.9", NOW, settings)
    assert properties(decision).get("ip") == kept
    assert bodies(decision)[0]["envelope"].get("address") == kept


def test_a_record_of_too_many_properties_is_cut_or_named() -> None:
    many = event(**STRICT, **{f"p{number}": number for number in range(400)})
    assert len(properties(post("/track", many))) <= 260
    assert post("/import?strict=1", many).stored.status == 400


def test_a_record_of_more_than_a_megabyte_is_refused_and_the_others_are_stored() -> None:
    huge = event(**{f"p{number}": "x" * 6000 for number in range(200)})
    decision = post("/track?verbose=1", b"[%b,%b]" % (huge, E))
    assert len(decision.events) == 1
    assert json.loads(decision.stored.body)["error"] == "record, exceeds max of 1048576 bytes"
