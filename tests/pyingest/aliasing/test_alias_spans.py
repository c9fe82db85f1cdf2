"""A span is where the value of a member stands, however its text is spelled."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.aliasing.spans import member_spans

PATH = ("properties", "distinct_id")


def values(text: bytes, path: tuple[str, ...] = PATH) -> list[bytes]:
    return [text[start:end] for start, end in member_spans(text, path)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"properties":{"distinct_id":"u"}}', [b'"u"']),
        (b' { "properties" : { "a" : 1 , "distinct_id" :\n"u" } , "x" : 2 } ', [b'"u"']),
        (b'{"properties":{"distinct_id":-13.5e2}}', [b"-13.5e2"]),
        (b'{"properties":{"distinct_id":null}}', [b"null"]),
        (b'{"properties":{"distinct_id":"a","distinct_id":"b"}}', [b'"a"', b'"b"']),
        (b'{"properties":{"distinct_id":"a\\"}{,:"}}', [b'"a\\"}{,:"']),
        (b'{"properties":{"distinct\\u005fid":"u"}}', [b'"u"']),
        (b'{"distinct_id":"u"}', []),
        (b'{"properties":{"x":{"distinct_id":"u"}}}', []),
        (b'{"properties":[{"distinct_id":"u"}]}', []),
        (b'{"properties":[["properties",{"distinct_id":"u"}],1]}', []),
        (b'{"properties":{"distinct_id":{"distinct_id":"u"}}}', []),
        (b'{"properties":{"distinct_id":["u"],"b":"distinct_id"}}', []),
        (b'{"a":{"properties":{"distinct_id":"u"}}}', []),
        (b'{"a":"properties","b":"distinct_id","c":{"d":["distinct_id"]}}', []),
        (b'{"a":[],"b":{},"properties":{"l":[1,{"q":2}],"distinct_id":"u"}}', [b'"u"']),
        (b'{"properties":"distinct_id"}', []),
        (b'{"properties":{}}', []),
        (b"{}", []),
    ],
)
def test_only_the_member_itself_is_found(text: bytes, expected: list[bytes]) -> None:
    assert values(text) == expected


def test_a_member_at_the_top_is_found() -> None:
    assert values(b'{"$set":{"$distinct_id":"no"},"$distinct_id":7}', ("$distinct_id",)) == [b"7"]


NAMES = st.sampled_from(["properties", "distinct_id", "a", 'say "distinct_id":', "é", "\\"])
SCALARS = st.one_of(NAMES, st.text(max_size=5), st.integers(), st.booleans(), st.none())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(NAMES, JSON, max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_it_finds_what_a_parser_finds(
    document: dict[str, Any], indent: int | None, plain: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=plain).encode()
    inner = document.get("properties")
    found = [json.loads(value) for value in values(text)]
    if isinstance(inner, dict) and "distinct_id" in inner:
        value = inner["distinct_id"]
        assert found == ([] if isinstance(value, dict | list) else [value])
    else:
        assert found == []
