"""The second opinion on framing: where a message ends, and what is none."""

import pytest

from shadow.doctor.framing import NotFramed, request_end, request_head, response_end

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUESTS = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"FOO * HTTP/1.0\r\nx-a:\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    CHUNKED + b"0\r\n\r\n",
    CHUNKED + b"3;a=b\r\nabc\r\n0A\r\n0123456789\r\n000;x\r\nT: 1\r\nU:\r\n\r\n",
]
NONE = [
    b" GET / HTTP/1.1\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    CHUNKED + b"0\r\nno colon\r\n\r\n",
]


@pytest.mark.parametrize("raw", REQUESTS)
def test_a_request_ends_at_its_last_byte_and_not_before(raw: bytes) -> None:
    assert request_end(raw + b"GET / HTTP/1.1\r\n\r\n") == len(raw)
    assert all(request_end(raw[:size]) is None for size in range(len(raw)))


@pytest.mark.parametrize("raw", NONE)
def test_what_the_grammar_does_not_allow_is_no_request(raw: bytes) -> None:
    with pytest.raises(NotFramed):
        request_end(raw)


def test_a_head_without_end_is_given_up() -> None:
    with pytest.raises(NotFramed, match="no end"):
        request_end(b"GET /" + b"a" * 300_000)


def test_a_head_keeps_its_lines_as_they_stood() -> None:
    head = request_head(b"GET /x HTTP/1.1\r\nA:  b \r\na:c\r\n\r\n")
    assert head is not None
    assert head.lines == (b"A:  b ", b"a:c")
    assert head.values(b"a") == [b"b", b"c"]


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("raw", "method", "end"),
    [
        (OK + b"Content-Length: 1\r\n\r\n12", b"GET", -1),
        (OK + b"Content-Length: 1\r\n\r\n", b"HEAD", 0),
        (b"HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\n", b"GET", 0),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"POST", 0),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nx", b"GET", -1),
    ],
)
def test_a_response_ends_where_its_head_says(raw: bytes, method: bytes, end: int) -> None:
    assert response_end(raw, method) == len(raw) + end


def test_a_response_without_a_length_ends_with_its_connection() -> None:
    raw = OK + b"\r\nabc"
    assert response_end(raw, b"GET") is None
    assert response_end(raw, b"GET", closed=True) == len(raw)
