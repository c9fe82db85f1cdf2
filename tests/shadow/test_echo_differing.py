"""What differs is named by line; only the documented change is let pass."""

import pytest

from shadow.doctor.answers import answer_to, wants_close
from shadow.doctor.differing import (
    Change,
    is_documented,
    matched,
    request_changes,
    response_changes,
)
from shadow.doctor.framing import request_head, response_end
from shadow.doctor.oddrequests import odd_conversations
from shadow.exchange import Side

SENT = b"POST /a HTTP/1.1\r\nHost: x\r\nA: 1\r\nContent-Length: 2\r\n\r\nhi"
PEER = "192.0.2.9"


def test_equal_bytes_do_not_differ() -> None:
    assert request_changes(SENT, SENT) == []
    assert response_changes(b"", b"") == []


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (b"POST /a", b"POST /b", Change("first line", b"POST /a HTTP/1.1", b"POST /b HTTP/1.1")),
        (b"A: 1", b"a: 1", Change("header", b"A: 1", b"a: 1")),
        (b"A: 1\r\n", b"", Change("header", b"A: 1", b"")),
        (b"A: 1", b"A: 1\r\nB: 2", Change("header", b"", b"B: 2")),
        (b"\r\n\r\nhi", b"\r\n\r\nho", Change("body", b"hi", b"ho")),
    ],
)
def test_each_change_is_named(before: bytes, after: bytes, change: Change) -> None:
    assert request_changes(SENT, SENT.replace(before, after)) == [change]


def test_headers_in_another_order_differ() -> None:
    changes = request_changes(SENT, SENT.replace(b"Host: x\r\nA: 1", b"A: 1\r\nHost: x"))
    assert {change.where for change in changes} == {"header"}


def test_what_is_no_request_differs_as_a_whole() -> None:
    assert request_changes(SENT, b"garbage\r\n\r\n") == [
        Change("message", SENT, b"garbage\r\n\r\n")
    ]


FORWARDED = b"X-Forwarded-For: "


@pytest.mark.parametrize(
    ("before", "after", "documented"),
    [
        (b"", FORWARDED + b"192.0.2.9", True),
        (b"", b"x-forwarded-for: 192.0.2.9", False),
        (b"", FORWARDED + b"192.0.2.8", False),
        (FORWARDED + b"1.1.1.1", FORWARDED + b"1.1.1.1, 192.0.2.9", True),
        (FORWARDED + b"1.1.1.1", FORWARDED + b"192.0.2.9", False),
        (FORWARDED + b"1.1.1.1", b"", False),
        (b"", b"X-Real-IP: 192.0.2.9", False),
    ],
)
def test_only_the_clients_address_may_be_added(
    before: bytes, after: bytes, documented: bool
) -> None:
    assert is_documented(Change("header", before, after), PEER) is documented
    assert not is_documented(Change("body", before, after), PEER)


def with_address(raw: bytes) -> bytes:
    return raw.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n", 1)


def test_requests_of_a_burst_are_matched_in_any_order() -> None:
    first, second = SENT, SENT.replace(b"/a", b"/b")
    got = [with_address(second), with_address(first)]
    assert matched([first, second], got) == [(first, got[1]), (second, got[0])]


def test_what_has_no_partner_is_told() -> None:
    other = SENT.replace(b"/a", b"/b")
    assert matched([SENT], []) == [(SENT, None)]
    assert matched([], [SENT]) == [(None, SENT)]
    assert matched([SENT], [other]) == [(SENT, other)]
    assert matched([SENT], [SENT, SENT]) == [(SENT, SENT), (None, SENT)]


def test_every_answer_is_one_and_tells_request_and_side() -> None:
    seen = set()
    for conversation in odd_conversations(5, 400):
        for raw in conversation.requests:
            head = request_head(raw)
            assert head is not None
            for side in Side:
                answer = answer_to(raw, side)
                assert response_end(answer.data, head.word, answer.close) == len(answer.data)
                assert answer.close or not wants_close(head)
                seen.add(answer.data.split(b"\r\n")[0])
    assert len(seen) > 4
    assert answer_to(SENT, Side.LEGACY) != answer_to(SENT, Side.CANDIDATE)
    assert answer_to(SENT, Side.LEGACY) != answer_to(SENT + b" ", Side.LEGACY)
