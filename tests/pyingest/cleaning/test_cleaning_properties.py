"""What holds of cleaning whatever the record: it never raises, its text is JSON, it ends."""

import copy
import json
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.record import Circumstances, Cleaned, Dropped, Refused
from pyingest.cleaning.rules import RULES
from pyingest.cleaning.settings import CleaningSettings
from pyingest.routing import Endpoint

NOW = 1795232500.5
RULE_NAMES = {rule.name for rule in RULES}
SETTINGS = CleaningSettings(new_id=lambda: "0" * 32)
NAMES = st.sampled_from(
    [
        "event",
        "properties",
        "token",
        "$token",
        "distinct_id",
        "$distinct_id",
        "time",
        "$time",
        "$insert_id",
        "ip",
        "$ip",
        "$ignore",
        "bucket",
        "$bucket",
        "alias",
        "$anon_id",
        "$identified_id",
        "$distinct_ids",
        "$group_key",
        "$group_id",
        "$set",
        "$set_once",
        "$add",
        "$append",
        "$union",
        "$unset",
        "$remove",
        "$delete",
        "$transactions",
        "$latitude",
        "$longitude",
        "$mp_metadata",
        "id",
        "$ignore_time",
        "$ignore_alias",
        "mp_lib",
        "$lib_version",
    ]
)
ANY_TEXT = st.text(st.characters(), max_size=8)  # lone surrogates included
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.sampled_from(["$merge", "$create_alias", "$identify", "x" * 300, "a\0b", 10**400, 10**15])
    | st.sampled_from(["2026-11-21T12:00:00Z", "1300000000", "undefined", "203.0.113.9", "0", "::"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | ANY_TEXT, inner, max_size=6)
    ),
    max_leaves=25,
)
PROPERTIES = st.dictionaries(NAMES | ANY_TEXT, VALUES, max_size=8)
EVENTS = st.fixed_dictionaries(
    {"event": LEAVES, "properties": PROPERTIES.map(lambda own: {"token": "t"} | own)},
    optional={"id": VALUES, "$mp_metadata": VALUES},
)
UPDATES = st.dictionaries(NAMES, VALUES, max_size=8).map(
    lambda own: {"$token": "t", "$distinct_id": "d", "$group_key": "k", "$group_id": 1} | own
)
CIRCUMSTANCES = st.builds(
    Circumstances,
    endpoint=st.sampled_from(Endpoint),
    now=st.just(NOW),
    address=st.sampled_from(["", "203.0.113.9", "2001:db8::1", "?"]),
    use_address=st.booleans(),
    strict=st.booleans(),
    project=st.sampled_from(["", "project"]),
)


def read(body: bytes) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(body.decode("utf-8", "strict"), parse_constant=refuse)


@given(VALUES | EVENTS | UPDATES, CIRCUMSTANCES)
def test_any_json_value_is_cleaned_refused_or_dropped(
    record: Any, circumstances: Circumstances
) -> None:
    before = copy.deepcopy(record)
    result = clean(record, circumstances, SETTINGS)
    assert repr(record) == repr(before)
    match result:
        case Cleaned():
            assert read(result.body)["envelope"]["token"] == result.token
            msgspec.json.decode(result.body)
            assert set(result.notes) <= RULE_NAMES
        case Refused():
            assert result.reason
            assert result.message
            json.dumps([result.message, result.insert_id, result.token]).encode()
        case Dropped():
            assert result.token


@given(EVENTS, CIRCUMSTANCES)
def test_a_cleaned_event_stays_as_it_is(record: Any, circumstances: Circumstances) -> None:
    circumstances = replace(circumstances, endpoint=Endpoint.TRACK)
    first = clean(record, circumstances, SETTINGS)
    if isinstance(first, Cleaned):
        once = read(first.body)
        again = {**once, "properties": once["properties"] | {"token": first.token}}
        del again["envelope"]
        second = clean(again, replace(circumstances, use_address=False), SETTINGS)
        assert isinstance(second, Cleaned)
        twice = read(second.body)
        assert twice["properties"] == once["properties"]
        assert twice["event"] == once["event"]
        assert (second.key, second.token) == (first.key, first.token)


@given(UPDATES, CIRCUMSTANCES)
def test_a_cleaned_update_stays_as_it_is(record: Any, circumstances: Circumstances) -> None:
    circumstances = replace(circumstances, endpoint=Endpoint.ENGAGE)
    first = clean(record, circumstances, SETTINGS)
    if isinstance(first, Cleaned):
        once = read(first.body)
        del once["envelope"]
        again = once | {"$token": first.token}
        second = clean(again, replace(circumstances, use_address=False), SETTINGS)
        assert isinstance(second, Cleaned)
        twice = read(second.body)
        del twice["envelope"]
        assert twice == once
        assert second.key == first.key
