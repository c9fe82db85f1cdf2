"""What an event says, apart from how it is written."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.differing.canonical import Unparsable, canonical, content, parse
from pyingest.wire.term import Object

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def typed(value: Any) -> Any:
    """Return what equality should mean, spelled out: a tuple that names each type."""
    match value:
        case dict():
            return "object", frozenset((key, typed(item)) for key, item in value.items())
        case list():
            return "list", tuple(typed(item) for item in value)
        case float():
            return "float", repr(value)
        case _:
            return type(value).__name__, value


def spelled(value: Any, random: Random) -> str:
    """Return JSON text of *value* in one of its many spellings."""
    blank = random.choice(("", "", " ", "\n"))
    match value:
        case dict():
            pairs = list(value.items())
            random.shuffle(pairs)
            members = (
                f"{string(key, random)}{blank}:{spelled(item, random)}" for key, item in pairs
            )
            return "{" + f",{blank}".join(members) + "}"
        case list():
            return "[" + f"{blank},".join(spelled(item, random) for item in value) + "]"
        case str():
            return string(value, random)
        case float():
            exact = Decimal(repr(value))
            return random.choice((f"{exact:e}".replace("e", random.choice("eE")), floating(exact)))
        case _:
            return json.dumps(value)


def floating(exact: Decimal) -> str:
    plain = f"{exact:f}"
    return plain + "00" if "." in plain else plain + ".0"


def string(text: str, random: Random) -> str:
    return json.dumps(text, ensure_ascii=random.random() < 0.5)


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES, st.integers(0, 99))
def test_canonical_texts_agree_if_and_only_if_the_values_do(
    one: Any, other: Any, seed: int
) -> None:
    random = Random(seed)
    texts = [spelled(value, random).encode() for value in (one, one, other)]
    first, again, second = (canonical(parse(text)) for text in texts)
    assert first == again
    assert (first == second) == (typed(one) == typed(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1.0e+6", b"1000000.0"),
        (b"1.10", b"1.1"),
        (b"1E5", b"100000.0"),
        (b"0.00", b"0.0"),
        (b'{"a":1,"b":[true,null]}', b' { "b" : [ true , null ] , "a" : 1 } '),
        (b'"\\u00e9"', '"é"'.encode()),
        (b'"\\ud83d\\ude00"', '"😀"'.encode()),
        (b'{"a":1,"b":2,"a":3}', b'{"b":2,"a":1,"a":3}'),
    ],
)
def test_two_spellings_say_the_same(one: bytes, other: bytes) -> None:
    assert canonical(parse(one)) == canonical(parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1", b"1.0"),
        (b"1", b"true"),
        (b"0", b"false"),
        (b'"1"', b"1"),
        (b'"1.5"', b"1.5"),
        (b"0.0", b"-0.0"),
        (b"9007199254740993", b"9007199254740992"),
        (b"123456789012345678901234567890", b"1.2345678901234568e+29"),
        (b"0.1", b"0.1000000000000000055511151231257827"),
        (b'{"a":1,"a":1}', b'{"a":1}'),
        (b'{"a":1,"a":2}', b'{"a":2,"a":1}'),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b"[]", b"{}"),
        (b'{"a":null}', b"{}"),
        (b'"\\ud83d"', b'"\\ufffd"'),
        (b"NaN", b"null"),
        (b"1E400", b"1E401"),
    ],
)
def test_two_values_are_kept_apart(one: bytes, other: bytes) -> None:
    assert canonical(parse(one)) != canonical(parse(other))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a" :1,"a" :2}',
        b'[{"x":{"a":1,\n"b":0,"a"\n:2}}]',
        b'{"\\":":1,"a":1,"a":1}',
    ],
)
def test_a_repeated_key_is_never_lost(text: bytes) -> None:
    found = str(parse(text))
    assert "Object" in found


def test_a_colon_in_a_string_is_no_key() -> None:
    assert isinstance(parse(b'{"a":"say \\":\\" twice"}'), dict)


@pytest.mark.parametrize(
    "body",
    [b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xff"', b"", b"{", b"[" * 5000 + b"]" * 5000, b"1" * 5000],
    ids=["CESU-8", "not UTF-8", "empty", "cut", "deep", "huge"],
)
def test_what_no_reader_takes_is_kept_as_bytes(body: bytes) -> None:
    assert parse(body) == Unparsable(body)
    assert body in canonical(parse(body))


def test_many_brackets_are_not_taken_for_depth() -> None:
    assert isinstance(parse(b"[" + b"[]," * 300 + b'"[[["]'), list)


@pytest.mark.parametrize(
    ("body", "ip", "time"),
    [
        (b'{"event":"a","properties":{"token":"t","ip":"1.1.1.1","time":5}}', b'"1.1.1.1"', b"5"),
        (b'{"$token":"t","$ip":"1.1.1.1","$time":5.50}', b'"1.1.1.1"', b"5.5"),
        (b'{"event":"a","properties":{"token":"t"}}', b"", b""),
        (b'{"event":"a","properties":{"token":"t","time":1,"time":2}}', b"", b"1,2"),
    ],
)
def test_server_set_fields_stand_apart(body: bytes, ip: bytes, time: bytes) -> None:
    said = content(parse(body))
    assert (said.ip, said.time) == (ip, time)


def test_the_rest_of_an_event_does_not_depend_on_its_time() -> None:
    one = content(parse(b'{"event":"a","properties":{"token":"t","time":1}}'))
    other = content(parse(b'{"properties":{"time":2.5,"token":"t"},"event":"a"}'))
    assert one.bare == other.bare
    assert one != content(parse(b'{"event":"b","properties":{"token":"t","time":1}}'))


def test_an_object_of_repeated_keys_is_no_dict() -> None:
    assert isinstance(parse(b'{"a":1,"a":2}'), Object)
