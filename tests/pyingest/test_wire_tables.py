"""Base64, query strings, targets and float text against answers that Erlang gave."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.wire.base64text import decode_as_erlang, decode_as_port
from pyingest.wire.floattext import float_text
from pyingest.wire.querystring import split_as_mochiweb, split_as_port
from pyingest.wire.target import split_as_mochiweb as split_target
from pyingest.wire.target import split_as_port as split_target_as_port

TABLES = json.loads((Path(__file__).parent / "erlang_answers.json").read_text())


def raw(text: str) -> bytes:
    return text.encode("latin-1")


@pytest.mark.parametrize(("text", "expected"), TABLES["base64"])
def test_base64_is_read_as_erlang_reads_it(text: str, expected: str | None) -> None:
    assert decode_as_erlang(raw(text)) == (None if expected is None else raw(expected))


@pytest.mark.parametrize(("text", "expected"), TABLES["query"])
def test_a_query_is_split_as_mochiweb_splits_it(text: str, expected: list[list[str]]) -> None:
    assert split_as_mochiweb(raw(text)) == [(raw(name), raw(value)) for name, value in expected]


@pytest.mark.parametrize(("text", "expected"), TABLES["float"])
def test_a_float_has_the_text_that_mochinum_gives(text: str, expected: str) -> None:
    assert float_text(float(text)) == expected


@pytest.mark.parametrize(("text", "path", "query"), TABLES["target"])
def test_a_target_is_split_as_mochiweb_splits_it(text: str, path: str, query: str) -> None:
    assert split_target(raw(text)) == (raw(path), raw(query))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://h.example/track?a=1", b"/track"),
        (b"HTTPS://h:1/engage", b"/engage"),
        (b"http://h.example", b"/"),
        (b"httpx/track", b"httpx/track"),
        (b"ftp://h/track", b"ftp:/h/track"),
    ],
)
def test_an_absolute_target_loses_its_host(target: bytes, path: bytes) -> None:
    assert split_target(target)[0] == path


def test_a_port_takes_the_target_as_it_stands() -> None:
    assert split_target_as_port(b"//tr%61ck?a=1?b#c") == (b"//tr%61ck", b"a=1?b#c")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_text_reads_back_as_the_same_number(number: float) -> None:
    assert float(float_text(number)) == number


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_erlang_has_no_float_for_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="digits"):
        float_text(number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"eyJhIjoxfQ==", b'{"a":1}'),
        (b"eyJh!IjoxfQ==", b'{"a":1}'),
        (b"eyJhIjoxfQ==abc", b'{"a":1}'),
        (b"eyJhIjoxfQ", None),
        (b"\xff\xfe", b""),
    ],
)
def test_a_port_drops_what_is_no_base64(text: bytes, expected: bytes | None) -> None:
    assert decode_as_port(text) == expected


def test_a_port_drops_blank_values_and_knows_no_semicolon() -> None:
    assert split_as_port(b"a=1;b=2&c=&d&e=x&e=y") == [(b"a", b"1;b=2"), (b"e", b"x")]


@given(st.binary())
def test_no_bytes_make_a_splitter_raise(text: bytes) -> None:
    split_as_mochiweb(text)
    split_as_port(text)
    split_target(text)
    decode_as_erlang(text)
    decode_as_port(text)
