"""Events that are odd, and what becomes of them: kept, mended, refused or dropped."""

import json
from typing import Any

import pytest

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.json_tolerant import decode
from pyingest.cleaning.record import Circumstances, Cleaned, Dropped, Refused
from pyingest.cleaning.settings import CleaningSettings
from pyingest.routing import Endpoint
from pyingest.wire.term import IllFormed, Object, Unreadable

NOW = 1795232500.5
SETTINGS = CleaningSettings(new_id=lambda: "7" * 32)
TRACK = Circumstances(Endpoint.TRACK, NOW)
STRICT = Circumstances(Endpoint.IMPORT, NOW, strict=True)
BAD_TIMES: tuple[Any, ...] = ("yesterday", "2011-03-13", [], False, float("nan"), 5, -5, 31535999)
GOOD = {"distinct_id": "u", "time": 1795232000, "$insert_id": "i-1"}


def event(**properties: Any) -> dict[str, Any]:
    return {"event": "e", "properties": {"token": "t"} | properties}


def result(record: Any, circumstances: Circumstances = TRACK) -> Any:
    return clean(record, circumstances, SETTINGS)


def body(record: Any, circumstances: Circumstances = TRACK) -> Any:
    outcome = result(record, circumstances)
    assert isinstance(outcome, Cleaned), outcome
    return json.loads(outcome.body)


def properties(record: Any, circumstances: Circumstances = TRACK) -> Any:
    return body(record, circumstances)["properties"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "event, missing"),
        (None, "event, missing"),
        ({"event": None, "properties": {"token": "t"}}, "event, missing"),
        ({"event": "", "properties": {"token": "t"}}, "event, missing"),
        ({"event": " \t", "properties": {"token": "t"}}, "event, missing"),
        ({"event": ["e"], "properties": {"token": "t"}}, "event, missing"),
        ({"properties": {"token": "t"}}, "event, missing"),
        ({"$token": "t", "$distinct_id": "d", "$set": {}}, "event, missing"),
        ({"event": "e"}, "token, missing or empty"),
        ({"event": "e", "properties": None}, "token, missing or empty"),
        ({"event": "e", "properties": []}, "properties, must be an object"),
        ({"event": "e", "properties": "x"}, "properties, must be an object"),
        (event(token=None), "token, missing or empty"),
        (event(token=" \n"), "token, missing or empty"),
        (event(token=True), "token, missing or empty"),
        (event(token="x" * 65), "token, invalid"),
        (event(token="x" * 10_000), "token, invalid"),
        (event(token="a\nb"), "token, invalid"),
        (event(distinct_id=True), "distinct_id, must be text or a number"),
        (event(distinct_id=["a"]), "distinct_id, must be text or a number"),
        (event(distinct_id={}), "distinct_id, must be text or a number"),
        ([event()], "data, must be an object or a list of objects"),
        (42, "data, must be an object or a list of objects"),
        ("text", "data, must be an object or a list of objects"),
        (True, "data, must be an object or a list of objects"),
        (Unreadable("bad line"), "data, invalid JSON"),
        (event(a="x" * 1_048_576), "record, exceeds max of 1048576 bytes"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_event_is_refused_for(record: Any, reason: str) -> None:
    outcome = result(record)
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason


def test_an_empty_record_to_import_is_missing_data() -> None:
    outcome = result({}, Circumstances(Endpoint.IMPORT, NOW))
    assert outcome.reason == "data, missing or empty"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"token": 12345}, {}),
        ({"distinct_id": 0}, {"distinct_id": "0"}),
        ({"distinct_id": 12.0}, {"distinct_id": "12.0"}),
        ({"distinct_id": 10**30}, {"distinct_id": str(10**30)}),
        ({"distinct_id": ""}, {"distinct_id": ""}),
        ({"distinct_id": None}, {}),
        ({"distinct_id": float("nan")}, {}),
        ({"distinct_id": "😀" * 300}, {"distinct_id": "😀" * 255}),
        ({"$distinct_id": 5}, {"distinct_id": "5"}),
        ({"distinct_id": "a", "$distinct_id": "b"}, {"distinct_id": "a", "$distinct_id": "b"}),
        ({"a" * 300: 1}, {"a" * 255: 1}),
        ({"\0a\ud800": "\0"}, {"a\ufffd": ""}),
        ({"bucket": 1, "_bucket": 2, "$bucket": 3}, {"_bucket": 2, "__bucket": 1, "___bucket": 3}),
        ({"a": float("inf")}, {"a": None}),
        ({"a": -(10**400)}, {"a": -(10**400)}),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, {"a": {"b": {"c": {"d": '{"e":1}'}}}}),
        ({"a": list(range(300))}, {"a": list(range(255))}),
        ({"a": ["x" * 255] * 40}, {"a": ["x" * 255] * 31}),
        ({"a": {str(n): n for n in range(300)}}, {"a": {str(n): n for n in range(255)}}),
        ({"$ignore": "", "$mp": None}, {"$ignore": "", "$mp": None}),
        ({"$ignore": False}, {"$ignore": False}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_properties_are_mended(given: Any, kept: Any) -> None:
    found = properties(event(**given))
    del found["time"], found["$insert_id"]
    assert found == kept


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        (1300000000, 1300000000),
        (1300000000.25, 1300000000.25),
        (1300000000000, 1300000000),
        (1300000000123, 1300000000.123),
        (1300000000123456, 1300000000.123456),
        (1300000000123.0, 1300000000.123),
        ("1300000000", 1300000000),
        (" 1300000000.5 ", 1300000000.5),
        ("1300000000123", 1300000000.123),
        ("2011-03-13T07:06:40Z", 1300000000),
        ("2011-03-13 08:06:40.5+01:00", 1300000000.5),
        ("2011-03-13T07:06:40", 1300000000),
        (-5, -5),
        (5, 5),
        (0, 0),
        (253370764800, 253370764.8),
        (None, NOW),
        (NOW + 1, NOW),
        (10**400, NOW),
        (1e300, NOW),
        ("9" * 400, NOW),
        (float("nan"), NOW),
        (float("-inf"), NOW),
        (True, NOW),
        ([], NOW),
        ({}, NOW),
        ("yesterday", NOW),
        ("0001-01-01T00:00:00+14:00", -62135647200),
        ("9999-12-31T23:59:59", NOW),
        ("", NOW),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_time_becomes_seconds_or_the_time_of_receipt(time: Any, stored: float) -> None:
    found = properties(event(time=time))["time"]
    assert (found, type(found)) == (stored, type(stored))


def test_a_time_that_is_none_is_kept_beside() -> None:
    assert body(event(time="yesterday"))["envelope"]["time"] == "yesterday"
    assert "time" not in body(event(time=NOW + 5))["envelope"]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"time": None}, "time", "'properties.time' is invalid: must not be missing"),
        ({"time": NOW + 3601}, "time", "'properties.time' is invalid: must not be in the future"),
        *(
            (
                {"time": bad},
                "time",
                "'properties.time' is invalid: must be specified as seconds since epoch",
            )
            for bad in BAD_TIMES
        ),
        (
            {"distinct_id": None},
            "distinct_id",
            "'properties.distinct_id' is invalid: must not be missing",
        ),
        *(
            (
                {"distinct_id": word},
                "distinct_id",
                "'properties.distinct_id' is invalid: must identify something",
            )
            for word in ("00000000-0000-0000-0000-000000000000", "n/a", "<nil>", "[]", "{}", 0, -1)
        ),
        (
            {"$insert_id": "undefined"},
            "$insert_id",
            "'properties.$insert_id' is invalid: must identify something",
        ),
        (
            {"$insert_id": None},
            "$insert_id",
            "'properties.$insert_id' is invalid: must not be missing",
        ),
        *(
            (
                {"$insert_id": bad},
                "$insert_id",
                "'properties.$insert_id' is invalid: must be 1 to 36 letters, digits or dashes",
            )
            for bad in ("x" * 37, "a b", "é", True, ["a"])
        ),
        ({"$bucket": 1}, "$bucket", "'properties.$bucket' is invalid: the name is reserved"),
        ({"a": "\udce9"}, "a", "properties.a is invalid: string should be valid utf8"),
        ({"b": [["\ud83d"]]}, "b", "properties.b is invalid: string should be valid utf8"),
        ({"é\ud83d": 1}, "é\ufffd", "properties.é\ufffd is invalid: string should be valid utf8"),
        ({"a": [float("nan")]}, "a", "'properties.a' is invalid: must be a finite number"),
        *(
            (
                {"a": bad},
                "a",
                "'properties.a' is invalid: must keep to the limits of number, size and depth",
            )
            for bad in ([[[[1]]]], [0] * 256, {str(n): 0 for n in range(256)}, ["x" * 200] * 50)
        ),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_strict_request_is_told_what_is_wrong(change: Any, field: str, message: str) -> None:
    outcome = result(event(**GOOD | change), STRICT)
    assert isinstance(outcome, Refused)
    assert (outcome.field, outcome.message) == ("properties." + field, message)
    assert outcome.token == "t"


def test_a_strict_request_is_told_of_a_missing_name_and_of_too_many_properties() -> None:
    outcome = result({"event": " ", "properties": {"token": "t"} | GOOD}, STRICT)
    assert (outcome.field, outcome.message) == ("event", "'event' must not be missing or blank")
    assert outcome.insert_id == "i-1"
    many = {str(n): n for n in range(256)}
    assert "limits" in result(event(**GOOD | many), STRICT).message
    assert isinstance(result(event(**GOOD), STRICT), Cleaned)


@pytest.mark.parametrize("time", [NOW + 3600, 31536000, 1300000000123, "1300000000"])
def test_a_strict_request_may_say(time: Any) -> None:
    assert isinstance(result(event(**GOOD | {"time": time, "distinct_id": ""}), STRICT), Cleaned)


def test_the_first_255_properties_stay_and_those_that_every_event_has() -> None:
    many = {str(n): n for n in range(400)} | GOOD
    assert properties(event(**many)) == {str(n): n for n in range(255)} | GOOD


def test_ignored_events_are_dropped_whatever_else_they_hold() -> None:
    for mark in ("bot", True):
        outcome = result(event(**{"$ignore": mark, "distinct_id": []}))
        assert outcome == Dropped("$ignore", "t", ("ignore",))


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"event": "$create_alias", "properties": {"distinct_id": 7, "alias": "b"}}, b"p:7"),
        (
            {
                "event": "$identify",
                "properties": {"$identified_id": "a", "$anon_id": "b", "distinct_id": "c"},
            },
            b"p:a",
        ),
        (
            {"event": "$identify", "properties": {"distinct_id": "a", "$anon_distinct_id": "b"}},
            b"p:a",
        ),
        ({"event": "$merge", "properties": {"$distinct_ids": ["x", 2]}}, b"p:x"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_events_that_join_identities_need_no_time_and_no_id(record: Any, key: bytes) -> None:
    here = Circumstances(Endpoint.IMPORT, NOW, strict=True, project="p")
    outcome = result(record, here)
    assert isinstance(outcome, Cleaned), outcome
    assert (outcome.token, outcome.id) == ("p", b"")
    assert outcome.key == key


@pytest.mark.parametrize(
    ("name", "held", "reason"),
    [
        ("$create_alias", {"alias": "b"}, "distinct_id, missing or empty"),
        ("$create_alias", {"distinct_id": "", "alias": "b"}, "distinct_id, missing or empty"),
        ("$create_alias", {"distinct_id": "a"}, "alias, missing or empty"),
        ("$identify", {"$anon_id": "b"}, "distinct_id, missing or empty"),
        ("$merge", {}, "$distinct_ids, must be a list of two ids"),
        ("$merge", {"$distinct_ids": ["a"]}, "$distinct_ids, must be a list of two ids"),
        ("$merge", {"$distinct_ids": ["a", None]}, "$distinct_ids, must be a list of two ids"),
    ],
)
def test_events_that_join_identities_need_their_ids(name: str, held: Any, reason: str) -> None:
    assert result({"event": name, "properties": {"token": "t"} | held}).reason == reason


def test_the_key_is_the_person_in_the_project_and_nobody_has_none() -> None:
    assert result(event(distinct_id=5)).key == b"t:5"
    assert result(event(distinct_id="é")).key == "t:é".encode()
    assert result(event()).key == b""


def test_a_repeat_is_known_by_the_ids_and_the_time_that_the_client_gave() -> None:
    first = result(event(**GOOD, a=1))
    assert len(first.id) == 32
    assert result(event(**GOOD, a=2)).id == first.id
    later = Circumstances(Endpoint.TRACK, NOW + 60)
    ahead = GOOD | {"time": NOW + 500}
    assert result(event(**ahead)).id == result(event(**ahead), later).id
    for change in ({"token": "other"}, {"distinct_id": "v"}, {"time": 1}, {"$insert_id": "i-2"}):
        assert result(event(**GOOD | change)).id != first.id
    assert result({**event(**GOOD), "event": "f"}).id != first.id


def test_a_made_id_marks_no_repeat_and_a_bad_one_is_hashed_and_does() -> None:
    made = result(event())
    assert (made.id, body(event())["envelope"]["insert_id_made"]) == (b"", True)
    for bad in ("x" * 40, "a b", "é"):
        hashed = result(event(**{"$insert_id": bad}))
        stored = json.loads(hashed.body)["properties"]["$insert_id"]
        assert (len(stored), len(hashed.id)) == (32, 32)
    long, longer = (result(event(**{"$insert_id": "x" * n})) for n in (300, 301))
    assert long.id != longer.id


def test_the_envelope_holds_what_the_server_knows_and_what_nobody_knows() -> None:
    here = Circumstances(Endpoint.IMPORT, NOW, "203.0.113.9", request_id="r-1")
    record = {**event(mp_lib="python", **{"$lib_version": "5.4.1"}), "id": 7, "x": float("nan")}
    envelope = body(record | {"$mp_metadata": {"a": 1}}, here)["envelope"]
    assert len(envelope.pop("content_hash")) == 32
    assert envelope == {
        "token": "t",
        "endpoint": "import",
        "received": NOW,
        "address": "203.0.113.9",
        "request_id": "r-1",
        "lib": "python 5.4.1",
        "insert_id_made": True,
        "other": {"id": 7, "x": None},
    }


def test_the_hash_of_the_content_is_that_of_the_record_as_it_came() -> None:
    one, same, other = (
        body(event(a=a), Circumstances(Endpoint.TRACK, NOW + n))["envelope"]["content_hash"]
        for n, a in ((0, 1), (9, 1), (0, 2))
    )
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"caf\xe9", "caf\ufffd"),
        (rb"\ud83d", "\ufffd"),
        (rb"a\u0000b", "ab"),
        (rb"\\u0000", r"\u0000"),
        (rb"\ud83d\ude00", "😀"),
    ],
)
def test_text_that_came_over_the_wire_is_mended(text: bytes, kept: str) -> None:
    record = decode(b'{"event":"e","properties":{"token":"t","a":"' + text + b'"}}')
    assert properties(record)["a"] == kept


def test_the_name_of_an_event_is_mended_too() -> None:
    assert body({**event(), "event": "\0é\ud800" + "x" * 300})["event"] == "é\ufffd" + "x" * 253
    assert body({**event(), "event": 42})["event"] == "42"


def test_values_of_the_other_decoders_are_taken() -> None:
    held = Object([("token", "t"), ("a", 1), (2, IllFormed(b"\xff")), ("a", 3)])
    found = properties(Object([("event", "e"), ("properties", held)]))
    assert (found["a"], found["2"]) == (3, "\ufffd")


def test_a_record_that_is_nested_too_deeply_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert result(event(a=value)).reason == "data, invalid JSON"
    while value:  # taken apart by hand: the interpreter would do it by recursion
        value = value[0]


@pytest.mark.parametrize("depth", [10, 200, 800, 900, 950, 1000])
def test_what_can_be_read_is_cleaned_or_refused_at_any_depth(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    record = decode(b'{"event":"e","properties":{"token":"t","a":' + text + b"}}")
    outcome = result(record)
    assert isinstance(outcome, Cleaned) or outcome.reason == "data, invalid JSON"


def test_what_came_with_the_request_may_be_any_text() -> None:
    here = Circumstances(Endpoint.TRACK, NOW, "\udcff", project="\udcff", request_id="\udcff")
    outcome = result({"event": "e", "properties": {}}, here)
    assert outcome.token == "\ufffd"
    assert json.loads(outcome.body)["envelope"]["address"] == "\ufffd"
