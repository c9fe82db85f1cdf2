"""How two events differ: kinds and paths."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.differing.canonical import canonical, parse
from compare.differing.difference import LONGEST, Difference, Kind, differences, type_name

LEAVES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0]) | st.text("ab")
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=6,
)


def found(legacy: str, candidate: str) -> list[tuple[str, str]]:
    pairs = differences(parse(legacy.encode()), parse(candidate.encode()))
    return [(one.kind.value, one.path) for one in pairs]


@pytest.mark.parametrize(
    ("legacy", "candidate", "expected"),
    [
        ('{"a":1}', '{"a":1.0}', [("type", "a")]),
        ('{"a":1}', '{"a":true}', [("bool_vs_int", "a")]),
        ('{"a":true}', '{"a":false}', [("value_bool", "a")]),
        ('{"a":1}', '{"a":"1"}', [("type", "a")]),
        ('{"a":1}', '{"a":2}', [("value_number", "a")]),
        ('{"a":{"b":1}}', '{"a":{}}', [("field_removed", "a.b")]),
        ('{"a":{}}', '{"a":{"b":1}}', [("field_added", "a.b")]),
        ('{"a":null}', "{}", [("null_vs_absent", "a")]),
        ('{"a":[]}', '{"a":{}}', [("empty_list_vs_object", "a")]),
        ('{"a":1,"a":2}', '{"a":2}', [("duplicate_key", "a")]),
        ('{"a":1,"a":2}', '{"a":1,"a":3}', [("value_number", "a")]),
        ('{"a":0.1}', '{"a":0.10000000000000000555}', [("numeric_format", "a")]),
        ('{"a":0.0}', '{"a":-0.0}', [("value_number", "a")]),
        ('{"a":1E400}', '{"a":1E500}', [("value_number", "a")]),
        ('{"a":1E+999999}', '{"a":1E-999999}', [("value_number", "a")]),
        ('{"time":1300000000}', '{"time":1300003600}', [("time_shift", "time")]),
        ('{"time":1300000000}', '{"time":1300000007}', [("value_number", "time")]),
        ('{"a":"Foo"}', '{"a":"foo"}', [("case", "a")]),
        ('{"a":"a b"}', '{"a":"ab "}', [("whitespace", "a")]),
        ('{"a":"é"}', '{"a":"e\u0301"}', [("unicode_norm", "a")]),
        ('{"a":"é"}', '{"a":"Ã©"}', [("mojibake", "a")]),
        ('{"a":"né"}', '{"a":"n\ufffd"}', [("mojibake", "a")]),
        ('{"a":"x y"}', '{"a":"x+y"}', [("url_decoding", "a")]),
        ('{"a":"abcdef"}', '{"a":"abc"}', [("truncated", "a")]),
        ('{"a":"abc"}', '{"a":"xyz"}', [("value_string", "a")]),
        ('{"a":[1,2,3]}', '{"a":[3,1,2]}', [("reordered", "a")]),
        ('{"a":[1,2,3]}', '{"a":[1,3]}', [("field_removed", "a[]")]),
        ('{"a":[1]}', '{"a":[1,2]}', [("field_added", "a[]")]),
        ('{"a":[1,2,3,4,5]}', '{"a":[1,3,5]}', [("field_removed", "a[]")] * 2),
        ('{"a":[1,2]}', '{"a":[3,4,5]}', [("value_number", "a[]")] * 2 + [("field_added", "a[]")]),
        ('{"a":[{"b":1},{"b":2}]}', '{"a":[{"b":1},{"b":3}]}', [("value_number", "a[].b")]),
        ('{"a":1,"b":2}', '{"b":2.0,"a":1.00}', [("type", "a"), ("type", "b")]),
        ('{"a":1', '{"a":1}', [("unparsable", "")]),
    ],
)
def test_a_difference_has_a_kind_and_a_path(
    legacy: str, candidate: str, expected: list[tuple[str, str]]
) -> None:
    assert found(legacy, candidate) == expected


@pytest.mark.parametrize(
    ("legacy", "candidate", "kind"),
    [
        ("straße", "STRASSE", Kind.CASE),
        ("σίσυφος", "ΣΊΣΥΦΟΣ", Kind.CASE),
        ("İzmir", "izmir", Kind.CASE),
        ("ısı", "ISI", Kind.CASE),
        ("Foo Bar", "foobar", Kind.CASE),
        ("a\u00a0b", "a b", Kind.WHITESPACE),
        ("a\u200bb", "ab", Kind.WHITESPACE),
        ("a\r\nb", "a\nb", Kind.WHITESPACE),
        ("e\u0301 x", "\u00e9x", Kind.WHITESPACE),
        ("\u212a", "K", Kind.UNICODE_NORM),
        ("ﬁn", "fin", Kind.UNICODE_NORM),
        ("Ａ1", "A1", Kind.UNICODE_NORM),
        ("é", "Ã\u0083Â©", Kind.MOJIBAKE),
        ("é", "ÃƒÂ©", Kind.MOJIBAKE),
        ("“x”", "â€œxâ€\x9d", Kind.MOJIBAKE),
        ("日本", "??", Kind.MOJIBAKE),
        ("日本", "??????", Kind.MOJIBAKE),
        ("abcé", "abc\ufffd", Kind.MOJIBAKE),
        ("Zoë M", "Zo M", Kind.MOJIBAKE),
        ("é", "%C3%A9", Kind.URL_DECODING),
        ("é", "%E9", Kind.URL_DECODING),
        ("a é", "a%20%u00E9", Kind.URL_DECODING),
        ("😀", "%uD83D%uDE00", Kind.URL_DECODING),
        ("a%20b", "a+b", Kind.URL_DECODING),
        ("a b", "a%2520b", Kind.URL_DECODING),
        ("Zoë", "Zo", Kind.TRUNCATED),
        ("abcé def", "abc\ufffd", Kind.TRUNCATED),
        ("abc😀d", "abc\ud83d", Kind.TRUNCATED),
        ("abcdef", "abc…", Kind.TRUNCATED),
        ("abcdefgh", "abcdefg...", Kind.TRUNCATED),
        ("1.00000000000000000000e+00", "1.0", Kind.NUMERIC_FORMAT),
        ("2011-05-01T10:00:00", "2011-05-01T12:00:00", Kind.TIME_SHIFT),
        ("2011-05-01T10:00:00Z", "2011-05-01 12:00:00+02:00", Kind.TIME_SHIFT),
    ],
)
def test_texts_that_are_alike_are_told_by_what_is_the_matter(
    legacy: str, candidate: str, kind: Kind
) -> None:
    assert [one.kind for one in differences(legacy, candidate)] == [kind]
    assert [one.kind for one in differences(candidate, legacy)] == [kind]


@pytest.mark.parametrize(
    ("legacy", "candidate"),
    [
        ("abc", "xyz"),
        ("abc", ""),
        ("%E8", "%E9"),
        ("1+1", "2"),
        ("007", "7"),
        ("12", "13"),
        ("9007199254740993", "9007199254740992"),
        ("1e999", "1e998"),
        ("what?", "whatx"),
        ("2011-05-01T10:00:00", "2011-05-01T10:00:01"),
        ("2011-05-01T10:00:00", "2011-05-03T10:00:00"),
        ("2011-13-01T10:00:00", "2011-12-01T10:00:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T01:00:01Z"),
    ],
)
def test_texts_of_another_meaning_are_only_other_texts(legacy: str, candidate: str) -> None:
    assert [one.kind for one in differences(legacy, candidate)] == [Kind.VALUE_STRING]


@pytest.mark.parametrize(
    ("name", "legacy", "candidate", "kind"),
    [
        ("time", 1_300_000_000, 1_300_003_600, Kind.TIME_SHIFT),
        ("time", 1_300_000_000_000, 1_300_003_600_000, Kind.TIME_SHIFT),
        ("last_seen", 1_300_000_000, 1_300_000_000 - 8 * 3600, Kind.TIME_SHIFT),
        ("x", 1_300_000_000, 1_300_000_000_123, Kind.TIME_SHIFT),
        ("x", 1_300_000_001, 1_300_000_000_999, Kind.TIME_SHIFT),
        ("x", 1_300_000_000, 1_300_000_000_999_999, Kind.TIME_SHIFT),
        ("x", 1_300_000_000, 1_300_003_600, Kind.VALUE_NUMBER),
        ("time", 1_300_000_000, 1_300_003_601, Kind.VALUE_NUMBER),
        ("time", 1_300_000_000, 1_300_000_000 + 15 * 3600, Kind.VALUE_NUMBER),
        ("x", 5, 5000, Kind.VALUE_NUMBER),
        ("updates", 900, 1800, Kind.VALUE_NUMBER),
    ],
)
def test_times_in_another_zone_or_unit_are_shifted(
    name: str, legacy: int, candidate: int, kind: Kind
) -> None:
    assert [one.kind for one in differences({name: legacy}, {name: candidate})] == [kind]
    assert [one.kind for one in differences({name: candidate}, {name: legacy})] == [kind]


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_nothing_differs_if_and_only_if_the_canonical_texts_agree(one: Any, other: Any) -> None:
    assert (differences(one, other) == []) == (canonical(one) == canonical(other))


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES)
def test_the_same_paths_differ_from_either_side(one: Any, other: Any) -> None:
    forth, back = differences(one, other), differences(other, one)
    assert sorted((d.path, d.legacy or "") for d in forth) == sorted(
        (d.path, d.candidate or "") for d in back
    )


def test_both_values_are_told_as_json() -> None:
    assert differences(parse(b'{"a":"x"}'), parse(b'{"a":[1.50]}')) == [
        Difference(Kind.TYPE, "a", '"x"', "[1.5]")
    ]


def test_a_long_value_is_cut() -> None:
    (one,) = differences({"a": "x" * 5000}, {"a": 1})
    assert one.legacy is not None
    assert len(one.legacy) == LONGEST


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, "absent"),
        ("-1", "int"),
        ("1.5", "float"),
        ("1E+6", "float"),
        ('"1"', "string"),
        ("true", "bool"),
        ("null", "null"),
        ("[1]", "list"),
        ("{}", "object"),
        ("NaN", "float"),
    ],
)
def test_a_text_tells_its_type(text: str | None, name: str) -> None:
    assert type_name(text) == name
