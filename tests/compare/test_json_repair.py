"""Repairs: each takes out its own oddity, and leaves every other text as it is."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.quirks.json_quirks import JSON_QUIRKS
from compare.quirks.json_repair import DEEP, in_utf8
from pyingest.wire.profile import STRICT
from pyingest.wire.term import Unreadable

REPAIRS = {quirk.name: quirk.repair for quirk in JSON_QUIRKS if quirk.repair is not None}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Characters only: half of one is an oddity.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
DIGITS, MORE = b"2" * 4300, b"3" * 4301
CASES = [
    ("trailing comma", b'[1,{"a":2 , } ,\n]', b'[1,{"a":2  } \n]'),
    ("trailing comma", b'[",]",",}"]', b'[",]",",}"]'),
    (
        "non-string key",
        b"{1:2, true :[{-0:null,null:1}]}",
        b'{"1":2, "true" :[{"-0":null,"null":1}]}',
    ),
    ("non-string key", b'{"a":"{1:2}"}', b'{"a":"{1:2}"}'),
    ("raw control character", b'["a\n\x00",\n1]', b'["a  ",\n1]'),
    ("unknown escape", rb'["\q\\q\u12\u00e9\"\+"]', rb'["\\q\\q\\u12\u00e9\"\\+"]'),
    (
        "lone surrogate",
        rb'["\ud83d\ud83d\ude00\\ud83d\udE00"]',
        rb'["\ufffd\ud83d\ude00\\ud83d\ufffd"]',
    ),
    ("number out of range", b'[1E400,-1e999,1e308,"NaN",NaN,-Infinity]', b'[0,0,1e308,"NaN",0,0]'),
    ("big integer", b'[%b,%b,"%b"]' % (MORE, DIGITS, MORE), b'[7,%b,"%b"]' % (DIGITS, MORE)),
    ("CESU-8", b'["\xed\xa0\xbd\xed\xb8\x80\xed\xa0\xbd"]', '["😀\ufffd"]'.encode()),
    ("text not in UTF-8", b'["caf\xe9"]', '["caf\ufffd"]'.encode()),
    ("byte order mark", b'\xef\xbb\xbf{"a":1}', b'{"a":1}'),
    ("byte order mark", '{"é":1}'.encode("utf-16-le"), '{"é":1}'.encode()),
    ("byte order mark", '{"é":1}'.encode("utf-32"), '{"é":1}'.encode()),
]


@pytest.mark.parametrize(("name", "text", "repaired"), CASES)
def test_a_repair_takes_out_its_oddity(name: str, text: bytes, repaired: bytes) -> None:
    assert REPAIRS[name](text) == repaired


@given(VALUES, st.booleans())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_json_without_an_oddity_is_left_as_it_is(value: object, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii).encode()
    assert {name: repair(text) for name, repair in REPAIRS.items()} == dict.fromkeys(REPAIRS, text)


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_repair_takes_any_bytes(data: bytes) -> None:
    for repair in REPAIRS.values():
        assert isinstance(repair(data), bytes)


@pytest.mark.parametrize("repair", REPAIRS.values(), ids=REPAIRS)
def test_a_repair_done_twice_is_done_once(repair: Callable[[bytes], bytes]) -> None:
    for _, text, _ in CASES:
        assert repair(repair(text)) == repair(text)


@pytest.mark.parametrize("level", [b"[", b'{"a":'])
def test_a_text_that_is_too_deep_is_cut_to_what_python_reads(level: bytes) -> None:
    end = b"]" if level == b"[" else b"}"
    text = level * 1500 + b'"[{"' + end * 1500
    assert isinstance(STRICT.decode(text), Unreadable)
    cut = REPAIRS["deep nesting"](text)
    assert cut == level * DEEP + b"0" + end * DEEP
    assert not isinstance(STRICT.decode(cut), Unreadable)


def test_what_is_in_no_encoding_stays() -> None:
    assert in_utf8(b"") == b""
    assert in_utf8(b"\xff\xfe{\x00\x00") == b"\xff\xfe{\x00\x00"
