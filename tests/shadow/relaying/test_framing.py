"""Where a request ends, and what is no request because two servers could read it in two ways."""

import tracemalloc

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shadow.relaying.framing import (
    WAITING,
    Begun,
    Found,
    FramingLimits,
    Refused,
    RequestFramer,
    Whole,
)

GET = b"GET /track?data=1 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /track HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = (
    b"POST /track HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"
)
SMALL = FramingLimits(head=500, kept=100)


def framed(data: bytes, size: int = 0, limits: FramingLimits | None = None) -> list[Found]:
    """Return what is found in *data*, given in pieces of *size* (0: at once), without ``None``."""
    framer = RequestFramer(limits or FramingLimits())
    found: list[Found] = []
    size = size or len(data) or 1
    for at in range(0, len(data), size):
        one = framer.feed(data[at : at + size])
        while one is not None:
            found.append(one)
            if isinstance(one, Refused | Begun):
                return found
            one = framer.following()
    return found


def messages(data: bytes, size: int = 0) -> list[bytes]:
    found = framed(data, size)
    assert all(isinstance(one, Whole) for one in found), [vars_of(one) for one in found]
    return [one.data for one in found if isinstance(one, Whole)]


def vars_of(one: Found) -> object:
    return one.why if isinstance(one, Refused) else one


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_requests_keep_every_byte_however_they_come(size: int) -> None:
    assert messages(GET + POST + CHUNKED + GET, size) == [GET, POST, CHUNKED, GET]


@pytest.mark.parametrize(
    "request_",
    [
        b"PURGE-me!# * HTTP/1.1\r\n\r\n",
        b"G\xc3\xa9T / HTTP/1.1\r\n\r\n".replace(b"\xc3\xa9", b"~"),
        b"GET /\xff\xfe?\xe2\x82\xac HTTP/1.0\r\nX-Name: \xc3\xa5\x85\r\n\r\n",
        b"GET / HTTP/1.1\r\nhOST:x\r\nX-Empty:\r\nX-Empty: \t\r\nx: a:b\r\n\r\n",
        b"POST / HTTP/1.0\r\nContent-Length: 003\r\n\r\nabc",
        b"POST / HTTP/1.1\r\ncontent-LENGTH:\t3 \r\n\r\nabc",
        b"HEAD / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_everybody_reads_alike_passes(request_: bytes) -> None:
    assert messages(request_ + GET, 5) == [request_, GET]


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
REFUSED = {
    "both length and coding": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "both, the other way round": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "one length twice": b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "a list of lengths": b"Content-Length: 3, 3\r\n\r\n",
    "a signed length": b"Content-Length: +3\r\n\r\n",
    "a negative length": b"Content-Length: -3\r\n\r\n",
    "a length in hexadecimals": b"Content-Length: 0x3\r\n\r\n",
    "a length with a point": b"Content-Length: 3.0\r\n\r\n",
    "a length with an underscore": b"Content-Length: 1_0\r\n\r\n",
    "a length of other digits": b"Content-Length: \xc2\xb2\r\n\r\n",
    "no length at all": b"Content-Length:\r\n\r\n",
    "a length beyond all numbers": b"Content-Length: 9999999999999999999\r\n\r\n",
    "a folded length": b"Content-Length: 1\r\n 0\r\n\r\n",
    "a folded line": b"X: a\r\n b\r\n\r\n",
    "a folded line with a tab": b"X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n",
    "a line that begins with a blank": b" X: a\r\n\r\n",
    "a blank before the colon": b"Content-Length : 3\r\n\r\n",
    "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n\r\n",
    "a line without a colon": b"Content-Length\r\n\r\n",
    "a line without a name": b": 3\r\n\r\n",
    "a name beyond ASCII": b"Content-Length\xa0: 3\r\n\r\n",
    "a bare LF": b"X: a\nContent-Length: 3\r\n\r\n",
    "a bare CR": b"X: a\rContent-Length: 3\r\n\r\n",
    "a bare CR before the end": b"X: a\r\r\n\r\n",
    "a NUL": b"X: a\0b\r\n\r\n",
    "a vertical tab": b"Transfer-Encoding:\x0bchunked\r\n\r\n",
    "a form feed": b"Transfer-Encoding: chunked\x0c\r\n\r\n",
    "a DEL": b"X: \x7f\r\n\r\n",
    "ends of LF alone": b"X: a\n\n",
    "an end of LF alone": b"X: a\r\n\n",
    "another coding": b"Transfer-Encoding: gzip\r\n\r\n",
    "another coding before": b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\n",
    "no coding": b"Transfer-Encoding:\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked with a comma": b"Transfer-Encoding: chunked,\r\n\r\n",
    "chunked with a parameter": b"Transfer-Encoding: chunked;q=1\r\n\r\n",
    "chunked in quotes": b'Transfer-Encoding: "chunked"\r\n\r\n',
    "chunked and something": b"Transfer-Encoding: xchunked\r\n\r\n",
    "chunked and a blank beyond ASCII": b"Transfer-Encoding: chunked\xa0\r\n\r\n",
}


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED.keys())
def test_a_head_that_may_be_read_in_two_ways_is_refused(lines: bytes, size: int) -> None:
    (refused,) = framed(HEAD + lines, size)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.reason) == (400, "Bad Request")


@pytest.mark.parametrize(
    "line",
    [
        b"GET  / HTTP/1.1",
        b"GET /\tHTTP/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/1.2",
        b"GET / HTTP/2.0",
        b"GET / HTTP/01.1",
        b"GET / HTTP/1.10",
        b"GET /",
        b"GET / HTTP/1.1\rX: y",
        b"G(T / HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
        b"\x16\x03\x01\x02",
        b"GET /\x7f HTTP/1.1",
        b"no such thing",
    ],
)
def test_a_request_line_that_is_none_is_refused(line: bytes) -> None:
    (refused,) = framed(line + b"\r\nHost: x\r\n\r\n")
    assert isinstance(refused, Refused)
    assert refused.status == 400


def test_a_coding_in_http_1_0_is_refused() -> None:
    (refused,) = framed(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(
    "chunks",
    [
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"3 ;a\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabcXX0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3;a\0\r\nabc\r\n0\r\n\r\n",
        b"3;a\nabc\r\n0\r\n\r\n",
        b"g\r\n\r\n",
        b"\r\n\r\n",
        b"1_0\r\n",
        b"10000000000000000\r\n",
        b"0\r\nX: a\n\r\n",
        b"0\r\n X: a\r\n\r\n",
        b"0\r\nX : a\r\n\r\n",
        b"0\r\nno trailer\r\n\r\n",
        b"0\r\n\n",
        b"3;" + b"a" * 5000,
        b"0\r\n" + b"X: a\r\n" * 1000,
    ],
)
@pytest.mark.parametrize("size", [0, 1])
def test_chunks_that_may_be_read_in_two_ways_are_refused(chunks: bytes, size: int) -> None:
    found = framed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, size)
    assert len(found) == 1
    assert isinstance(found[0], Refused)


def test_nothing_behind_a_refusal_is_read() -> None:
    found = framed(b"bad\r\n\r\n" + GET + GET)
    assert len(found) == 1


def test_empty_lines_before_a_request_are_dropped() -> None:
    assert messages(b"\r\n\r\n" + GET + b"\r\n" + POST + b"\r\n", 1) == [GET, POST]


def test_after_empty_lines_nothing_has_begun() -> None:
    framer = RequestFramer(FramingLimits())
    framer.feed(b"\r\n")
    assert framer.between


@pytest.mark.parametrize("size", [0, 1, 50])
def test_a_head_without_end_is_refused(size: int) -> None:
    data = b"GET / HTTP/1.1\r\nX: " + b"y" * 1000
    (refused,) = framed(data, size, SMALL)
    assert isinstance(refused, Refused)
    assert refused.status == 431
    (again,) = framed(data + b"\r\n\r\n", size, SMALL)
    assert isinstance(again, Refused)


def test_a_body_of_known_length_is_passed_on_at_once_if_it_is_too_large() -> None:
    framer = RequestFramer(SMALL)
    begin = b"POST / HTTP/1.1\r\nContent-Length: 300\r\n\r\n"
    found = framer.feed(begin + b"a" * 10)
    assert isinstance(found, Begun)
    assert found.data == begin + b"a" * 10
    assert framer.rest(b"a" * 200) == 200
    assert not framer.rest_ended
    assert framer.rest(b"a" * 90 + GET) == 90
    assert framer.rest_ended
    following = framer.following()
    assert isinstance(following, Whole)
    assert following.data == GET


def test_a_chunked_body_is_passed_on_from_where_it_is_too_large() -> None:
    framer = RequestFramer(SMALL)
    begin = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"40\r\n" + b"a" * 64 + b"\r\n"
    assert framer.feed(begin + chunk) is None
    found = framer.feed(chunk)
    assert isinstance(found, Begun)
    assert found.data == begin + chunk * 2
    assert framer.rest(chunk) == len(chunk)
    assert framer.rest(b"0\r\n\r\n" + GET) == 5
    assert framer.rest_ended


def test_a_large_body_that_breaks_its_chunks_is_refused() -> None:
    framer = RequestFramer(SMALL)
    begin = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert isinstance(framer.feed(begin + b"80\r\n" + b"a" * 128), Begun)
    assert isinstance(framer.rest(b"X"), Refused)


def test_a_body_that_drips_in_is_kept_at_about_its_size() -> None:
    framer = RequestFramer(FramingLimits())
    size = 40_000
    framer.feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (2 * size + 1))
    pieces = [b"%02d" % (number % 100) for number in range(100)]
    tracemalloc.start()
    for number in range(size):
        assert framer.feed(pieces[number % 100][:1] + b"x") is None
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert framer.held > 2 * size
    assert kept < 4 * size


EXPECTING = b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n"


def test_a_client_that_waits_to_be_told_is_found() -> None:
    framer = RequestFramer(FramingLimits())
    assert framer.feed(EXPECTING) is WAITING
    whole = framer.feed(b"abc")
    assert isinstance(whole, Whole)
    assert whole.data == EXPECTING + b"abc"


def test_a_client_that_has_begun_its_body_does_not_wait() -> None:
    assert [type(one) for one in framed(EXPECTING + b"abc")] == [Whole]
    assert framed(EXPECTING + b"a") == []
    assert framed(EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0")) == []


@pytest.mark.parametrize(
    ("lines", "keeps"),
    [
        (b"HTTP/1.1\r\n", True),
        (b"HTTP/1.1\r\nConnection: close\r\n", False),
        (b"HTTP/1.1\r\nconnection: x, CLOSE\r\n", False),
        (b"HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n", False),
        (b"HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n", False),
        (b"HTTP/1.0\r\n", False),
        (b"HTTP/1.0\r\nConnection: Keep-Alive\r\n", True),
        (b"HTTP/1.0\r\nConnection: close, keep-alive\r\n", False),
        (b"HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n", False),
    ],
)
def test_whether_a_connection_stays(lines: bytes, keeps: bool) -> None:
    (found,) = framed(b"GET / " + lines + b"\r\n")
    assert isinstance(found, Whole)
    assert found.head.keeps is keeps


# Against llhttp.


class Reference:
    """llhttp in its strict mode: bodies and methods of what it accepts, or ``None``."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.methods: list[bytes] = []
        self._body = b""
        self._parser = httptools.HttpRequestParser(self)

    def read(self, data: bytes) -> bool:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return True

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self.bodies.append(self._body)
        self.methods.append(self._parser.get_method())


PIECES = [
    GET,
    POST,
    CHUNKED,
    b"POST / HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"Host: x\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length:5\r\n",
    b"Content-Length : 5\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: 5,5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding:chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"X: \xe4\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"5\r\nhello\r\n",
    b"5;x=y\r\nhello\r\n",
    b"5 \r\nhello\r\n",
    b"005\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX-T: 1\r\n\r\n",
    b"hello",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
]
STREAMS = st.lists(
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), min_size=1, max_size=9
).map(b"".join)


@given(STREAMS, st.integers(1, 40))
@example(POST + GET, 3)
@example(CHUNKED + POST, 1)
@settings(max_examples=1500, deadline=None)
def test_what_both_take_ends_at_the_same_place_for_llhttp(stream: bytes, size: int) -> None:
    found = framed(stream, size)
    ours = [one for one in found if isinstance(one, Whole)]
    assert [one.data for one in framed(stream) if isinstance(one, Whole)] == [
        one.data for one in ours
    ]
    # Each of our requests is, alone, for llhttp exactly one request, if it takes it.
    for one in ours:
        reference = Reference()
        if reference.read(one.data):
            assert len(reference.bodies) == 1
            assert reference.methods == [one.head.method]
            body = one.data[one.head.end :]
            assert len(reference.bodies[0]) <= len(body)
            assert one.head.chunked or reference.bodies[0] == body


@given(STREAMS)
@settings(max_examples=1500, deadline=None)
def test_llhttp_finds_as_many_requests_as_we_in_what_both_take(stream: bytes) -> None:
    found = framed(stream)
    reference = Reference()
    closes = any(isinstance(one, Whole) and not one.head.keeps for one in found)
    refused = any(isinstance(one, Refused) for one in found)
    if not refused and not closes and reference.read(stream):
        assert len(reference.bodies) == sum(isinstance(one, Whole) for one in found)
