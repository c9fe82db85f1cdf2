"""Where bodies end, and what chunks hold."""

from hypothesis import given
from hypothesis import strategies as st

from shadow.relaying.bodies import Chunked, Sized, UntilClosed, unchunked

CHUNKS = st.lists(
    st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from([b"", b";a=b", b';x="; y"']))
)


def coded(chunks: list[tuple[bytes, bytes]], trailers: bytes = b"") -> bytes:
    parts = [b"%x%b\r\n%b\r\n" % (len(data), more, data) for data, more in chunks]
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


@given(CHUNKS, st.sampled_from([b"", b"X-T: 1\r\n", b"A:\r\nB: c\r\n"]), st.integers(1, 20))
def test_chunks_end_where_they_end_however_they_come(
    chunks: list[tuple[bytes, bytes]], trailers: bytes, size: int
) -> None:
    data, body, taken = coded(chunks, trailers), Chunked(), 0
    stream = data + b"GET / "
    for at in range(0, len(stream), size):
        piece = stream[at : at + size]
        end = body.take(piece, 0)
        taken += end
        if end < len(piece):
            break
    assert (taken, body.ended) == (len(data), True)
    assert unchunked(data) == b"".join(one for one, _ in chunks)


def test_a_body_of_known_length_ends_there() -> None:
    body = Sized(5)
    assert body.take(b"xxabc", 2) == 5
    assert not body.ended
    assert (body.take(b"deGET", 0), body.ended) == (2, True)
    assert Sized(0).ended


def test_a_body_without_length_takes_all() -> None:
    body = UntilClosed()
    assert (body.take(b"abc", 1), body.ended) == (3, False)


def test_of_chunks_that_broke_off_what_is_there_is_kept() -> None:
    assert unchunked(b"5\r\nhello\r\n5\r\nwo") == b"hellowo"
    assert unchunked(b"5\r\nhello\r\n5") == b"hello"
