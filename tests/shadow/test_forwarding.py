"""What a request and an answer look like on the other side of the proxy."""

import pytest

from pyingest.message import Request, Response
from shadow.exchange import Answered, Failed, Failure
from shadow.forwarding import outbound, reply


def request(*headers: tuple[bytes, bytes]) -> Request:
    return Request(b"POST", b"/track/?a=%41&&b", headers, b"data=x")


def forwarded(*headers: tuple[bytes, bytes], peer: str) -> list[bytes]:
    sent = outbound(request(*headers), peer).headers
    return [value for name, value in sent if name.lower() == b"x-forwarded-for"]


def test_order_and_case_of_headers_are_kept() -> None:
    headers = ((b"hOST", b"x"), (b"X-B", b"2"), (b"x-a", b"1"), (b"X-B", b"3"))
    assert outbound(request(*headers), "").headers == headers


def test_target_method_and_body_are_kept() -> None:
    sent = outbound(request(), "203.0.113.9")
    assert (sent.method, sent.target, sent.body) == (b"POST", b"/track/?a=%41&&b", b"data=x")


def test_what_belongs_to_one_connection_is_not_passed_on() -> None:
    headers = ((b"Connection", b"close"), (b"Keep-Alive", b"5"), (b"Expect", b"100-continue"))
    assert outbound(request(*headers), "").headers == ()


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1"])
def test_a_client_without_the_header_gets_it(peer: str) -> None:
    assert forwarded(peer=peer) == [peer.encode()]


def test_a_public_peer_is_appended_to_what_it_claims() -> None:
    sent = forwarded((b"x-forwarded-for", b"1.2.3.4"), peer="8.8.8.8")
    assert sent == [b"1.2.3.4, 8.8.8.8"]


@pytest.mark.parametrize("front", ["127.0.0.1", "10.1.2.3", "192.168.0.4", "::1"])
def test_the_header_of_a_front_is_left_alone(front: str) -> None:
    assert forwarded((b"X-Forwarded-For", b"1.2.3.4"), peer=front) == [b"1.2.3.4"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Failure.REFUSED, b"502"),
        (Failure.RESET, b"502"),
        (Failure.MALFORMED, b"502"),
        (Failure.TIMED_OUT, b"504"),
    ],
)
def test_a_failed_legacy_is_answered_for_as_a_plain_proxy_does(
    kind: Failure, status: bytes
) -> None:
    assert reply(Failed(kind, "", 0.1), b"GET").split()[1] == status


def answered(*headers: tuple[bytes, bytes], body: bytes = b"1", status: int = 200) -> Answered:
    return Answered(Response(status, b"Fine", headers, body), 0.1)


def test_the_answer_keeps_status_reason_headers_and_body() -> None:
    data = reply(answered((b"x-LOWER", b"a"), (b"Content-Length", b"1")), b"GET")
    assert data == b"HTTP/1.1 200 Fine\r\nx-LOWER: a\r\nContent-Length: 1\r\n\r\n1"


def test_an_answer_that_ended_by_closing_gets_a_length() -> None:
    assert b"Content-Length: 5\r\n\r\nhello" in reply(answered(body=b"hello"), b"GET")


def test_an_answer_to_head_has_no_body_but_its_length() -> None:
    data = reply(answered((b"Content-Length", b"1"), body=b""), b"HEAD")
    assert data.endswith(b"Content-Length: 1\r\n\r\n")


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_an_answer_that_never_has_a_body_gets_no_length(method: bytes, status: int) -> None:
    data = reply(answered((b"X-A", b"1"), body=b"", status=status), method)
    assert data == b"HTTP/1.1 %d Fine\r\nX-A: 1\r\n\r\n" % status


def test_a_request_of_several_codings_is_framed_as_its_last_one_says() -> None:
    for headers in (
        ((b"Transfer-Encoding", b"gzip, chunked"),),
        ((b"Transfer-Encoding", b"gzip"), (b"Transfer-Encoding", b"Chunked")),
    ):
        data = outbound(Request(b"POST", b"/", headers, b"abc"), "").encode()
        assert data.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_a_chunked_answer_leaves_chunked() -> None:
    data = reply(answered((b"Transfer-Encoding", b"chunked"), body=b"hello"), b"GET")
    assert data.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
