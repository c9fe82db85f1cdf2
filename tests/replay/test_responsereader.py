"""Bytes to responses."""

import pytest

from replay.responsereader import NotHttp, ResponseReader, Whole

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n1"


def read(data: bytes, method: bytes = b"GET") -> Whole | NotHttp | None:
    reader = ResponseReader()
    reader.expect(method)
    return reader.feed(data)


def test_an_answer_is_read_with_its_headers_in_order() -> None:
    whole = read(PLAIN)
    assert isinstance(whole, Whole)
    assert whole.response.headers == ((b"Content-Type", b"text/plain"), (b"Content-Length", b"1"))
    assert (whole.response.status, whole.response.body, whole.keep_alive) == (200, b"1", True)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_an_answer_may_come_in_pieces(size: int) -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    found = [reader.feed(PLAIN[at : at + size]) for at in range(0, len(PLAIN), size)]
    assert isinstance(found[-1], Whole)
    assert set(found[:-1]) == {None}


def test_answers_follow_each_other_on_one_connection() -> None:
    reader = ResponseReader()
    for _ in range(3):
        reader.expect(b"GET")
        assert isinstance(reader.feed(PLAIN), Whole)


def test_a_chunked_answer_is_joined() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = read(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert isinstance(whole, Whole)
    assert whole.response.body == b"abcde"


def test_an_answer_to_head_ends_with_its_head() -> None:
    reader = ResponseReader()
    for _ in range(2):
        reader.expect(b"HEAD")
        whole = reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
        assert isinstance(whole, Whole)
        assert whole.response.body == b""


def test_an_interim_answer_is_skipped() -> None:
    whole = read(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)
    assert isinstance(whole, Whole)
    assert whole.response.status == 200


def test_the_end_of_the_connection_ends_an_answer_without_length() -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    whole = reader.end()
    assert isinstance(whole, Whole)
    assert (whole.response.body, whole.keep_alive) == (b"hello", False)


def test_the_end_of_the_connection_does_not_end_an_answer_with_length() -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(PLAIN[:-1])
    assert reader.end() is None


def test_a_closing_answer_says_so() -> None:
    whole = read(PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert isinstance(whole, Whole)
    assert not whole.keep_alive


@pytest.mark.parametrize(
    "more",
    [
        b"HTTP/1.1 500 No\r\nX: y\r\nContent-Length: 1\r\n\r\n0",
        b"HTTP/1.1 408",
        b"garbage",
        b"1",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_what_follows_an_answer_unasked_changes_nothing_and_ends_the_connection(
    method: bytes, more: bytes
) -> None:
    whole = read((PLAIN if method == b"GET" else PLAIN[:-1]) + more, method)
    assert isinstance(whole, Whole)
    assert (whole.response.status, whole.response.reason) == (200, b"OK")
    assert len(whole.response.headers) == 2
    assert whole.response.body == (b"1" if method == b"GET" else b"")
    assert not whole.keep_alive


def test_an_answer_without_end_is_given_up() -> None:
    reader = ResponseReader(longest=1000)
    reader.expect(b"GET")
    found = reader.feed(b"HTTP/1.1 200 OK\r\n")
    for _ in range(20):
        found = found or reader.feed(b"X: %b\r\n" % (b"y" * 100))
    assert isinstance(found, NotHttp)


def test_the_bound_is_for_each_answer_anew() -> None:
    reader = ResponseReader(longest=100)
    for _ in range(10):
        reader.expect(b"GET")
        assert isinstance(reader.feed(PLAIN), Whole)


@pytest.mark.parametrize("garbage", [b"SSH-2.0-x\r\n", b"\x00\x01\x02", b"HTTP/1.1 xyz\r\n\r\n"])
def test_garbage_is_no_answer(garbage: bytes) -> None:
    assert isinstance(read(garbage), NotHttp)
