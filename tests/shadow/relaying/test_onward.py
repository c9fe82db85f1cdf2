"""The one change to a request on its way, and the proxy's own answers."""

import pytest

from shadow.exchange import Failure
from shadow.relaying.grammar import RequestHead, request_head
from shadow.relaying.onward import Peer, failed

HEAD = b"POST /a?X-Forwarded-For:1 HTTP/1.1\r\nhOST: x\r\n"
END = b"\r\nbody X-Forwarded-For: 9\r\n"


def sent(lines: bytes, peer: str) -> bytes:
    """Return the lines of the head that are sent on, without the first two."""
    data = HEAD + lines + END
    head = request_head(data)
    assert isinstance(head, RequestHead)
    new, end = Peer(peer).forwarded(head, data)
    assert new.startswith(HEAD)
    assert new[end - 2 :] == END
    return new[len(HEAD) : end - 2]


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1", "2001:db8::1"])
def test_a_client_without_the_header_gets_it(peer: str) -> None:
    assert sent(b"X: y\r\n", peer) == b"X: y\r\nX-Forwarded-For: %b\r\n" % peer.encode()


def test_a_public_peer_is_appended_to_what_it_claims_last() -> None:
    lines = b"x-forwarded-for: 1.2.3.4\r\nX-FORWARDED-FOR:5.6.7.8\r\nY: z\r\n"
    appended = b"x-forwarded-for: 1.2.3.4\r\nX-FORWARDED-FOR:5.6.7.8, 8.8.8.8\r\nY: z\r\n"
    assert sent(lines, "8.8.8.8") == appended


@pytest.mark.parametrize("front", ["127.0.0.1", "10.1.2.3", "192.168.0.4", "::1"])
def test_the_header_of_a_front_is_left_alone(front: str) -> None:
    lines = b"X-Forwarded-For: 1.2.3.4\r\n"
    assert sent(lines, front) == lines


def test_everything_else_goes_on_as_it_came() -> None:
    lines = b"Connection: close, x\r\nKeep-Alive: 5\r\nExpect: 100-continue\r\nTE:  a\t\r\n"
    assert sent(lines, "") == lines


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Failure.REFUSED, b"502"),
        (Failure.RESET, b"502"),
        (Failure.MALFORMED, b"502"),
        (Failure.TIMED_OUT, b"504"),
    ],
)
def test_a_failed_owner_is_answered_for_as_a_plain_proxy_does(kind: Failure, status: bytes) -> None:
    assert failed(kind).split()[1] == status
