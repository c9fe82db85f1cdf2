"""The legacy service's JSON: its own answers as a table, and the fast path against the slow one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.wire import json_lenient, json_mochi, json_strict
from pyingest.wire.term import IllFormed, Object, Unreadable

TABLE = json.loads((Path(__file__).parent / "erlang_answers.json").read_text())["json"]


def rewritten(codec: Any, text: bytes) -> bytes | None:
    term = codec.decode(text)
    return None if isinstance(term, Unreadable) else codec.encode(term)


@pytest.mark.parametrize(("text", "expected"), TABLE)
@pytest.mark.parametrize("codec", [json_mochi, json_lenient], ids=["fast", "lenient"])
def test_it_gives_the_bytes_that_mochijson2_gave(
    codec: Any, text: str, expected: str | None
) -> None:
    wanted = None if expected is None else expected.encode("latin-1")
    assert rewritten(codec, text.encode("latin-1")) == wanted


@pytest.mark.parametrize("codec", [json_mochi, json_lenient], ids=["fast", "lenient"])
@pytest.mark.parametrize(
    ("opening", "middle", "closing"), [(b"[", b"", b"]"), (b'{"a":', b"1", b"}")]
)
def test_any_depth_is_read_and_written(
    codec: Any, opening: bytes, middle: bytes, closing: bytes
) -> None:
    for depth in (500, 1500, 50_000):
        text = opening * depth + middle + closing * depth
        assert rewritten(codec, text) == text


@pytest.mark.parametrize("digits", [3999, 4000, 4001, 5000])
def test_integers_may_have_any_length(digits: int) -> None:
    text = b"[" + b"9" * digits + b",-" + b"9" * digits + b"]"
    assert rewritten(json_mochi, text) == text


def test_a_string_that_is_not_utf8_is_read_but_not_written() -> None:
    term: Any = json_mochi.decode(b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}')
    assert isinstance(term["a"], IllFormed)
    assert json_mochi.encode(term) is None


def test_keys_that_repeat_stay_and_the_first_counts() -> None:
    term: Any = json_mochi.decode(b'{"a":1,"b":":","a":2}')
    assert isinstance(term, Object)
    assert term.get("a") == 1
    assert json_mochi.encode(term) == b'{"a":1,"b":":","a":2}'


@pytest.mark.parametrize("colon", [b":", b" :", b"\t:", b"\n: ", b"\r:"])
@pytest.mark.parametrize("rest", [b"", b',"c":":"', b',"c":"\\":"', b',"c":" :"'])
def test_a_repeated_key_is_noticed_however_it_is_written(colon: bytes, rest: bytes) -> None:
    text = b'{"x":{"a"%b1,"\\u0061"%b2}%b}' % (colon, colon, rest)
    term: Any = json_mochi.decode(text)
    assert isinstance(term.get("x"), Object)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
scraps = st.sampled_from(
    [
        '"',
        "\\",
        "\\u",
        "d83d",
        "\\ude00",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        " :",
        "1",
        "-",
        ".5",
        "1e400",
        "E+3",
        "null",
        "true",
        "é",
        "😀",
        "\x00",
        "\x7f",
        "\ud83d",
        '"a":1',
        '"a" :1',
        "//",
    ]
)


@given(values, st.booleans(), st.lists(st.tuples(st.integers(0, 200), scraps), max_size=3))
def test_fast_and_lenient_never_disagree(
    value: Any, ascii_only: bool, damage: list[tuple[int, str]]
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    for place, scrap in damage:
        at = place % (len(text) + 1)
        text = text[:at] + scrap + text[at:]
    data = text.encode("utf-8", "surrogatepass")
    fast, lenient = json_mochi.decode(data), json_lenient.decode(data)
    assert isinstance(fast, Unreadable) == isinstance(lenient, Unreadable)
    assert rewritten(json_mochi, data) == rewritten(json_lenient, data)


@given(st.binary(max_size=40))
def test_no_bytes_make_a_reader_raise(data: bytes) -> None:
    for codec in (json_mochi, json_lenient, json_strict):
        rewritten(codec, data)


@given(values)
def test_what_the_legacy_layout_says_is_what_was_meant(value: Any) -> None:
    written = rewritten(json_mochi, json.dumps(value).encode())
    assert written is not None
    assert json.loads(written) == value


def test_the_straightforward_port_keeps_the_last_of_repeated_keys() -> None:
    assert rewritten(json_strict, b'{"a":1, "a":2.50}') == b'{"a":2.5}'


@pytest.mark.parametrize("text", [b"[1,]", b'"\xed\xa0\xbd"', b"NaN", b"{1:2}", b"[" * 100_000])
def test_the_straightforward_port_refuses(text: bytes) -> None:
    assert isinstance(json_strict.decode(text), Unreadable)
