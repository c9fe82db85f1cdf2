"""Capture lines, there and back."""

from hypothesis import given
from hypothesis import strategies as st

from pyingest.message import Request
from replay.entry import Captured, Unparsable
from replay.formats.capture import capture_line, parse

LATIN = st.binary(max_size=20)


@given(
    st.floats(min_value=0, max_value=1e11),
    st.builds(Request, LATIN, LATIN, st.lists(st.tuples(LATIN, LATIN)).map(tuple), st.binary()),
)
def test_a_capture_line_holds_the_whole_request(at: float, request: Request) -> None:
    line = capture_line(at, request)
    assert b"\n" not in line
    assert parse(line) == Captured(at, request)


def test_anything_else_is_unparsable() -> None:
    for line in (b"", b"{}", b'{"t":1,"method":"GET","target":"/","body_b64":"*"}'):
        assert isinstance(parse(line), Unparsable)
