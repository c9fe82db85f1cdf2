"""Updates of people and groups: their operations, and what is refused of them."""

import json
from typing import Any

import pytest

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.record import Circumstances, Cleaned, Refused
from pyingest.routing import Endpoint

NOW = 1795232500.5
ENGAGE = Circumstances(Endpoint.ENGAGE, NOW)
GROUPS = Circumstances(Endpoint.GROUPS, NOW)
STRICT = Circumstances(Endpoint.ENGAGE, NOW, strict=True)


def update(**fields: Any) -> dict[str, Any]:
    return {"$token": "t", "$distinct_id": "d"} | {
        f"${name}": held for name, held in fields.items()
    }


def stored(record: Any, circumstances: Circumstances = ENGAGE) -> Any:
    outcome = clean(record, circumstances)
    assert isinstance(outcome, Cleaned), outcome
    return json.loads(outcome.body)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "$token, missing or empty"),
        (None, "$token, missing or empty"),
        ({"event": "e", "properties": {"token": "t"}}, "$token, missing or empty"),
        ({"$token": "t", "$set": {}}, "$distinct_id, missing or empty"),
        (update(distinct_id="", set={}), "$distinct_id, missing or empty"),
        (update(distinct_id=True, set={}), "$distinct_id, missing or empty"),
        (update(), "no operation in update"),
        (update(frobnicate={}), "no operation in update"),
        (update(set=["a"]), "$set, must be an object"),
        (update(append=None), "$append, must be an object"),
        (update(union="a"), "$union, must be an object"),
        (update(unset=None), "$unset, must be a list of names"),
        (update(unset=["a", []]), "$unset, must be a list of names"),
        (update(add="5"), "$add, must be an object"),
        *(
            (update(add={"n": bad}), "$add, values must be numeric")
            for bad in ("x", "", None, True, [1], float("nan"), "nan", "1_0", "0x1", "1e999")
        ),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_an_update_is_refused_for(record: Any, reason: str) -> None:
    outcome = clean(record, ENGAGE)
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"distinct_id": 5, "set": {"a": None}}, {"$distinct_id": "5", "$set": {"a": None}}),
        ({"delete": "", "set": {"a": 1}}, {"$delete": True, "$set": {"a": 1}}),
        ({"delete": None}, {"$delete": True}),
        ({"unset": {"a": 1, "b": 2}}, {"$unset": ["a", "b"]}),
        ({"unset": ["a", 5]}, {"$unset": ["a", "5"]}),
        ({"unset": []}, {"$unset": []}),
        ({"add": {"a": 1, "b": -0.5, "c": "-2", "d": " 1.5 ", "e": "1e3"}},
         {"$add": {"a": 1, "b": -0.5, "c": -2, "d": 1.5, "e": 1000.0}}),
        ({"add": {"a": 10**30}}, {"$add": {"a": 10**30}}),
        ({"append": {"a": [1, 2]}}, {"$append": {"a": [1, 2]}}),
        ({"union": {"a": "x", "b": ["y"], "c": {"d": 1}}},
         {"$union": {"a": ["x"], "b": ["y"], "c": [{"d": 1}]}}),
        ({"remove": {"a": "x"}}, {"$remove": {"a": "x"}}),
        ({"set": {}, "ignore_time": True}, {"$set": {}, "$ignore_time": True}),
        ({"set": {}, "ignore_time": "false"}, {"$set": {}, "$ignore_time": False}),
        ({"set": {}, "ignore_alias": "True"}, {"$set": {}, "$ignore_alias": True}),
        ({"set": {"a": "x" * 300}}, {"$set": {"a": "x" * 255}}),
        ({"set": {"a": list(range(1000))}}, {"$set": {"a": list(range(1000))}}),
        ({"set": {str(n): n for n in range(2001)}}, {"$set": {str(n): n for n in range(2000)}}),
        ({"set": {}, "device_id": "x", "user_id": "y", "mp_metadata": {"a": 1}},
         {"$set": {}, "$device_id": "x", "$user_id": "y", "$mp_metadata": {"a": 1}}),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_operations_are_mended(given: Any, kept: Any) -> None:
    found = stored(update(**given))
    del found["envelope"], found["$time"]
    assert found == {"$distinct_id": "d"} | kept


def test_a_transaction_gets_the_time_of_its_update_unless_it_has_one() -> None:
    bought = [{"$amount": 1}, {"$amount": 2, "$time": "then"}, 3]
    record = update(set={"$transactions": bought}, append={"$transactions": {}}, time=1300000000000)
    found = stored(record)
    stamp = "2011-03-13T07:06:40"
    assert found["$set"]["$transactions"] == [
        {"$amount": 1, "$time": stamp},
        {"$amount": 2, "$time": "then"},
        3,
    ]
    assert found["$append"]["$transactions"] == {"$time": stamp}
    assert bought[0] == {"$amount": 1}


@pytest.mark.parametrize("time", [-(10**11), -(10**40)])
def test_a_transaction_may_be_of_any_time(time: int) -> None:
    assert (
        "$time"
        in stored(update(append={"$transactions": {}}, time=time))["$append"]["$transactions"]
    )


@pytest.mark.parametrize(
    ("time", "kept"),
    [(1795232234748, 1795232234.748), (None, NOW), ("x", NOW), (NOW + 9, NOW), (1.5, 1.5)],
)
def test_the_time_of_an_update_is_cleaned_as_that_of_an_event(time: Any, kept: float) -> None:
    assert stored(update(time=time, set={}))["$time"] == kept


def test_a_group_is_spoken_of_by_its_key_and_its_id() -> None:
    record = {"$token": "t", "$group_key": "company", "$group_id": 7, "$set": {"a": 1}}
    outcome = clean(record, GROUPS)
    assert isinstance(outcome, Cleaned)
    assert (outcome.key, outcome.id) == (b"t:company:7", b"")
    for missing in ("$group_key", "$group_id"):
        refused = clean({**record, missing: None}, GROUPS)
        assert isinstance(refused, Refused)
        assert refused.reason == f"{missing}, missing or empty"


def test_the_key_of_an_update_is_that_of_the_events_of_its_person() -> None:
    one = clean(update(set={}, distinct_id=5), ENGAGE)
    event = {"event": "e", "properties": {"token": "t", "distinct_id": "5"}}
    other = clean(event, Circumstances(Endpoint.TRACK, NOW))
    assert isinstance(one, Cleaned)
    assert isinstance(other, Cleaned)
    assert one.key == other.key == b"t:5"


def test_what_nobody_knows_goes_into_the_envelope() -> None:
    found = stored(update(set={}, frobnicate=1) | {"id": 4})
    assert found["envelope"]["other"] == {"$frobnicate": 1, "id": 4}
    assert found.keys() == {"$distinct_id", "$set", "$time", "envelope"}


@pytest.mark.parametrize(
    ("record", "field", "message"),
    [
        (update(set={"a": float("nan")}), "$set.a", "'$set.a' is invalid: must be a finite number"),
        (update(set={"a": "\ud800"}), "$set.a",
         "$set.a is invalid: string should be valid utf8"),
        (update(set={"a": [[[[1]]]]}), "$set.a",
         "'$set.a' is invalid: must keep to the limits of number, size and depth"),
        (update(set={}, time="x"), "$time",
         "'$time' is invalid: must be specified as seconds since epoch"),
        (update(), "", "there is no operation in the update"),
        ({"$token": "t", "$set": {}}, "$distinct_id",
         "'$distinct_id' is invalid: must not be missing"),
    ],
)  # fmt: skip
def test_a_strict_update_is_told_what_is_wrong(record: Any, field: str, message: str) -> None:
    outcome = clean(record, STRICT)
    assert isinstance(outcome, Refused)
    assert (outcome.field, outcome.message) == (field, message)


def test_a_strict_update_needs_no_time() -> None:
    assert isinstance(clean(update(set={"a": 1}), STRICT), Cleaned)
