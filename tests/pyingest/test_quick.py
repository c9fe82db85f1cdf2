"""The quick way never says other than the ordinary way: answers and messages, byte for byte."""

import base64
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.ingest_workload import requests
from pyingest.event import Event
from pyingest.ingest import ingest
from pyingest.later import MORE
from pyingest.quick import Quick
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, PROFILES, Profile
from pyingest.wire.requestreader import Arrived, Limits, RequestReader

NOW = 1311111111.9
LIMITS = Limits(head=20_000, body=20_000, headers=12)
FIXTURES = Path(__file__).parent.parent / "system" / "fixtures"
PEERS = ("127.0.0.1", "9.9.9.9", "10.1.2.3", "::1", "")

Told = tuple[list[Event], bytes, bytes]


class Way:
    """The quick way with its events kept."""

    def __init__(self, profile: Profile, *, stored: bool = True) -> None:
        self.events: list[Event] = []
        self._stored = stored
        self._quick = Quick(profile, Routes(), LIMITS, lambda: NOW, self._sink)

    def _sink(self, events: Sequence[Event], stored: bytes, refused: bytes) -> bytes:
        self.events += events
        return stored if self._stored else refused

    def tell(self, data: bytes, peer: str) -> tuple[list[Event], bytes] | None:
        """Return events and answer for *data*, or ``None`` where the quick way leaves it."""
        self.events = []
        answer = self._quick.answer(data, peer)
        if isinstance(answer, bytes):
            return self.events, answer
        assert answer in (None, MORE)
        assert not self.events
        return None


def slowly(data: bytes, peer: str, profile: Profile, *, stored: bool) -> tuple[list[Event], bytes]:
    """Return what the ordinary way makes of *data*, which must be one whole request."""
    [received] = RequestReader(LIMITS).feed(data)
    assert isinstance(received, Arrived)
    assert received.keep_alive
    assert received.request.version == b"1.1"
    decision = ingest(received.request, peer, NOW, profile, Routes())
    return list(decision.events), (decision.stored if stored else decision.refused).encode()


WAYS = {
    (name, stored): Way(profile, stored=stored)
    for name, profile in PROFILES.items()
    for stored in (True, False)
}


def agrees(data: bytes, peer: str = "9.9.9.9") -> int:
    """Compare the two ways, in each profile; return how often the quick one took *data*."""
    taken = 0
    for (name, stored), way in WAYS.items():
        told = way.tell(data, peer)
        if told is not None:
            assert told == slowly(data, peer, PROFILES[name], stored=stored)
            taken += 1
    return taken


def test_the_workload_of_the_benchmark_is_taken_and_agrees() -> None:
    for data in requests(400, seed=3):
        assert agrees(data, "127.0.0.1") == len(WAYS)


TARGETS = st.sampled_from(["/track", "/track/", "/engage", "/engage/", "/health", "/", "//track"])
FLAGS = st.sampled_from(
    [
        "ip=1", "ip=0", "ip=", "ip", "ip=2", "verbose=1", "verbose=0", "verbose=2", "verbose",
        "_=123", "_", "test=1", "img=1", "", "a;ip=1", "%69p=1", "i+p=1", "data=", "data=e30=",
        "data", "callback=f", "x#y", "b%20=1", "a=\xe9",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "Origin", "origin", "ORIGIN", "X-Forwarded-For", "x-forwarded-for", "Content-Type",
        "content-type", "Connection", "Expect", "Upgrade", "Transfer-Encoding", "Host", "Cookie",
        "Content-Length", "Content-Encoding",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    [
        "", " ", "1.2.3.4", "1.2.3.4, 5.6.7.8", "a, ", ",", "::1", "http://a", "null", "a\xffb",
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf8",
        "Application/x-www-form-urlencoded", "text/plain", "close", "keep-alive", "100-continue",
        "upgrade", "websocket", "chunked", "0", "3", '1.2.3.4"', "unknown", "1.2.3.4  ", "\u00e9",
    ]
)  # fmt: skip
FORM = ("Content-Type", "application/x-www-form-urlencoded")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1000, 1000).map(lambda number: round(number, 3))
    | st.text(max_size=8)
    | st.sampled_from(["\x7f", "\\", "\\x41", "\\\\x", "\U0001f600", "é", "\\U0001", "/", "\u2028"])
)
VALUE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "token": st.sampled_from(["T", "", None, 1]) | st.just("T"),
        "ip": SCALARS,
        "time": SCALARS,
        "x": VALUE,
        "é": VALUE,
    },
)
RECORD = (
    st.fixed_dictionaries(
        {"event": st.sampled_from(["e", "e", "", None]), "properties": PROPERTIES}
    )
    | st.fixed_dictionaries(
        {"$token": st.sampled_from(["T", ""]), "$distinct_id": SCALARS},
        optional={"$time": SCALARS, "$ip": SCALARS, "$set": VALUE},
    )
    | st.builds(lambda record: dict(reversed(record.items())), st.dictionaries(st.text(), VALUE))
    | VALUE
)
PAYLOAD = RECORD | st.lists(RECORD, max_size=3)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Give JSON as clients of every kind write it, and nearly JSON."""
    value = draw(PAYLOAD)
    text = json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (",", ":"), (", ", ": "), (" ,", " :")])),
    )
    how = draw(st.integers(0, 9))
    if how == 0:
        text = text.replace("/", "\\/").replace("\\u00e9", "\\u00E9")
    elif how == 1:
        text = text.replace('"event"', '"event":"a","event"').replace(
            '"token"', '"token":1,"token"'
        )
    elif how == 2:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from([" ", ",", "}", "1e5", "-0.0", "\n"])) + text[at:]
    return text.encode("utf-8", "surrogatepass")


@st.composite
def asked(draw: st.DrawFn) -> bytes:
    """Give a request, and perhaps spoil some of its bytes."""
    text = draw(texts())
    coded = base64.b64encode(text) if draw(st.integers(0, 4)) else text
    safe = draw(st.sampled_from(["", "", "/+=", "/="]))
    data = "data=" + quote_from_bytes(coded, safe)
    flags = draw(st.lists(FLAGS, max_size=3))
    pieces = [data, *flags] if draw(st.booleans()) else [*flags, data]
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=3))
    target = draw(TARGETS)
    if draw(st.booleans()):
        head, body = [f"GET {target}?{'&'.join(pieces)} HTTP/1.1"], ""
    else:
        query = draw(st.sampled_from(["", "?ip=1", "?verbose=1&_=1", "?data=e30="]))
        body = "&".join(pieces)
        head = [f"POST {target}{query} HTTP/1.1"]
        headers = [*headers, FORM, ("Content-Length", str(len(body)))]
    lines = [*head, *(f"{name}: {value}" for name, value in headers), "", body]
    return "\r\n".join(lines).encode("latin-1")


@settings(max_examples=600, deadline=None)
@given(asked(), st.sampled_from(PEERS))
def test_generated_requests_agree(data: bytes, peer: str) -> None:
    agrees(data, peer)


@settings(max_examples=400, deadline=None)
@given(asked(), st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=3)), max_size=3))
def test_spoilt_requests_agree(data: bytes, spots: list[tuple[int, bytes]]) -> None:
    for at, new in spots:
        at %= len(data)
        data = data[:at] + new + data[at + 1 :]
    agrees(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=12), st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00"]))
def test_line_ends_are_what_llhttp_says(piece: bytes, end: bytes) -> None:
    good = b"GET /track?data=e30=&verbose=1 HTTP/1.1\r\nHost: h\r\nOrigin: o\r\n\r\n"
    agrees(good.replace(b"Host: h\r\n", b"Host: h" + end + piece + b"\r\n"))
    agrees(good.replace(b"\r\n", end))
    agrees(good + end)
    agrees(end + good)


@pytest.mark.parametrize("name", ["divergent-requests.jsonl", "payloads.jsonl"])
def test_the_fixtures_agree(name: str) -> None:
    taken = 0
    for line in (FIXTURES / name).read_bytes().splitlines():
        for text in strings(json.loads(line)):
            data = quote_from_bytes(base64.b64encode(text.encode("utf-8", "surrogatepass")), "")
            taken += agrees(b"GET /track?data=%b&verbose=1 HTTP/1.1\r\n\r\n" % data.encode())
            taken += agrees(b"GET /engage?ip=1&data=%b HTTP/1.1\r\n\r\n" % data.encode())
    assert taken


def strings(value: Any) -> list[str]:
    """Return all texts in *value*."""
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in strings(item)]
        case dict():
            return [text for item in value.values() for text in strings(item)]
    return []


def test_base64_is_taken_only_where_erlang_takes_it() -> None:
    draw = random.Random(5)
    for _ in range(4_000):
        text = "".join(draw.choice("eyJ30=\n +-_A") for _ in range(draw.randrange(10)))
        agrees(
            b"GET /track?verbose=1&data=%b HTTP/1.1\r\n\r\n"
            % quote_from_bytes(text.encode()).encode()
        )


def test_a_second_later_the_time_is_another() -> None:
    clock = [NOW]
    told: list[Event] = []

    def sink(events: Sequence[Event], stored: bytes, refused: bytes) -> bytes:
        told.extend(events)
        return stored

    quick = Quick(MOCHIWEB, Routes(), LIMITS, lambda: clock[0], sink)
    event = quote_from_bytes(b'{"event":"e","properties":{"token":"T"}}').encode()
    request = b"GET /track?data=%b HTTP/1.1\r\n\r\n" % event
    answers = [quick.answer(request, ""), quick.answer(request, "")]
    clock[0] += 1
    answers.append(quick.answer(request, ""))
    assert answers[0] == answers[1] != answers[2]
    assert [event.body[-13:] for event in told] == [b":1311111111}}"] * 2 + [b":1311111112}}"]


@pytest.mark.parametrize(
    "data",
    [
        b"GET /track?data=e30= HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /track?data=e30= HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /track?data=e30= HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
        b"GET /track?data=e30= HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"GET /track?data=e30= HTTP/1.1\r\n" + b"a:\r\n" * 13 + b"\r\n",
        b"GET /track?data=e30=&" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /track?data=e30= HTTP/1.1\r\n\r\nGET /",
        b"GET /track?data=e30= HTTP/1.1\r\n\r\n" * 2,
        b"GET /track?data=e30= HTTP/1.1\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
        b"POST /track HTTP/1.1\r\nContent-Length: 8\r\n\r\ndata=e30",
        b"POST /track HTTP/1.1\r\nContent-Length: 8\r\nConnection: close\r\n\r\ndata=e30",
        b"HEAD /track?data=e30= HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
    ],
)
def test_uncommon_shapes_are_left_to_the_ordinary_way(data: bytes) -> None:
    way = Way(MOCHIWEB)
    assert way.tell(data, "9.9.9.9") is None
    # And the next request is read as if nothing had been.
    assert way.tell(b"GET /track?data=e30= HTTP/1.1\r\n\r\n", "9.9.9.9") is not None


def test_only_the_beginning_of_a_post_is_worth_waiting_for() -> None:
    quick = Quick(MOCHIWEB, Routes(), LIMITS, lambda: NOW, lambda events, stored, refused: stored)
    post = b"POST /track HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: 8\r\n\r\ndata=e30"
    post %= FORM[1].encode()
    for cut in range(6, len(post)):
        assert quick.answer(post[:cut], "") is MORE
    assert isinstance(quick.answer(post, ""), bytes)
    expecting = post.replace(b"\r\nContent-T", b"\r\nexpect: 100-continue\r\nContent-T")
    for nothing in (
        b"GET /track HTT",
        expecting[:-2],
        post + b"G",
        b"POST /tr x\r\n",
        post.replace(b"\r\nContent-T", b"\r\nConnection: close\r\nContent-T"),
        post.replace(b"1.1", b"1.0"),
        post * 2000,
        b"P",
    ):
        assert quick.answer(nothing, "") is None


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 2**53), st.integers(-20, 60), st.sampled_from([1.0, -1.0]))
@example(1_000_000, 0, 1.0)
@example(123_456_789, -15, -1.0)
@example(2**52 + 2**36 + 1, 49, 1.0)
def test_floats_with_few_binary_digits_agree(whole: int, shift: int, sign: float) -> None:
    # Among them are those halfway between two texts, which the two writers spell differently.
    event = {"event": "e", "properties": {"token": "T", "x": sign * whole / 2.0**shift}}
    data = base64.b64encode(json.dumps(event, separators=(",", ":")).encode())
    target = quote_from_bytes(data, safe="").encode()
    assert agrees(b"GET /track?data=%b HTTP/1.1\r\n\r\n" % target) == len(WAYS)
