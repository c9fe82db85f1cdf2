"""What a choice sticks to."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.message import Request
from shadow.isolating import sticky
from shadow.isolating.sticky import NOBODY, Person, Sticky, person, sticky_key

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
JSON = ((b"content-type", b"application/json"),)
ANN = Person(b"tok", b"ann")


def event(distinct_id: Any = "ann", token: Any = "tok") -> dict[str, Any]:
    return {"event": "seen", "properties": {"token": token, "distinct_id": distinct_id, "n": 1.5}}


def coded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def got(data: str, rest: str = "") -> Request:
    return Request(b"GET", f"/track/?data={data}{rest}".encode())


def posted(body: str | bytes, headers: tuple[tuple[bytes, bytes], ...] = FORM) -> Request:
    return Request(
        b"POST", b"/track?ip=1", headers, body if isinstance(body, bytes) else body.encode()
    )


SPELLINGS = {
    "base64 in the query": got(quote_plus(coded(event()))),
    "with flags and a number against caches": got(coded(event()), "&ip=1&verbose=1&_=1700000000"),
    "data comes last": Request(b"GET", b"/track?verbose=1&data=" + coded(event()).encode()),
    "JSON in the query": got(quote(json.dumps(event()))),
    "a form": posted(f"data={quote_plus(coded(event()))}&verbose=1"),
    "a form of JSON": posted("data=" + quote_plus(json.dumps(event()))),
    "a list of two persons": posted("data=" + quote_plus(coded([event(), event("bob")]))),
    "JSON as the body": posted(json.dumps([event()]), JSON),
    "compressed": posted(gzip.compress(json.dumps(event()).encode()), JSON),
    "lines": posted(
        json.dumps(event()) + "\n" + json.dumps(event("bob")),
        ((b"content-type", b"application/x-ndjson"),),
    ),
    "URL-safe base64 without padding": got(coded(event()).translate({43: 45, 47: 95}).rstrip("=")),
    "escapes": got(quote(json.dumps(event()).replace("ann", "\\u0061nn"))),
    "a trailing comma": got(quote(json.dumps(event())[:-1] + ",}")),
    "cut off": got(quote(json.dumps(event())[:-2])),
    "a profile": got(quote(json.dumps({"$token": "tok", "$distinct_id": "ann", "$set": {}}))),
    "no record at all": Request(b"GET", b"/decide?token=tok&distinct_id=ann"),
}


@pytest.mark.parametrize("request_", SPELLINGS.values(), ids=SPELLINGS)
def test_a_person_is_found_however_the_request_is_written(request_: Request) -> None:
    assert person(request_) == ANN


@pytest.mark.parametrize("request_", SPELLINGS.values(), ids=SPELLINGS)
def test_the_key_of_a_person_does_not_depend_on_the_spelling(request_: Request) -> None:
    assert sticky_key(request_, Sticky.PERSON) == b"tok\0ann"
    assert sticky_key(request_, Sticky.TOKEN) == b"tok"


def test_a_number_and_its_digits_are_one_person() -> None:
    assert person(got(coded(event(7)))) == person(got(coded(event("7"))))
    assert person(got(coded(event(10**30)))).distinct_id == b"1" + b"0" * 30


def test_a_person_in_a_nested_value_is_not_the_one() -> None:
    nested = {
        "event": "e",
        "properties": {"before": {"distinct_id": "bob"}, **event()["properties"]},
    }
    assert person(got(coded(nested))) == ANN


FILL = [{"event": "e", "properties": {"distinct_id": f"p{n}", "x": "y" * 90}} for n in range(4_000)]
LONG = json.dumps([event(), *FILL]).encode()
LARGE = {
    "JSON": posted(LONG, JSON),
    "lines": posted(
        b"\n".join(json.dumps(one).encode() for one in [event(), *FILL]),
        ((b"content-type", b"application/x-ndjson"),),
    ),
    "a form": posted(b"data=" + base64.b64encode(LONG)),
    "a form, encoded": posted(b"data=" + quote_plus(base64.b64encode(LONG)).encode()),
    "a form of JSON": posted(b"data=" + quote_plus(LONG).encode()),
    "compressed": posted(gzip.compress(LONG), JSON),
    "a form, compressed": posted(gzip.compress(b"data=" + base64.b64encode(LONG))),
    "a query": Request(b"GET", b"/track?data=" + base64.b64encode(LONG[:90_000])),
    "more than memory": posted(gzip.compress(LONG + bytes(50_000_000)), JSON),
}


@pytest.mark.parametrize("request_", LARGE.values(), ids=LARGE)
def test_of_a_large_request_only_the_beginning_is_looked_at(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    decode = sticky._of_json

    def look(text: bytes) -> Person:
        looked.append(len(text))
        return decode(text)

    monkeypatch.setattr(sticky, "_of_json", look)
    assert person(request_) == ANN
    assert max(looked) <= sticky.LOOKED_AT


NOTHING = {
    "nothing": Request(b"GET", b"/track"),
    "empty": got(""),
    "no base64": got("%00%ff!"),
    "no object": got(coded(5)),
    "an empty list": got(coded([])),
    "null": got(coded(event(None, None))),
    "not gzip": posted(b"\x1f\x8b no", JSON),
    "an upload": posted(b"\x00" * 50, ((b"content-type", b"application/octet-stream"),)),
}


@pytest.mark.parametrize("request_", NOTHING.values(), ids=NOTHING)
def test_where_nobody_is_found_the_request_decides_itself(request_: Request) -> None:
    assert person(request_) == NOBODY
    itself = sticky_key(request_, Sticky.REQUEST)
    assert sticky_key(request_, Sticky.PERSON) == sticky_key(request_, Sticky.TOKEN) == itself


def test_the_same_id_in_two_projects_is_two_persons() -> None:
    one, other = (got(coded(event(token=token))) for token in ("a", "b"))
    assert sticky_key(one, Sticky.PERSON) != sticky_key(other, Sticky.PERSON)


TEXT = st.text(min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(TEXT | st.integers(), TEXT, st.booleans(), st.booleans())
def test_any_id_is_found_alike_in_query_form_and_body(
    distinct_id: str | int, token: str, ascii_: bool, listed: bool
) -> None:
    value = event(distinct_id, token)
    text = json.dumps([value] if listed else value, ensure_ascii=ascii_).encode(
        "utf-8", "surrogatepass"
    )
    data = base64.b64encode(text)
    wanted = Person(token.encode(), str(distinct_id).encode())
    requests = [
        Request(b"GET", b"/track?data=" + data),
        Request(b"GET", b"/track?data=" + quote(text).encode()),
        posted(b"data=" + quote_plus(data).encode()),
        posted(text, JSON),
    ]
    assert {person(one) for one in requests} == {wanted}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.sampled_from([(), FORM, JSON]))
def test_no_bytes_make_it_raise(
    target: bytes, body: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    for request in (
        Request(b"POST", b"/track?data=" + target, headers, body),
        Request(b"GET", target),
    ):
        assert isinstance(sticky_key(request, Sticky.PERSON), bytes)
