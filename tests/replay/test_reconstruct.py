"""What becomes of a log line, and the request that is made of it."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyingest.message import Request, header
from replay.entry import Captured, Entry, Logged, Malformed, Unparsable, Unreplayable
from replay.formats.detection import FORMATS
from replay.reconstruct import NO_BODY, NO_REQUEST, rebuild

GET = Logged(
    at=1321862401.0,
    method=b"GET",
    target=b"/track/?data=e30%3D",
    version=b"1.1",
    status=200,
    remote=b"192.0.2.7",
    headers=((b"Host", b"api.example.test"), (b"User-Agent", b"Ruby")),
)
POST = replace(GET, method=b"POST", body=b"data=e30")


def request(line: Logged | Captured, keep_credentials: bool = False) -> Request:
    entry = rebuild(line, 7, "access.log", keep_credentials)
    assert isinstance(entry, Entry), entry
    assert (entry.number, entry.at) == (7, line.at)
    return entry.request


def why(line: Logged) -> str:
    result = rebuild(line, 7, "access.log")
    assert isinstance(result, Unreplayable), result
    return result.why


def test_request_keeps_what_the_log_holds_and_adds_nothing() -> None:
    assert request(GET) == Request(
        b"GET", GET.target, (*GET.headers, (b"X-Forwarded-For", b"192.0.2.7"))
    )


def test_body_comes_with_its_length() -> None:
    assert request(POST).body == b"data=e30"
    assert header(request(POST).headers, b"content-length") == b"8"


def test_empty_body_of_a_post_comes_with_a_length_of_nought() -> None:
    assert header(request(replace(POST, body=b"")).headers, b"content-length") == b"0"


@pytest.mark.parametrize(
    ("chain", "remote", "sent"),
    [
        (b"", b"192.0.2.7", b"192.0.2.7"),
        (b"198.51.100.1, 10.0.0.1", b"192.0.2.7", b"198.51.100.1, 10.0.0.1, 192.0.2.7"),
        (b"198.51.100.1", b"-", b"198.51.100.1"),
        (b"", b"-", None),
        (b"", b"unix:", None),
    ],
)
def test_client_address_ends_the_forwarded_chain(
    chain: bytes, remote: bytes, sent: bytes | None
) -> None:
    line = replace(GET, forwarded=chain, remote=remote)
    assert header(request(line).headers, b"x-forwarded-for") == sent


def test_post_without_a_logged_body_is_not_replayed() -> None:
    assert why(replace(POST, body=None)) == NO_BODY


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"FOO"])
def test_other_methods_need_no_body(method: bytes) -> None:
    assert request(replace(GET, method=method)).body == b""


@pytest.mark.parametrize(
    "changes",
    [
        {"method": b"", "target": b""},
        {"method": b"\x16\x03\x01", "target": b""},
        {"method": b"hello", "target": b"", "version": b""},
        {"target": b"/track/?data=a b c"},
        {"target": b"/track/\r\nHost: x"},
        {"version": b""},
        {"headers": ((b"User-Agent", b"a\r\nX-Injected: 1"),)},
    ],
)
def test_what_is_no_request_is_not_replayed(changes: dict[str, bytes]) -> None:
    assert why(replace(GET, **changes)) == NO_REQUEST  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [400, 408, 413, 414, 431, 494])
def test_what_the_front_refused_is_not_replayed(status: int) -> None:
    assert why(replace(POST, status=status)) == f"refused by the front (status {status})"


def test_method_that_the_front_refuses_is_not_replayed() -> None:
    assert "405" in why(replace(GET, method=b"TRACE", status=405))


@pytest.mark.parametrize("status", [405, 404, 499, 500, 502, 504])
def test_what_the_service_got_is_replayed_whatever_came_of_it(status: int) -> None:
    assert request(replace(POST, status=status)).body == POST.body


@pytest.mark.parametrize(
    ("logged", "sent"), [(b"1.0", b"1.0"), (b"1.1", b"1.1"), (b"2.0", b"1.1"), (b"3.0", b"1.1")]
)
def test_versions_above_1_1_become_1_1(logged: bytes, sent: bytes) -> None:
    assert request(replace(GET, version=logged)).version == sent


CAPTURED = Captured(
    5.0,
    Request(
        b"POST",
        b"/track",
        (
            (b"HOST", b"x"),
            (b"Connection", b"close"),
            (b"Expect", b"100-continue"),
            (b"Cookie", b"a=b"),
            (b"Authorization", b"Basic eDo="),
            (b"content-length", b"99"),
            (b"X-B", b"\xff"),
        ),
        b"data=e30",
    ),
)


def test_captured_request_is_sent_as_it_was_but_for_credentials_and_the_connection() -> None:
    assert request(CAPTURED).headers == (
        (b"HOST", b"x"),
        (b"content-length", b"8"),
        (b"X-B", b"\xff"),
    )


def test_credentials_are_sent_when_asked_for() -> None:
    headers = request(CAPTURED, keep_credentials=True).headers
    assert header(headers, b"cookie") == b"a=b"
    assert header(headers, b"authorization") == b"Basic eDo="


def test_captured_chunked_body_stays_chunked() -> None:
    chunked = Request(b"POST", b"/", ((b"Transfer-Encoding", b"chunked"),), b"abc")
    assert request(Captured(5.0, chunked)).encode().endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_unparsable_line_is_malformed_with_its_place() -> None:
    assert rebuild(Unparsable("torn"), 9, "access.log") == Malformed("access.log:9", "torn")


@pytest.mark.parametrize("at", [float("inf"), float("nan"), -1.0, 1321862401000.0])
def test_line_without_a_sensible_time_is_malformed(at: float) -> None:
    assert isinstance(rebuild(replace(GET, at=at), 1, "x"), Malformed)


@given(st.binary(max_size=300))
@example(b'1.1.1.1 - - [99/Feb/9999:00:00:00 +9999] "GET / HTTP/1.1" 200 1')
@example(b'{"msec":1e999,"method":"GET","request_uri":"/"}')
@example(b'{"msec":-1,"method":"\xff","request_uri":"\\ud800"}')
def test_no_line_whatever_raises(line: bytes) -> None:
    for parse in FORMATS.values():
        rebuild(parse(line), 1, "x")
