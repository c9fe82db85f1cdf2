"""What the condition of an acceptance is asked about."""

from decimal import Decimal

import pytest

from compare.differing.difference import Difference, Kind
from compare.differing.record import difference_record

DIFFERENCE = Difference(Kind.NUMERIC_FORMAT, "properties.price", "1.10", "1.1")
LEGACY = b'{"event":"buy","properties":{"price":1.10,"n":2,"n":3,"list":[true,null]}}'
CANDIDATE = b'{"event":"buy","properties":{"price":1.1,"n":2}}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.10", Decimal("1.1")),
        ('"1"', "1"),
        ("null", None),
        ("[1,2]", [1, 2]),
        ("200", 200),
        ("text/plain", "text/plain"),
        ('"cut sho', '"cut sho'),
        ("\ud800", "\ud800"),
    ],
)
def test_a_side_of_a_difference_is_its_value_or_else_its_text(text: str, value: object) -> None:
    difference = Difference(Kind.TYPE, "properties.a", text, "0")
    told = {"kind": "type", "path": "properties.a", "legacy": value, "candidate": 0}
    assert difference_record(difference, None, None, dict)["diff"] == [told]


def test_events_are_values_that_keep_every_digit() -> None:
    record = difference_record(DIFFERENCE, CANDIDATE, LEGACY, dict)
    properties = {"price": Decimal("1.1"), "n": 2}
    assert record["legacy"] == {"event": "buy", "properties": properties}
    assert record["properties"] == properties


def test_without_an_event_of_legacy_the_properties_are_the_candidate_s() -> None:
    extra = Difference(Kind.EXTRA, "", None, "{}")
    record = difference_record(extra, None, CANDIDATE, dict)
    assert record["properties"] == {"price": Decimal("1.1"), "n": 2}
    assert "legacy" not in record
    assert record["diff"] == [{"kind": "extra", "path": "", "candidate": {}}]


@pytest.mark.parametrize("body", [b"\xff", b'"text"', b"[1]", b'{"properties":5}', b"{}"])
def test_an_event_of_another_shape_has_no_properties(body: bytes) -> None:
    record = difference_record(DIFFERENCE, body, body, dict)
    assert "properties" not in record


def test_what_nobody_asks_about_is_not_made() -> None:
    def never() -> dict[str, object]:
        raise AssertionError("nobody asked")

    record = difference_record(DIFFERENCE, LEGACY, CANDIDATE, never, {"diff"})
    assert record.keys() == {"diff"}


def test_the_request_is_what_the_caller_knows_of_it() -> None:
    record = difference_record(DIFFERENCE, None, None, lambda: {"method": "GET"}, {"request"})
    assert record["request"] == {"method": "GET"}
