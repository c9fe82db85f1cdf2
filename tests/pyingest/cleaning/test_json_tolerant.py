"""JSON as clients really send it; and the quick way against the patient one."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.cleaning.json_tolerant import decode, decode_lines, decode_patiently, encode
from pyingest.wire.term import IllFormed, Object, Unreadable

BOM = b"\xef\xbb\xbf"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
PIECES = st.lists(
    st.sampled_from(list('{}[],:"\\a1é\x00\n\ufeff'))
    | st.sampled_from(["-0", "0.5", "1e999", "null", "true", "NaN", "Infinity", "-Infinity"])
    | st.sampled_from(['"a"', '"b"', "\\u00e9", "\\ud83d", "\\ude00", "\\u0000"]),
    max_size=12,
).map("".join)


def same(one: Any, other: Any) -> bool:
    """Compare with types: 1 is no 1.0, and no true; NaN is itself."""
    return repr(one) == repr(other)


@given(VALUES, st.booleans())
def test_both_ways_read_valid_json_alike(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert same(decode(text), decode_patiently(text))
    assert same(decode(text), value)


@given(NUMBERS)
def test_both_ways_read_any_number_alike(number: str) -> None:
    assert same(decode(number.encode()), decode_patiently(number.encode()))


@given(PIECES)
def test_both_ways_read_and_refuse_the_same_texts(text: str) -> None:
    quick, patient = decode(text.encode()), decode_patiently(text.encode())
    assert same(quick, patient)


@given(st.binary(max_size=40) | PIECES.map(str.encode))
def test_what_was_read_can_be_written_and_read_by_a_strict_reader(text: bytes) -> None:
    term = decode(text)
    if not isinstance(term, Unreadable):
        written = encode(term)
        assert written is not None
        json.loads(written.decode("utf-8"), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (BOM + b'{"a":1}', {"a": 1}),
        (b' {"a":1,"b":0,"a":2}\r\n', {"a": 2, "b": 0}),
        (b"12345678901234567890123", 12345678901234567890123),
        (b"9" * 400, int("9" * 400)),
        (b"-" + b"9" * 4300, -int("9" * 4300)),
        (b"9" * 4301, "9" * 4301),
        (b"-" + b"9" * 4301, "-" + "9" * 4301),
        (rb'"\ud83d\ude00"', "😀"),
    ],
    ids=["mark", "twice", "big", "400", "4300", "4301", "minus", "pair"],
)
def test_it_is_patient_with(text: bytes, value: Any) -> None:
    assert same(decode(text), value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"[NaN,Infinity,-Infinity,1e999]", b"[null,null,null,null]"),
        (b'"caf\xe9"', b'"caf\xef\xbf\xbd"'),
        (rb'"\ud83d"', b'"\xef\xbf\xbd"'),
        (rb'"\ude00\ud83dA"', b'"\xef\xbf\xbd\xef\xbf\xbdA"'),
        (b'{"\xff":"\xed\xa0\xbd"}', '{"\ufffd":"\ufffd\ufffd\ufffd"}'.encode()),
    ],
)
def test_what_json_cannot_hold_is_visible_in_the_value_and_mended_when_written(
    text: bytes, written: bytes
) -> None:
    term = decode(text)
    assert encode(term) == written
    with pytest.raises((ValueError, AssertionError)):
        json.dumps(term, ensure_ascii=False, allow_nan=False).encode()


def test_a_number_beyond_a_float_is_an_infinity() -> None:
    assert decode(b"-1e999") == -math.inf


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        BOM,
        b'{"a":1',
        b"{'a':1}",
        b"[1,]",
        b"01",
        b"1 2",
        b'"a\nb"',
        b"nan",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-16-be"),
        '{"a":1}'.encode("utf-32"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_json_is_unreadable(text: bytes) -> None:
    assert isinstance(decode(text), Unreadable)
    assert isinstance(decode_patiently(text), Unreadable)


def test_lines_may_be_blank_end_in_crlf_and_lack_the_last_end() -> None:
    good, blank, bad, last = decode_lines(BOM + b'{"a":1}\r\n\r\n \n"x"\n{bad\n[2]')
    assert (good, blank, last) == ({"a": 1}, "x", [2])
    assert isinstance(bad, Unreadable)


def test_values_of_the_other_decoders_can_be_written() -> None:
    term = Object([("a", IllFormed(b"\xed\xa0\x80")), (1, "x"), ("a", "last")])
    assert encode(term) == b'{"a":"last","1":"x"}'


def test_what_is_nested_too_deeply_is_not_written() -> None:
    term: Any = []
    for _ in range(100_000):
        term = [term]
    assert encode(term) is None
    while term:  # taken apart by hand: the interpreter would do it by recursion
        term = term[0]
