"""Noise rules allow their class of differences and nothing else, and stay watched."""

import tomllib
from typing import Any

import msgspec
import pytest

from compare.differing.canonical import parse
from compare.differing.difference import Difference, differences
from compare.noise.fields import FieldRules
from compare.noise.noise import Tolerances, Watched, endpoint_of, watched, without_noise
from compare.noise.rules import Calibrated, FieldRule, contradictions
from compare.noise.watch import is_more, log_chance_of_more, rule_warnings
from compare.pairing.item import Item, Pair, said_by
from shadow.exchange import Side, TappedEvent

ID = FieldRule("track", "properties.$insert_id", "shape", pattern="[a-z0-9]{16}")
PRICE = FieldRule("track", "properties.items[].price", "tolerance", at_most=0.01)
TAGS = FieldRule("track", "properties.tags", "unordered")
GOOD, OTHER = '"abcdefgh12345678"', '"zzzzzzzz00000000"'


def body(fields: str) -> bytes:
    return f'{{"event":"e","properties":{{{fields}}}}}'.encode()


def pair(legacy: bytes, candidate: bytes) -> Pair:
    def item(side: Side, content: bytes) -> Item:
        return Item(TappedEvent(side, "events", 0, 0.0, content), said_by(content), None)

    return Pair(item(Side.LEGACY, legacy), item(Side.CANDIDATE, candidate))


def left(
    legacy: str, candidate: str, *rules: FieldRule, applied: dict[str, int] | None = None
) -> list[Difference]:
    ours, theirs = body(legacy), body(candidate)
    found = differences(parse(ours), parse(theirs))
    assert found, "the test compares equal events"
    tolerances = Tolerances(fields=FieldRules(rules))
    return without_noise(found, pair(ours, theirs), tolerances, {} if applied is None else applied)


def from_toml(text: str) -> list[FieldRule]:
    return msgspec.convert(tomllib.loads(text)["noise"]["field"], list[FieldRule])


def test_without_a_rule_every_difference_stays() -> None:
    assert left('"a":1', '"a":2')


def test_a_shape_allows_two_values_that_both_have_it() -> None:
    assert not left(f'"$insert_id":{GOOD}', f'"$insert_id":{OTHER}', ID)


@pytest.mark.parametrize(
    "value", ['""', '"abc"', '"ABCDEFGH12345678"', '"abcdefgh12345678\\n"', "1", "null", "[]"]
)
@pytest.mark.parametrize("side", Side)
def test_a_shape_demands_its_pattern_of_both_sides(side: Side, value: str) -> None:
    ours, theirs = (GOOD, value) if side is Side.CANDIDATE else (value, GOOD)
    assert left(f'"$insert_id":{ours}', f'"$insert_id":{theirs}', ID)


def test_a_shape_does_not_allow_that_the_field_is_gone() -> None:
    assert left(f'"$insert_id":{GOOD}', '"b":1', ID)
    assert left('"b":1', f'"b":1,"$insert_id":{GOOD}', ID)


def test_a_shape_does_not_allow_that_the_field_stands_twice() -> None:
    twice = f'"$insert_id":{GOOD},"$insert_id":{OTHER}'
    assert left(f'"$insert_id":{GOOD}', twice, ID)


def test_a_truth_value_that_stands_twice_has_no_shape() -> None:
    rule = FieldRule("track", "properties.a", "shape", type="bool")
    assert left('"a":true', '"a":true,"a":false', rule)


def test_a_value_too_long_to_be_checked_is_not_allowed() -> None:
    rule = FieldRule("track", "properties.a", "shape", pattern="[a-z]*")
    assert not left(f'"a":"{"a" * 400}"', f'"a":"{"b" * 400}"', rule)
    assert left(f'"a":"{"a" * 600}"', f'"a":"{"b" * 600}"', rule)


def test_a_shape_can_bound_the_length_alone() -> None:
    rule = FieldRule("track", "properties.a", "shape", length=(2, 3))
    assert not left('"a":"xy"', '"a":"\\u00e9\\ud83d\\ude00z"', rule)
    assert left('"a":"xy"', '"a":"x"', rule)
    assert left('"a":"xy"', '"a":"xyzz"', rule)


def test_a_shape_of_truth_values_allows_the_opposite() -> None:
    rule = FieldRule("track", "properties.a", "shape", type="bool")
    assert not left('"a":true', '"a":false', rule)
    assert left('"a":true', '"a":0', rule)


def test_a_time_must_be_one_and_lie_in_the_band() -> None:
    rule = FieldRule("track", "properties.at", "shape", type="time", band=(0.0, 2.0))
    early, late = '"at":"2026-01-01T00:00:00Z"', '"at":"2026-01-01T01:00:01.500+01:00"'
    assert not left(early, late, rule)
    assert left(late, early, rule), "the candidate's clock may not run ahead"
    assert left(early, '"at":"2026-01-01T00:00:03Z"', rule)
    assert left(early, '"at":"2026-13-01T00:00:00Z"', rule)


def test_a_tolerance_bounds_the_distance_both_ways() -> None:
    rule = FieldRule("track", "properties.a", "tolerance", at_most=2.0)
    assert not left('"a":10', '"a":12', rule)
    assert not left('"a":12', '"a":10', rule)
    assert left('"a":10', '"a":13', rule)
    assert left('"a":10', '"a":-10', rule)


def test_a_tolerance_is_exact_about_decimal_digits() -> None:
    rule = FieldRule("track", "properties.a", "tolerance", at_most=0.25)
    assert not left('"a":1.0', '"a":1.25', rule)
    assert left('"a":1.0', '"a":1.2500000000000001', rule)


def test_a_tolerance_does_not_allow_another_type() -> None:
    rule = FieldRule("track", "properties.a", "tolerance", at_most=2.0)
    assert left('"a":10', '"a":10.0', rule)
    assert left('"a":1', '"a":true', rule)
    assert left('"a":10', '"a":"10"', rule)


def test_a_tolerance_of_numbers_takes_an_integer_against_a_float() -> None:
    rule = FieldRule("track", "properties.a", "tolerance", at_most=2.0, type="number")
    assert not left('"a":10', '"a":11.5', rule)
    assert left('"a":10', '"a":"10"', rule)


def test_a_tolerance_may_be_a_band() -> None:
    rule = FieldRule("track", "properties.time", "tolerance", band=(0.0, 2.0))
    assert not left('"time":10', '"time":12', rule)
    assert left('"time":10', '"time":9', rule)


@pytest.mark.parametrize("number", ["1E+400", "1E-400", "9" * 400])
def test_a_number_beyond_calculation_is_not_allowed(number: str) -> None:
    rule = FieldRule("track", "properties.a", "tolerance", at_most=1e300, type="number")
    assert left('"a":1.5', f'"a":{number}', rule)


def test_unordered_allows_permutations_only() -> None:
    assert not left('"tags":[1,2,2]', '"tags":[2,1,2]', TAGS)
    assert left('"tags":[1,2,2]', '"tags":[2,1,1]', TAGS)
    assert left('"tags":[1,2]', '"tags":[2,1,1]', TAGS)


def test_a_rule_holds_at_its_path_only() -> None:
    assert left(f'"other":{GOOD}', f'"other":{OTHER}', ID)
    assert left(f'"x":{{"$insert_id":{GOOD}}}', f'"x":{{"$insert_id":{OTHER}}}', ID)


def test_a_rule_holds_at_its_endpoint_only() -> None:
    rule = FieldRule("engage", "properties.a", "tolerance", at_most=2.0)
    assert left('"a":1', '"a":2', rule)
    assert not left('"a":1', '"a":2', msgspec.structs.replace(rule, endpoint="*"))


def test_brackets_stand_for_any_place_in_a_list() -> None:
    ours, theirs = '"items":[{"price":1.0},{"price":2.0}]', '"items":[{"price":1.01},{"price":2.0}]'
    assert not left(ours, theirs, PRICE)
    assert left('"items":{"price":1.0}', '"items":{"price":1.01}', PRICE)


def test_a_star_stands_for_one_key() -> None:
    rule = FieldRule("track", "properties.*.n", "tolerance", at_most=1.0)
    assert not left('"x":{"n":1}', '"x":{"n":2}', rule)
    assert left('"x":{"y":{"n":1}}', '"x":{"y":{"n":2}}', rule)
    assert left('"x":[{"n":1}]', '"x":[{"n":2}]', rule)


def test_a_rule_counts_what_it_allowed_and_what_broke_it() -> None:
    applied: dict[str, int] = {}
    left(f'"$insert_id":{GOOD}', f'"$insert_id":{OTHER}', ID, applied=applied)
    left(f'"$insert_id":{GOOD}', '"$insert_id":"x"', ID, applied=applied)
    left(f'"$insert_id":{GOOD}', '"$insert_id":"y"', ID, applied=applied)
    assert watched(applied, [ID, TAGS]) == [Watched(ID.name, 1, 2, 2, 0), Watched(TAGS.name, 0, 0)]


@pytest.mark.parametrize(
    ("ours", "theirs", "by"),
    [
        (f'"$insert_id":{GOOD}', '"$insert_id":"x"', (1, 0)),
        ('"$insert_id":"x"', f'"$insert_id":{GOOD}', (0, 1)),
        ('"$insert_id":"x"', '"$insert_id":"y"', (0, 0)),
        (f'"$insert_id":{GOOD}', '"a":1', (1, 0)),
        ('"a":1', f'"a":1,"$insert_id":{GOOD}', (0, 1)),
    ],
)
def test_who_broke_a_rule_is_told_apart(ours: str, theirs: str, by: tuple[int, int]) -> None:
    applied: dict[str, int] = {}
    left(ours, theirs, ID, applied=applied)
    (found,) = watched(applied, [ID])
    assert (found.violated, found.by_candidate, found.by_legacy) == (1, *by)


def test_two_numbers_too_far_apart_are_nobodys_fault() -> None:
    rule = FieldRule("track", "properties.a", "tolerance", at_most=1.0)
    applied: dict[str, int] = {}
    left('"a":1', '"a":5', rule, applied=applied)
    assert watched(applied, [rule]) == [Watched(rule.name, 0, 1, 0, 0)]


@pytest.mark.parametrize("kind", ["int", "float", "number"])
def test_a_number_that_was_cut_short_has_no_shape(kind: Any) -> None:
    rule = FieldRule("track", "properties.a", "shape", type=kind)
    assert left('"a":' + "1" * 600, '"a":' + "2" * 600, rule)


def test_a_rule_counts_pairs_not_differences() -> None:
    applied: dict[str, int] = {}
    ours, theirs = (
        f'"items":[{{"price":{one}}},{{"price":{other}}}]'
        for one, other in (("1.0", "2.0"), ("1.01", "2.01"))
    )
    assert not left(ours, theirs, PRICE, applied=applied)
    assert applied == {PRICE.name: 1}


def test_only_a_rule_that_knows_one_of_the_values_is_broken() -> None:
    number = FieldRule("track", "properties.$insert_id", "tolerance", at_most=5.0)
    applied: dict[str, int] = {}
    left(f'"$insert_id":{GOOD}', '"$insert_id":"x"', ID, number, applied=applied)
    assert [one.violated for one in watched(applied, [ID, number])] == [1, 0]


def test_two_rules_of_one_place_may_share_the_work() -> None:
    number = FieldRule("track", "properties.$insert_id", "tolerance", at_most=5.0)
    assert not left('"$insert_id":1', '"$insert_id":2', ID, number)
    assert not left(f'"$insert_id":{GOOD}', f'"$insert_id":{OTHER}', ID, number)
    assert left('"$insert_id":1', f'"$insert_id":{OTHER}', ID, number)


@pytest.mark.parametrize(
    ("content", "endpoint"),
    [
        (b'{"event":"e","properties":{}}', "track"),
        (b'{"$token":"t","$set":{"properties":1}}', "engage"),
        (b'{"$token":"t"}', "engage"),
        (b"rubbish", "engage"),
    ],
)
def test_an_events_endpoint_is_seen_in_its_body(content: bytes, endpoint: str) -> None:
    assert endpoint_of(content) == endpoint


def test_rules_are_pleasant_to_write_by_hand() -> None:
    rules = from_toml("""
        [[noise.field]]
        endpoint = "track"
        path = "properties.$insert_id"
        class = "shape"
        pattern = "[a-z0-9]{16}"

        [[noise.field]]
        endpoint = "*"
        path = "properties.n"
        class = "tolerance"
        at_most = 2

        [[noise.field]]
        endpoint = "track"
        path = "properties.tags"
        class = "unordered"
    """)
    assert rules == [ID, FieldRule("*", "properties.n", "tolerance", at_most=2.0), TAGS]
    assert not list(contradictions(rules))


def rule(class_: Any, **given: Any) -> FieldRule:
    return FieldRule("track", "properties.a", class_, **given)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (rule("tolerance"), "at_most = 2.0"),
        (rule("tolerance", at_most=1.0, band=(0.0, 1.0)), "either"),
        (rule("tolerance", at_most=1.0, type="string"), "a shape"),
        (rule("unordered", at_most=1.0), "at_most"),
        (rule("shape"), "no shape"),
        (rule("shape", type="string"), "no shape"),
        (rule("shape", pattern="x", band=(0.0, 1.0)), "band"),
        (rule("shape", pattern="("), "no regular expression"),
        (rule("shape", length=(3, 2)), "empty"),
        (rule("tolerance", band=(3.0, 2.0)), "empty"),
        (rule("tolerance", band=(float("nan"), 2.0)), "empty"),
        (rule("shape", pattern="x", at_most=1.0), "does not take it"),
    ],
)
def test_a_rule_that_contradicts_itself_is_told(wrong: FieldRule, told: str) -> None:
    found = list(contradictions([wrong]))
    assert len(found) == 1
    assert "noise.field[1] (/track#properties.a)" in found[0]
    assert told in found[0]


def test_two_rules_of_one_place_and_class_are_told() -> None:
    assert list(contradictions([TAGS, ID, TAGS])) == [
        "noise.field: 'unordered /track#properties.tags' is there more than once; keep one"
    ]


def calibrated(differed: int, events: int) -> FieldRule:
    known = Calibrated(events, events, differed)
    return msgspec.structs.replace(ID, calibrated=known)


def test_a_rule_that_matched_nothing_is_told() -> None:
    told = rule_warnings({}, {"track": 100}, [ID])
    assert len(told) == 1
    assert "matched nothing in 100 pairs" in told[0]


def test_a_rule_of_an_endpoint_without_traffic_is_not_called_stale() -> None:
    told = rule_warnings({}, {"engage": 100}, [ID])
    assert len(told) == 1
    assert "no pair of events of its endpoint" in told[0]


def test_a_rule_that_applied_as_often_as_calibrated_is_no_news() -> None:
    assert not rule_warnings({ID.name: 52}, {"track": 5000}, [calibrated(50, 5000)])


def test_a_rule_that_hides_far_more_than_calibrated_is_told() -> None:
    told = rule_warnings({ID.name: 4000}, {"track": 5000}, [calibrated(50, 5000)])
    assert len(told) == 1
    assert "80 % of 5,000 pairs" in told[0]
    assert "1 % of 5,000 when it was calibrated" in told[0]


def test_a_rule_without_calibration_is_not_held_to_a_share() -> None:
    assert not rule_warnings({ID.name: 4000}, {"track": 5000}, [ID])


def test_a_map_calibrated_key_by_key_is_weighed_all_the_same() -> None:
    rule = msgspec.structs.replace(ID, calibrated=Calibrated(10, 90, 80))
    assert not rule_warnings({ID.name: 10}, {"track": 10}, [rule])


def test_a_little_more_in_very_much_traffic_is_no_news() -> None:
    assert not rule_warnings({ID.name: 110_000}, {"track": 1_000_000}, [calibrated(1_000, 10_000)])


def test_a_few_more_are_chance() -> None:
    assert not rule_warnings({ID.name: 3}, {"track": 5000}, [calibrated(1, 5000)])


def test_a_broken_rule_is_told() -> None:
    applied = {ID.name: 10, f"{ID.name} violated": 1}
    told = rule_warnings(applied, {"track": 5000}, [calibrated(10, 5000)])
    assert len(told) == 1
    assert "once the field differed outside the rule's class" in told[0]


def test_the_exact_test_gives_the_textbooks_value() -> None:
    # Fisher's tea: 4 of 4 against 0 of 4 has the chance 1/70; 3 of 4 against 1 of 4 has 17/70.
    assert log_chance_of_more(4, 4, 0, 4) == pytest.approx(-4.248495, abs=1e-6)
    assert log_chance_of_more(3, 4, 1, 4) == pytest.approx(-1.415282, abs=1e-6)


def test_a_difference_in_millions_is_weighed_without_overflow() -> None:
    assert is_more(600_000, 1_000_000, 300, 1_000, 0.01)
    assert not is_more(0, 1_000_000, 0, 1_000, 0.01)
