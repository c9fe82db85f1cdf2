"""One exchange or event as one line, and back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.message import Request, Response
from shadow.exchange import (
    Answered,
    Exchange,
    Failed,
    Failure,
    NotMirrored,
    Reason,
    Side,
    TappedEvent,
)
from shadow.lines import event_line, exchange_line, read_event, read_exchange, read_request

names = st.binary(min_size=1, max_size=10)
headers = st.lists(st.tuples(names, st.binary(max_size=20)), max_size=4).map(tuple)
seconds = st.floats(0, 60)
requests = st.builds(Request, names, st.binary(max_size=50), headers, st.binary(max_size=50))
responses = st.builds(Response, st.integers(100, 599), names, headers, st.binary(max_size=50))
answered = st.builds(Answered, responses, seconds)
failed = st.builds(Failed, st.sampled_from(Failure), st.text(max_size=10), seconds)
skipped = st.builds(NotMirrored, st.sampled_from(Reason))
outcomes = answered | failed | skipped
exchanges = st.builds(
    Exchange,
    st.integers(1),
    seconds,
    requests,
    outcomes,
    outcomes,
    st.sampled_from(Side),
    st.booleans(),
)
events = st.builds(
    TappedEvent,
    st.sampled_from(Side),
    st.text(max_size=10),
    st.integers(0, 2**60),
    seconds,
    st.binary(max_size=80),
)


@given(exchanges)
def test_an_exchange_survives_the_way_to_a_line_and_back(exchange: Exchange) -> None:
    line = exchange_line(exchange)
    assert b"\n" not in line
    assert read_exchange(line) == exchange


@given(events)
def test_an_event_survives_the_way_to_a_line_and_back(event: TappedEvent) -> None:
    line = event_line(event)
    assert b"\n" not in line
    assert read_event(line) == event


@given(exchanges)
def test_an_exchange_line_is_a_capture_line_too(exchange: Exchange) -> None:
    assert read_request(exchange_line(exchange)) == (exchange.at, exchange.request)


def test_a_capture_line_needs_only_the_request() -> None:
    at, request = read_request(b'{"t":1.5,"method":"GET","target":"/x"}')
    assert (at, request) == (1.5, Request(b"GET", b"/x"))


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"t":1}', b'{"t":"x","method":1}'])
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_request(line)
