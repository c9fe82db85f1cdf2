"""The parts of the modern contract, each alone."""

import gzip
import json
from dataclasses import replace
from ipaddress import ip_network
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.contract import base64_lenient
from pyingest.contract.callback import is_callback
from pyingest.contract.client_address import client_address
from pyingest.contract.compression import Flaw, inflate
from pyingest.contract.faults import broken, malformed, too_fast, unavailable
from pyingest.contract.fields import MOST, pairs, parameters, unescaped
from pyingest.contract.multipart import multipart_pairs
from pyingest.contract.places import Page, split
from pyingest.contract.redirect import location
from pyingest.contract.service import answer
from pyingest.contract.settings import ContractSettings, TrustedProxies
from pyingest.contract.testing import SETTINGS
from pyingest.message import Headers, Request, Response, combined, header

steady = settings(deadline=None, derandomize=True)

# Fields.


@steady
@given(st.binary() | st.text("%=0aF\n\r+_. ").map(str.encode))
def test_escapes_are_read_as_the_standard_library_does(text: bytes) -> None:
    assert unescaped(text) == unquote_to_bytes(text)


def test_a_semicolon_separates_nothing_and_a_plus_is_a_blank() -> None:
    assert pairs(b"a=1;b=2&c=x+y&%64&=e&&f=g=h") == [
        (b"a", b"1;b=2"),
        (b"c", b"x y"),
        (b"d", b""),
        (b"", b"e"),
        (b"", b""),
        (b"f", b"g=h"),
    ]


def test_only_so_many_fields_are_read() -> None:
    assert len(pairs(b"a=1&" * 10 * MOST)) == MOST


def test_the_first_value_that_is_not_empty_counts() -> None:
    found = parameters([(b"a", b""), (b"a", b"1"), (b"a", b"2")], [(b"a", b"3"), (b"b", b"")])
    assert found == {b"a": b"1", b"b": b""}


def test_headers_of_one_name_are_one_list() -> None:
    assert combined(((b"A", b"1"), (b"b", b"2"), (b"a", b"3"))) == {b"a": b"1, 3", b"b": b"2"}


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/track?a=1", (b"/track", b"a=1")),
        (b"//track///?a", (b"/track/", b"a")),
        (b"/track#f?a", (b"/track", b"")),
        (b"/track?a#f", (b"/track", b"a")),
        (b"http://h/track?a", (b"/track", b"a")),
        (b"HTTP://h:80?a", (b"/", b"a")),
        (b"http://h", (b"/", b"")),
        (b"ftp://h/track", (b"ftp:/h/track", b"")),
        (b"/a%2Fb?c=%2F", (b"/a/b", b"c=%2F")),
        (b"*", (b"*", b"")),
        (b"", (b"", b"")),
    ],
)
def test_a_target_is_its_path_and_its_query(target: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split(target) == parts


# base64, gzip, multipart.


@steady
@given(st.binary())
def test_base64_of_every_alphabet_and_padding_is_read(content: bytes) -> None:
    import base64

    text = base64.b64encode(content)
    for sent in (
        text,
        text.rstrip(b"="),
        text.replace(b"+", b" "),
        base64.urlsafe_b64encode(content),
        base64.encodebytes(content),
    ):
        assert base64_lenient.decode(sent) == content


@pytest.mark.parametrize("text", [b"A", b"AAAAA", b"A=A", b"AA*A", b"AAA\xff", b"AA==AA=="])
def test_what_is_no_base64_is_nothing(text: bytes) -> None:
    assert base64_lenient.decode(text) is None


@steady
@given(st.lists(st.binary(), min_size=1, max_size=5))
def test_gzip_members_are_joined(parts: list[bytes]) -> None:
    assert inflate(b"".join(map(gzip.compress, parts)), 10_000) == b"".join(parts)


@steady
@given(st.binary(max_size=200))
def test_bytes_that_are_no_gzip_raise_nothing(data: bytes) -> None:
    assert isinstance(inflate(b"\x1f\x8b\x08\0" + data, 100), bytes | Flaw)
    assert isinstance(inflate(data, 100), bytes | Flaw)


def test_the_limit_itself_is_not_beyond_the_limit() -> None:
    packed = gzip.compress(b"x" * 100)
    assert inflate(packed, 100) == b"x" * 100
    assert inflate(packed, 99) is Flaw.TOO_LARGE
    assert inflate(packed * 2, 199) is Flaw.TOO_LARGE
    assert inflate(packed * 2, 200) == b"x" * 200


def test_nothing_beyond_the_limit_is_looked_at() -> None:
    broken = gzip.compress(b"x" * 1_000_000)[:-20] + b"junk"
    assert inflate(broken, 1_000_000) is Flaw.INVALID
    assert inflate(broken, 1000) is Flaw.TOO_LARGE


def test_members_without_end_are_no_gzip() -> None:
    assert inflate(gzip.compress(b"") * 10_000, 100) is Flaw.INVALID


def test_the_fields_of_a_multipart_body_are_read() -> None:
    kind = b'multipart/form-data; charset=utf-8; BOUNDARY="a b"; x=y'
    body = (
        b'preamble\r\n--a b\r\nContent-Disposition: form-data; filename="n"; name="data"\r\n'
        b"Content-Type: x/y\r\n\r\none\r\n\r\ntwo\r\n"
        b"--a b\r\ncontent-disposition: form-data; NAME=ip\r\n\r\n1\r\n"
        b"--a b\r\nno head at all\r\n--a b--\r\nepilogue"
    )
    assert multipart_pairs(kind, body) == [(b"data", b"one\r\n\r\ntwo"), (b"ip", b"1")]
    assert multipart_pairs(b"multipart/form-data", body) == []


# Callbacks and redirects.


@pytest.mark.parametrize(
    "name",
    [
        b"f",
        b"$",
        b"_a.b$.c9",
        b"mixpanel._jsc[12345678]",
        b'mixpanel._jsc["12345678"]',
        b"a[1].b[2]",
        b"(function(){})",
    ],
)
def test_names_may_be_called(name: bytes) -> None:
    assert is_callback(name)


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"alert(1)//",
        b"f\n",
        b"1a",
        b".a",
        b"a.",
        b"a..b",
        b"a[b]",
        b"a['b']",
        b'a["b-c"]',
        b"a[",
        b"(function(){alert(1)})",
        b"<script>",
        "ä".encode(),
        b"a" * 5120,
    ],
)
def test_nothing_else_may_be_called(name: bytes) -> None:
    assert not is_callback(name)


HOSTS = frozenset({"ok.example", ".below.example"})


@pytest.mark.parametrize(
    ("url", "to"),
    [
        (b"https://ok.example/a?b=%20#c", b"https://ok.example/a?b=%20#c"),
        (b"http://OK.example:8080/", b"http://OK.example:8080/"),
        (b"//ok.example/x", b"//ok.example/x"),
        (b"https://a.b.below.example/", b"https://a.b.below.example/"),
        ("https://ok.example/ä".encode(), b"https://ok.example/%C3%A4"),
    ],
)
def test_a_redirect_leads_where_it_may(url: bytes, to: bytes) -> None:
    assert location(url, HOSTS) == to


@pytest.mark.parametrize(
    "url",
    [
        b"",
        b"javascript:alert(1)",
        b"data:text/html,x",
        b"//evil.example",
        b"/local",
        b"https://evil.example/ok.example",
        b"https://ok.example.evil.example/",
        b"https://notok.example/",
        b"https://below.example/",
        b"https://evilbelow.example/",
        b"https://ok.example@evil.example/",
        b"https://evil@ok.example/",
        b"https://ok.example\\@evil.example/",
        b"https:\\\\ok.example/",
        b"https://ok.example/\r\nSet-Cookie: a=b",
        b" https://ok.example/",
        b"\thttps://ok.example/",
        b"ftp://ok.example/",
        b"https://[::1/",
        b"https://ok.example/\xff",
        b"https://ok.example/" + b"x" * 2000,
    ],
)
def test_a_redirect_leads_nowhere_else(url: bytes) -> None:
    assert location(url, HOSTS) is None
    assert location(url, frozenset()) is None


# Addresses.

FRONTS = TrustedProxies(networks=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
ONE, TWO = TrustedProxies(hops=1), TrustedProxies(hops=2)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("9.9.9.9", b"1.1.1.1", TrustedProxies(), "9.9.9.9"),
        ("9.9.9.9", b"1.1.1.1", FRONTS, "9.9.9.9"),
        ("10.0.0.1", b"6.6.6.6, 1.1.1.1", FRONTS, "1.1.1.1"),
        ("10.0.0.1", b"6.6.6.6, 1.1.1.1,10.0.0.2", FRONTS, "1.1.1.1"),
        ("10.0.0.1", b"10.0.0.3", FRONTS, "10.0.0.3"),
        ("10.0.0.1", None, FRONTS, "10.0.0.1"),
        ("fd00::1", b"2001:db8::7", FRONTS, "2001:db8::7"),
        ("::ffff:10.0.0.1", b"1.1.1.1", FRONTS, "1.1.1.1"),
        ("9.9.9.9", b"6.6.6.6, 1.1.1.1", ONE, "1.1.1.1"),
        ("9.9.9.9", b"6.6.6.6, 1.1.1.1", TWO, "6.6.6.6"),
        ("9.9.9.9", b"1.1.1.1", TWO, "1.1.1.1"),
        ("9.9.9.9", b"1.1.1.1:8080", ONE, "1.1.1.1"),
        ("9.9.9.9", b"[2001:db8::7]:8080", ONE, "2001:db8::7"),
        ("9.9.9.9", b"::ffff:1.1.1.1", ONE, "1.1.1.1"),
        ("9.9.9.9", b"1.1.1.1, unknown", ONE, "9.9.9.9"),
        ("9.9.9.9", b"", ONE, "9.9.9.9"),
        ("9.9.9.9", b"1.1.1.1,", ONE, "9.9.9.9"),
        ("9.9.9.9", b"\xff", ONE, "9.9.9.9"),
        ("", b"1.1.1.1", ONE, ""),
    ],
)
def test_only_what_trusted_fronts_say_is_believed(
    peer: str, forwarded: bytes | None, proxies: TrustedProxies, client: str
) -> None:
    assert client_address(peer, forwarded, proxies) == client


# Pages.


def page(target: bytes) -> Response:
    return answer(Request(b"GET", target), "", 0.0, SETTINGS).stored


@pytest.mark.parametrize("path", [b"/decide", b"/decide/?verbose=1&token=T"])
def test_old_clients_are_told_that_there_is_nothing_to_decide(path: bytes) -> None:
    assert json.loads(page(path).body) == {
        "notifications": [],
        "surveys": [],
        "config": {"enable_collect_everything": False},
    }
    assert page(path).status == 200


def test_a_script_may_ask_what_to_decide() -> None:
    response = page(b"/decide/?callback=f")
    assert response.body.startswith(b'/**/f({"notifications":[]')
    assert header(response.headers, b"content-type") == b"text/javascript"


def test_crawlers_are_sent_away_and_there_is_no_icon() -> None:
    assert page(b"/robots.txt").body == b"User-agent: *\nDisallow: /\n"
    assert (page(b"/favicon.ico").status, page(b"/favicon.ico").body) == (204, b"")
    prefixed = replace(SETTINGS, prefixes=("/mp",))
    assert prefixed.places[b"/robots.txt"] is Page.ROBOTS


@pytest.mark.parametrize(
    "path", [b"/record/", b"/settings/", b"/flags/v2", b"/crossdomain.xml", b"/import/extra"]
)
def test_what_clients_ask_for_in_vain_is_404_in_json(path: bytes) -> None:
    response = page(path)
    assert response.status == 404
    assert json.loads(response.body) == {"error": "path, not found", "status": 0}


# Answers without a look at the data.

TRACK = Request(b"POST", b"/track?verbose=1", ((b"Origin", b"http://o"),), b"{}")
IMPORT = replace(TRACK, target=b"/import?strict=1")
TEMPORARY = "a temporary failure occurred"


def waits(response: Response) -> bytes | None:
    return header(response.headers, b"retry-after")


def test_a_full_service_asks_for_the_data_again_later() -> None:
    response = unavailable(TRACK, 0.0, SETTINGS)
    assert (response.status, waits(response)) == (503, b"30")
    assert json.loads(response.body) == {"error": TEMPORARY, "status": 0}
    assert header(response.headers, b"access-control-allow-origin") == b"http://o"
    assert unavailable(replace(TRACK, target=b"/track"), 0.0, SETTINGS).body == b"0"


def test_a_client_beyond_its_rate_waits() -> None:
    response = too_fast(TRACK, 0.0, SETTINGS, 7)
    assert (response.status, waits(response)) == (503, b"7")
    assert json.loads(response.body) == {"error": "rate limit exceeded, retry later", "status": 0}
    assert too_fast(TRACK, 0.0, replace(SETTINGS, too_many_requests=True), 7).status == 429
    assert waits(too_fast(TRACK, 0.0, SETTINGS, 0)) == b"1"


def test_a_strict_import_beyond_its_rate_is_429() -> None:
    response = too_fast(IMPORT, 0.0, SETTINGS, 7)
    assert (response.status, waits(response)) == (429, b"7")
    assert json.loads(response.body) == {
        "code": 429,
        "error": "Project exceeded rate limits. Please retry the request with exponential backoff.",
        "status": "Too Many Requests",
    }


def test_our_own_fault_is_500_and_no_wait() -> None:
    response = broken(TRACK, 0.0, SETTINGS)
    assert (response.status, waits(response)) == (500, None)
    assert json.loads(response.body) == {"error": TEMPORARY, "status": 0}
    assert json.loads(broken(IMPORT, 0.0, SETTINGS).body)["status"] == "Internal Server Error"


def test_what_is_no_request_is_answered_so_that_a_browser_may_read_it() -> None:
    for status in (400, 408, 413, 414, 417, 431):
        response = malformed(status, "what is wrong", 0.0)
        assert response.status == status
        assert json.loads(response.body) == {"error": "what is wrong", "status": 0}
        assert header(response.headers, b"access-control-allow-origin") == b"*"


# Never an exception.

TARGETS = st.sampled_from(
    [b"/track", b"/engage?verbose=1", b"/groups?ip=1&callback=f", b"/import?strict=1", b"/decide"]
)
HEADERS: st.SearchStrategy[Headers] = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Content-Type", b"Content-Encoding", b"Authorization", b"Origin", b"X-Forwarded-For"]
        ),
        st.binary(max_size=30)
        | st.sampled_from([b"gzip", b"application/json", b"multipart/form-data; boundary=x"]),
    ),
    max_size=3,
).map(tuple)
WORDS = (
    "event properties token $token $distinct_id distinct_id time $time $set $add $unset $union "
    "$append $remove $delete $ip $insert_id $ignore $group_key $group_id ip"
)
NAMES = st.sampled_from(WORDS.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
RECORDS = st.fixed_dictionaries(
    {"event": VALUES, "properties": st.dictionaries(NAMES, VALUES) | VALUES, "$token": VALUES}
)
BODIES = (
    st.lists(RECORDS | VALUES, max_size=3).map(lambda found: json.dumps(found).encode())
    | st.binary(max_size=100)
    | st.text('[]{}",:0123eE+-.nulltrue \\ud', max_size=60).map(str.encode)
    | st.binary(max_size=60).map(lambda data: b"data=" + data)
    | st.binary(max_size=60).map(gzip.compress)
)


@steady
@given(
    st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT"]),
    st.builds(bytes.__add__, TARGETS, st.binary(max_size=20)),
    HEADERS,
    BODIES,
)
def test_whatever_comes_is_answered(
    method: bytes, target: bytes, headers: Headers, body: bytes
) -> None:
    options = ContractSettings(proxies=ONE, redirect_hosts=HOSTS, track_window=1.0)
    decision = answer(Request(method, target, headers, body), "9.9.9.9", 0.0, options)
    assert 200 <= decision.stored.status < 500
    assert len(decision.tokens) == len(decision.events)
