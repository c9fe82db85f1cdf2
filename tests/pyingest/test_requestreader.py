"""Bytes to requests: framing, limits, and what is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.message import Request
from pyingest.wire.requestreader import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    TARGET_TOO_LONG,
    Arrived,
    Continue,
    Limits,
    Received,
    RequestReader,
)


def read(*pieces: bytes, limits: Limits | None = None) -> list[Received]:
    reader = RequestReader(limits)
    return [received for piece in pieces for received in reader.feed(piece)]


GET = Arrived(Request(b"GET", b"/a", ((b"Host", b"h"),)), keep_alive=True)
CONVERSATION = (
    b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    b"POST /b?x HTTP/1.1\r\nX-a: 1\r\nx-A: 2\r\nContent-Length: 3\r\n\r\nabc"
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;ext=1\r\nab\r\n3 \r\ncde\r\n0\r\nT: 1\r\n\r\n"
    b"GET /d HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
    b"GET /e HTTP/1.1\r\nConnection: close\r\n\r\n"
)
REQUESTS = [
    GET,
    Arrived(
        Request(
            b"POST", b"/b?x", ((b"X-a", b"1"), (b"x-A", b"2"), (b"Content-Length", b"3")), b"abc"
        ),
        keep_alive=True,
    ),
    Arrived(
        Request(b"POST", b"/c", ((b"Transfer-Encoding", b"chunked"),), b"abcde"), keep_alive=True
    ),
    Arrived(
        Request(b"GET", b"/d", ((b"Connection", b"Keep-Alive"),), b"", b"1.0"), keep_alive=True
    ),
    Arrived(Request(b"GET", b"/e", ((b"Connection", b"close"),)), keep_alive=False),
]


@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=12))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(CONVERSATION)]
    assert read(*(CONVERSATION[a:b] for a, b in itertools.pairwise(edges))) == REQUESTS


def test_what_follows_a_last_request_is_ignored() -> None:
    assert read(CONVERSATION + b"GET /f HTTP/1.1\r\n\r\n", b"more") == REQUESTS


@pytest.mark.parametrize(
    "text",
    [
        b"GET /a HTTP/1.1\nHost: h\n\n",
        b"\r\n\r\nGET /a HTTP/1.1\r\nHost:h \r\n\r\n",
        b"GET  /a HTTP/1.1\r\nHost:   h\r\n\r\n",
    ],
)
def test_sloppy_clients_are_understood_as_mochiweb_does(text: bytes) -> None:
    assert read(text) == [GET]


@pytest.mark.parametrize("first", [b"Upgrade: websocket\r\nConnection: upgrade\r\n", b""])
def test_nothing_is_upgraded(first: bytes) -> None:
    method = b"GET /x" if first else b"CONNECT h:80"
    received = read(
        method + b" HTTP/1.1\r\n" + first + b"\r\n", b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    assert len(received) == 2
    assert received[1] == GET


@pytest.mark.parametrize(
    "text",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /a HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET /a HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"POST /a HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /a HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc",
        b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request_is_malformed_at_once(text: bytes) -> None:
    assert read(text, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n") == [BAD_REQUEST]


def test_requests_before_a_malformed_one_count() -> None:
    assert read(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n") == [GET, BAD_REQUEST]


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
SMALL = Limits(line=50, head=100, body=10, headers=3)


@pytest.mark.parametrize(
    ("pieces", "refusal"),
    [
        ((b"GET /" + b"a" * 50 + b" HTTP/1.1\r\n\r\n",), TARGET_TOO_LONG),
        ((b"GET /", b"a" * 30, b"a" * 30), TARGET_TOO_LONG),
        ((b"GET / HTTP/1.1\r\nA: ", b"a" * 60, b"a" * 60), HEAD_TOO_LARGE),
        ((b"GET / HTTP/1.1\r\nA: " + b"a" * 99 + b"\r\n\r\n",), HEAD_TOO_LARGE),
        ((b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 4 + b"\r\n",), HEAD_TOO_LARGE),
        ((b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n",), BODY_TOO_LARGE),
        ((b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n" + b"a" * 11,), BODY_TOO_LARGE),
        ((CHUNKED, b"9\r\n" + b"a" * 9 + b"\r\n2\r\naa"), BODY_TOO_LARGE),
        ((CHUNKED + b"0\r\nA: " + b"a" * 99 + b"\r\n\r\n",), HEAD_TOO_LARGE),
    ],
)
def test_a_request_beyond_a_limit_is_refused(pieces: tuple[bytes, ...], refusal: Received) -> None:
    assert read(*pieces, limits=SMALL) == [refusal]


@pytest.mark.parametrize(("size", "passes"), [(70, True), (71, False)])
def test_a_request_at_the_limits_passes(size: int, passes: bool) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 10\r\nA: %b\r\nB:\r\n\r\n" % (b"a" * size)
    (received,) = read(head, b"b" * 10, limits=SMALL)
    assert isinstance(received, Arrived) == passes


@pytest.mark.parametrize(("size", "passes"), [(50, True), (51, False)])
def test_a_target_at_its_limit_passes(size: int, passes: bool) -> None:
    (received,) = read(b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * (size - 1)), limits=SMALL)
    assert isinstance(received, Arrived) == passes


def test_a_body_over_the_limit_is_refused_before_a_client_is_told_to_send_it() -> None:
    assert read(EXPECTING.replace(b": 3", b": 11"), limits=SMALL) == [BODY_TOO_LARGE]


EXPECTING = b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n"


def test_a_client_that_waits_to_continue_is_noticed_once() -> None:
    received = read(EXPECTING, b"a", b"b", b"c")
    assert received[0] == Continue()
    assert [type(item) for item in received] == [Continue, Arrived]


def test_a_client_that_did_not_wait_needs_no_leave() -> None:
    assert [type(item) for item in read(EXPECTING + b"abc")] == [Arrived]
    assert [type(item) for item in read(EXPECTING.replace(b"1.1", b"1.0"), b"abc")] == [Arrived]


def test_the_reader_knows_whether_a_request_is_partly_read() -> None:
    reader = RequestReader()
    assert reader.between
    reader.feed(b"GET / HT")
    assert not reader.between
    reader.feed(b"TP/1.1\r\n\r\n")
    assert reader.between


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_no_bytes_make_the_reader_raise(pieces: list[bytes]) -> None:
    read(b"GET / HTTP/1.1\r\n", *pieces)
    read(*pieces)
    read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces)
