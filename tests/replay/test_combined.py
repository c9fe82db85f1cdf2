"""Common and combined log lines."""

import pytest

from replay.entry import Logged, Unparsable
from replay.formats.combined import parse, unescape

NGINX = (
    rb'192.0.2.7 - ann [21/Nov/2011:08:00:01 +0000] "GET /track/?data=e30%3D&ip=1 HTTP/1.1" 200 1 '
    rb'"https://www.example.test/?q=\x22a\x22" "Mozilla/4.0 (caf\xC3\xA9)"'
)
COMMON = b'192.0.2.7 - - [21/Nov/2011:09:00:01 +0100] "HEAD / HTTP/1.0" 304 -'


def parsed(line: bytes) -> Logged:
    result = parse(line)
    assert isinstance(result, Logged), result
    return result


def test_combined_line_gives_the_request_and_what_the_log_knows() -> None:
    assert parsed(NGINX) == Logged(
        at=1321862401.0,
        method=b"GET",
        target=b"/track/?data=e30%3D&ip=1",
        version=b"1.1",
        status=200,
        remote=b"192.0.2.7",
        headers=(
            (b"User-Agent", "Mozilla/4.0 (café)".encode()),
            (b"Referer", b'https://www.example.test/?q="a"'),
        ),
    )


def test_common_line_is_the_same_without_two_headers() -> None:
    line = parsed(COMMON)
    assert (line.method, line.version, line.status, line.headers) == (b"HEAD", b"1.0", 304, ())
    assert line.at == 1321862401.0  # the zone counts


@pytest.mark.parametrize(
    ("prefix", "host"),
    [
        (b"www.example.test:80 ", b"www.example.test"),
        (b"www.example.test:8080 ", b"www.example.test:8080"),
        (b"api ", b"api"),
    ],
)
def test_virtual_host_in_front_becomes_the_host(prefix: bytes, host: bytes) -> None:
    line = parsed(prefix + NGINX)
    assert line.headers[0] == (b"Host", host)
    assert line.remote == b"192.0.2.7"


def test_virtual_host_is_seen_before_a_named_client_too() -> None:
    line = parsed(b'api:80 pc.example.test - - [21/Nov/2011:08:00:01 +0000] "GET / HTTP/1.1" 200 1')
    assert (line.headers, line.remote) == (((b"Host", b"api"),), b"pc.example.test")


def test_user_names_may_hold_blanks() -> None:
    line = parsed(NGINX.replace(b"ann", b"ann lee"))
    assert line.remote == b"192.0.2.7"
    assert line.target.startswith(b"/track/")


def test_fields_after_the_user_agent_are_let_pass() -> None:
    assert parsed(NGINX + b' "192.0.2.9" 0.003') == parsed(NGINX)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (rb"a\x22b\x5C\xc3\xa9", b'a"b\\\xc3\xa9'),
        (rb"a\"b\\n\n\t", b'a"b\\n\n\t'),
        (b"plain", b"plain"),
    ],
    ids=["nginx", "Apache", "nothing to undo"],
)
def test_escapes_are_undone(written: bytes, meant: bytes) -> None:
    assert unescape(written) == meant


def test_quote_that_Apache_escaped_does_not_end_its_field() -> None:
    line = parsed(NGINX.replace(rb"Mozilla/4.0 (caf\xC3\xA9)", rb"a \"quoted\" agent"))
    assert line.headers[0] == (b"User-Agent", b'a "quoted" agent')


def test_missing_values_are_no_headers() -> None:
    line = b'192.0.2.7 - - [21/Nov/2011:08:00:01 +0000] "GET / HTTP/1.1" 200 1 "-" "-"'
    assert parsed(line).headers == ()


def test_garbage_request_line_has_no_target() -> None:
    line = rb'192.0.2.7 - - [21/Nov/2011:08:00:01 +0000] "\x16\x03\x01" 400 157 "-" "-"'
    assert (parsed(line).method, parsed(line).target) == (b"\x16\x03\x01", b"")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        NGINX[:60],
        NGINX.replace(b"21/Nov", b"21/Nix"),
        NGINX.replace(b"21/Nov/2011:08", b"21/Nov/2011:77"),
        NGINX.replace(b"2011", b"0000"),
        NGINX.replace(b"192.0.2.7 - ann ", b""),
        b'{"msec":1,"method":"GET","request_uri":"/"}',
    ],
)
def test_anything_else_is_unparsable(line: bytes) -> None:
    assert isinstance(parse(line), Unparsable)
