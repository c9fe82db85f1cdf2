"""What a Kestrel server hears, cut out of bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.queues.kestrel_requests import (
    LONGEST_LINE,
    Confirm,
    Get,
    Malformed,
    Monitor,
    OnQueue,
    OnServer,
    Request,
    RequestReader,
    Set,
    TooLarge,
)

KEPT = Malformed(final=False)
CASES: list[tuple[bytes, Request]] = [
    (b"set q 0 0 3\r\nabc\r\n", Set("q", b"abc")),
    (b"SET q 0 0 0\n\r\n", Set("q", b"")),
    (b"set q 7 -1 2 noreply\r\n\r\nXY", Set("q", b"\r\n")),
    (b"set q 0 0 99\r\n" + b"x" * 99 + b"\r\n", TooLarge("q")),
    (b"set q 0 0\r\n", KEPT),
    (b"set q 0 0 x\r\n", Malformed()),
    (b"set q 0 0 -1\r\n", Malformed()),
    (b"set a/b 0 0 1\r\nx\r\n", Malformed()),
    (b"set a.b 0 0 1\r\nx\r\n", Malformed()),
    (b"set q+c 0 0 1\r\nx\r\n", Malformed()),
    (b"add q 0 0 1\r\nx\r\n", Malformed()),
    (b"get q\r\n", Get("q")),
    (b"gets Q more keys\r\n", Get("Q")),
    (b"get q/t=500\r\n", Get("q", 0.5)),
    (b"get q+c/close/t=20/open/unknown\r\n", Get("q+c", 0.02, opening=True, closing=True)),
    (b"get q/t=\r\n", Get("q")),
    (b"get q/abort\r\n", Get("q", aborting=True)),
    (b"get q/peek/t=1000\r\n", Get("q", 1.0, peeking=True)),
    (b"get q/peek/open\r\n", Malformed()),
    (b"get q/abort/close\r\n", Malformed()),
    (b"get /open\r\n", Malformed()),
    (b"get q/t=x\r\n", Malformed()),
    (b"get\r\n", KEPT),
    (b"monitor q 5\r\n", Monitor("q", 5.0, None)),
    (b"monitor q 5 10\r\n", Monitor("q", 5.0, 10)),
    (b"monitor q\r\n", KEPT),
    (b"confirm q 3\r\n", Confirm("q", 3)),
    (b"confirm q x\r\n", Malformed()),
    (b"delete q\r\n", OnQueue("delete", "q")),
    (b"flush q+c\r\n", OnQueue("flush", "q+c")),
    (b"flush\r\n", KEPT),
    (b"flush_all\r\n", OnServer("flush_all")),
    (b"stats\r\n", OnServer("stats")),
    (b"dump_stats a b\r\n", OnServer("dump_stats", ("a", "b"))),
    (b"quit\n", OnServer("quit")),
    (b"incr q 1\r\n", Malformed()),
    (b"\r\n", Malformed()),
    (b"GET / HTTP/1.1\r\n", Malformed()),
]


@pytest.mark.parametrize(("data", "request_"), CASES, ids=[repr(data)[:40] for data, _ in CASES])
def test_a_request_is_understood(data: bytes, request_: Request) -> None:
    assert RequestReader(98).feed(data) == [request_]


@given(st.lists(st.integers(0, 60), max_size=8))
def test_the_places_where_bytes_are_cut_do_not_matter(cuts: list[int]) -> None:
    data = b"set q 0 0 3\r\na\nb\r\nset q 0 0 9\r\n123456789\r\nget q/open\r\nversion\r\n"
    whole = RequestReader(5).feed(data)
    reader = RequestReader(5)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found: list[Request] = []
    for start, end in pairwise(places):
        found += reader.feed(data[start:end])
    expected = [Set("q", b"a\nb"), TooLarge("q"), Get("q", opening=True), OnServer("version")]
    assert found == whole == expected


def test_nothing_is_heard_after_a_final_error() -> None:
    reader = RequestReader(10)
    assert reader.feed(b"nonsense\r\nget q\r\n") == [Malformed()]
    assert reader.feed(b"get q\r\n") == []


def test_a_line_without_an_end_is_given_up() -> None:
    assert RequestReader(10).feed(b"x" * (LONGEST_LINE + 1)) == [Malformed()]


def test_too_large_a_message_is_not_kept_in_memory() -> None:
    reader = RequestReader(10)
    reader.feed(b"set q 0 0 1000000\r\n")
    for _ in range(99):
        assert reader.feed(b"x" * 10_000) == []
        assert len(reader._buffer) == 0
    assert reader.feed(b"x" * 10_000 + b"\r\nget q\r\n") == [TooLarge("q"), Get("q")]
