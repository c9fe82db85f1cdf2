"""Addresses: where they are, what stays of them, and who they stand in for."""

import json
from typing import Any

import pytest

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.places import kept
from pyingest.cleaning.record import Circumstances, Cleaned
from pyingest.cleaning.settings import AddressPolicy, CleaningSettings, Place, random_digits
from pyingest.routing import Endpoint

NOW = 1795232500.5
HERE = {"203.0.113.9": Place("Springfield", "Ohio", "US"), "2001:db8::1": Place(country="FR")}
LOCATING = CleaningSettings(locate=HERE.get)


def event(given: dict[str, Any], address: str, settings: CleaningSettings) -> Any:
    """Return the record that becomes of an event from *address*, which said ``ip=1`` if not."""
    here = Circumstances(Endpoint.TRACK, NOW, address, use_address=bool(address))
    properties = {"token": "t", "distinct_id": "d", "time": 1, "$insert_id": "i"}
    outcome = clean({"event": "e", "properties": properties | given}, here, settings)
    assert isinstance(outcome, Cleaned)
    record = json.loads(outcome.body)
    for name in ("distinct_id", "time", "$insert_id"):
        del record["properties"][name]
    return record


def profile(given: dict[str, Any], address: str, settings: CleaningSettings) -> Any:
    here = Circumstances(Endpoint.ENGAGE, NOW, address, use_address=bool(address))
    outcome = clean({"$token": "t", "$distinct_id": "d", "$time": 1} | given, here, settings)
    assert isinstance(outcome, Cleaned)
    record = json.loads(outcome.body)
    del record["envelope"], record["$distinct_id"], record["$time"]
    return record


PLACE = {"$city": "Springfield", "$region": "Ohio", "mp_country_code": "US"}


@pytest.mark.parametrize(
    ("given", "address", "stored"),
    [
        ({}, "203.0.113.9", PLACE),
        ({"ip": "203.0.113.9"}, "", PLACE),
        ({"ip": "2001:db8::1"}, "203.0.113.9", PLACE),
        ({"ip": "2001:0db8:0::1"}, "", {"mp_country_code": "FR"}),
        ({"ip": "192.0.2.1"}, "", {}),
        ({"ip": "nowhere"}, "", {}),
        ({"ip": 0}, "203.0.113.9", {}),
        ({"ip": "0"}, "203.0.113.9", {}),
        ({"ip": ["203.0.113.9"]}, "", {}),
        ({"$city": "Rome"}, "203.0.113.9", PLACE | {"$city": "Rome"}),
        ({"$city": None}, "203.0.113.9", PLACE),
        ({"$latitude": 1, "$longitude": 2}, "203.0.113.9", {"$latitude": 1, "$longitude": 2}),
        ({"$latitude": 1}, "203.0.113.9", PLACE | {"$latitude": 1}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_event_gets_its_place_and_loses_its_address(
    given: Any, address: str, stored: Any
) -> None:
    assert event(given, address, LOCATING)["properties"] == stored


@pytest.mark.parametrize(
    ("given", "address", "stored"),
    [
        ({"$set": {}}, "203.0.113.9",
         {"$set": {"$city": "Springfield", "$region": "Ohio", "$country_code": "US"}}),
        ({"$set": {"$country_code": "DE"}, "$ip": "2001:db8::1"}, "203.0.113.9",
         {"$set": {"$country_code": "DE"}}),
        ({"$set": {}, "$ip": "0"}, "203.0.113.9", {"$set": {}}),
        ({"$set": {}, "$ip": 0}, "203.0.113.9", {"$set": {}}),
        ({"$set": {}, "$latitude": 1, "$longitude": 2}, "203.0.113.9",
         {"$set": {}, "$latitude": 1, "$longitude": 2}),
        ({"$add": {"a": 1}}, "203.0.113.9", {"$add": {"a": 1}}),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_a_profile_gets_its_place_and_loses_its_address(
    given: Any, address: str, stored: Any
) -> None:
    assert profile(given, address, LOCATING) == stored


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        (AddressPolicy.KEEP, "203.0.113.9"),
        (AddressPolicy.TRUNCATE, "203.0.113.0"),
        (AddressPolicy.DROP, None),
    ],
)
def test_without_a_database_the_address_stays_as_the_settings_say(
    policy: AddressPolicy, left: str | None
) -> None:
    settings = CleaningSettings(address=policy)
    for record in (event({}, "203.0.113.9", settings), event({"ip": "203.0.113.9"}, "", settings)):
        assert record["properties"].get("ip") == left
    assert event({}, "203.0.113.9", settings)["envelope"].get("address") == left
    assert profile({"$set": {}, "$ip": "203.0.113.9"}, "", settings).get("$ip") == left
    assert "203.0.113.9" not in json.dumps(event({}, "203.0.113.9", settings)) or left


@pytest.mark.parametrize(
    ("address", "cut"),
    [
        ("203.0.113.200", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::1", "::"),
        ("nowhere", ""),
        ("", ""),
    ],
)
def test_a_truncated_address_is_a_network(address: str, cut: str) -> None:
    assert kept(address, AddressPolicy.TRUNCATE) == cut


def test_without_a_person_the_address_stands_in_by_a_keyed_hash() -> None:
    def person(address: str, key: bytes, **given: Any) -> Any:
        here = Circumstances(Endpoint.TRACK, NOW, address, use_address=True)
        record = {"event": "e", "properties": {"token": "t"} | given}
        outcome = clean(record, here, CleaningSettings(address_key=key))
        assert isinstance(outcome, Cleaned)
        return json.loads(outcome.body)["properties"].get("distinct_id")

    one = person("203.0.113.9", b"key")
    assert one.startswith("h:")
    assert len(one) == 34
    assert person("203.0.113.9", b"key") == one
    assert len({one, person("203.0.113.8", b"key"), person("203.0.113.9", b"k" * 99)}) == 3
    assert person("203.0.113.9", b"key", distinct_id="") == ""
    assert person("", b"key") is None


def test_random_digits_fit_an_insert_id() -> None:
    assert len("sv-" + random_digits()) <= 36
    assert random_digits() != random_digits()
