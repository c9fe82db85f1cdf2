"""What a Kestrel client hears and says."""

import pytest

from pyingest.queues.kestrel_wire import (
    LONGEST_LINE,
    ReplyError,
    ReplyReader,
    Value,
    is_queue_name,
    set_request,
)


def test_replies_are_cut_wherever_the_bytes_are() -> None:
    data = b"STORED\r\nVALUE q 0 5\r\na\r\nEN\r\nEND\r\nSTAT a 1\nVALUE e+s 3 0 99\r\n\r\nEND\r\n"
    expected = [b"STORED", Value("q", b"a\r\nEN"), b"END", b"STAT a 1", Value("e+s", b""), b"END"]
    assert list(ReplyReader().feed(data)) == expected
    reader = ReplyReader()
    assert [reply for n in range(len(data)) for reply in reader.feed(data[n : n + 1])] == expected


@pytest.mark.parametrize(
    "line", [b"VALUE q 0\r\n", b"VALUE q 0 -1\r\n", b"VALUE q 0 9999999999\r\n", b"VALUE q 0 x\r\n"]
)
def test_a_malformed_value_is_no_reply(line: bytes) -> None:
    with pytest.raises(ReplyError):
        list(ReplyReader().feed(line))


def test_an_endless_line_is_no_reply() -> None:
    with pytest.raises(ReplyError):
        list(ReplyReader().feed(b"x" * (LONGEST_LINE + 1)))


def test_a_set_carries_the_body_as_it_is() -> None:
    assert set_request("q", b"\r\n\xff") == b"set q 0 0 3\r\n\r\n\xff\r\n"


@pytest.mark.parametrize("name", ["events", "E-1_2:x", "x" * 250])
def test_a_plain_name_is_allowed(name: str) -> None:
    assert is_queue_name(name)


@pytest.mark.parametrize(
    "name", ["", "a b", "a\r\nset z 0 0 0", "a/open", "a.b", "a~", "a+b", "é", "\x7f", "x" * 251]
)
def test_a_name_that_could_mean_something_else_is_not(name: str) -> None:
    assert not is_queue_name(name)
