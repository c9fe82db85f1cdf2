"""Answers, read byte by byte or at once."""

import pytest

from replay.responsereader import Progress, ResponseReader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
CLOSING = b"HTTP/1.1 404 No\r\nContent-Length: 1\r\nConnection: close\r\n\r\n0"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\nabc"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "data", "progress", "status"),
    [
        (b"GET", OK, Progress.DONE, 200),
        (b"GET", CLOSING, Progress.DONE_AND_CLOSING, 404),
        (b"POST", CHUNKED, Progress.DONE, 200),
        (b"HEAD", HEAD, Progress.DONE, 200),
        (b"GET", INTERIM + OK, Progress.DONE, 200),
        (b"GET", EMPTY, Progress.DONE, 204),
        (b"GET", TO_THE_END, Progress.WAITING, 200),
        (b"GET", b"hello there\r\n", Progress.MALFORMED, 0),
    ],
    ids=["length", "closing", "chunked", "head", "interim", "empty", "until the end", "garbage"],
)
def test_answers_are_told_by_status_and_what_becomes_of_the_connection(
    method: bytes, data: bytes, progress: Progress, status: int
) -> None:
    whole, slow = ResponseReader(), ResponseReader()
    for reader in (whole, slow):
        reader.expect(method)
    assert whole.feed(data) is progress
    steps = [slow.feed(bytes([byte])) for byte in data]
    assert progress in steps
    assert steps[0] is Progress.WAITING or progress is Progress.MALFORMED
    assert (whole.status, slow.status) == (status, status)


def test_answers_of_one_connection_follow_each_other() -> None:
    reader = ResponseReader()
    for method, data in [(b"GET", OK), (b"HEAD", HEAD), (b"GET", CHUNKED), (b"GET", OK)]:
        reader.expect(method)
        assert reader.feed(data) is Progress.DONE


def test_end_of_the_connection_ends_an_answer_without_a_length() -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    assert reader.feed(TO_THE_END) is Progress.WAITING
    assert reader.end() is Progress.DONE_AND_CLOSING


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", OK[:-1], CHUNKED[:-2], INTERIM])
def test_end_of_the_connection_before_that_of_the_answer_is_no_answer(data: bytes) -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(data)
    assert reader.end() is Progress.WAITING
