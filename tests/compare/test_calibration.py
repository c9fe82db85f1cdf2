"""What legacy against legacy teaches: never too narrow for what was seen, the same in any order."""

import json
import re
import tomllib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.differing.canonical import Unparsable, parse
from compare.differing.difference import Difference, differences
from compare.noise.calibration import (
    Learned,
    coverage,
    learn,
    lessons,
    paths_of,
    rules_of,
)
from compare.noise.fields import FieldRules, allowing
from compare.noise.rules import FieldRule, contradictions
from compare.noise.text_shape import shape_of
from compare.noise.toml import can_be_written, render_rules
from pyingest.wire.term import Term

Learnable = tuple[str, Term | Unparsable, Term | Unparsable]


def pair(legacy: Any, candidate: Any, endpoint: str = "track") -> Learnable:
    ours, theirs = (parse(json.dumps(side).encode()) for side in (legacy, candidate))
    return endpoint, ours, theirs


def of(*values: tuple[Any, Any]) -> list[Learnable]:
    return [pair({"properties": {"a": one}}, {"properties": {"a": other}}) for one, other in values]


def rule_of(*values: tuple[Any, Any]) -> FieldRule:
    (rule,) = rules_of(learn(of(*values)))
    assert (rule.endpoint, rule.path) == ("track", "properties.a")
    return rule


def rejected(learned: Learned, pairs: list[Learnable]) -> list[Difference]:
    rules = FieldRules(tuple(rules_of(learned)))
    return [
        difference
        for endpoint, legacy, candidate in pairs
        for difference in differences(legacy, candidate)
        if allowing(rules.over(endpoint, difference.path), difference) is None
    ]


def test_what_never_differs_needs_no_rule() -> None:
    learned = learn(of((1, 1), ("x", "x")))
    assert not lessons(learned)
    assert learned.seen == {("track", "properties.a"): 2}


def test_numbers_get_the_largest_distance_seen() -> None:
    rule = rule_of((1, 3), (10, 9), (5, 5))
    assert (rule.class_, rule.at_most, rule.type) == ("tolerance", 2.0, None)
    assert rule.calibrated is not None
    assert (rule.calibrated.seen, rule.calibrated.differed) == (3, 2)


def test_a_distance_that_no_float_holds_is_rounded_up() -> None:
    rule = rule_of((0.1, 0.4))
    assert rule.at_most is not None
    assert not rejected(learn(of((0.1, 0.4))), of((0.1, 0.4)))


def test_an_integer_against_a_float_widens_the_type() -> None:
    assert rule_of((0, 0.5)).type == "number"


def test_the_wider_type_stays_whatever_comes_after() -> None:
    assert rule_of((0, 0.5), (1, 2)).type == rule_of((1, 2), (0, 0.5)).type == "number"


def test_times_get_the_band_of_candidate_minus_legacy() -> None:
    pairs = [
        pair({"properties": {"time": 10}}, {"properties": {"time": late}}) for late in (11, 13)
    ]
    (rule,) = rules_of(learn(pairs))
    assert (rule.class_, rule.band) == ("tolerance", (0.0, 3.0))


def test_lists_of_the_same_items_are_unordered() -> None:
    assert rule_of(([1, 2], [2, 1])).class_ == "unordered"


def test_texts_get_their_shape() -> None:
    rule = rule_of(("abc0", "x9yz"), ("0000", "aaaa"))
    assert (rule.class_, rule.type, rule.pattern) == ("shape", "string", "[0-9a-z]{4}")
    assert rule.length is None, "the pattern says it"


def test_times_written_as_text_get_a_band_in_seconds() -> None:
    rule = rule_of(("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"))
    assert (rule.type, rule.band) == ("time", (0.0, 1.0))


def test_one_text_that_is_no_time_takes_the_band_away() -> None:
    rule = rule_of(("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"), ("now", "later"))
    assert (rule.type, rule.band) == ("string", None)


def test_truth_values_get_a_shape() -> None:
    rule = rule_of((True, False))
    assert (rule.class_, rule.type) == ("shape", "bool")


def test_a_field_that_differs_in_two_ways_gets_two_rules() -> None:
    rules = rules_of(learn(of((1, 2), ("a", "b"))))
    assert [rule.class_ for rule in rules] == ["tolerance", "shape"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [((None, 1), "type"), ((1, "1"), "type"), ((True, 1), "bool_vs_int"), (([], {}), "empty")],
)
def test_a_change_of_type_is_nothing_to_learn(values: tuple[Any, Any], kind: str) -> None:
    (lesson,) = lessons(learn(of(values)))
    assert not lesson.rules
    assert [name.startswith(kind) for name in lesson.without_rule] == [True]


def test_a_field_on_one_side_is_nothing_to_learn() -> None:
    (lesson,) = lessons(learn([pair({"properties": {"a": 1}}, {"properties": {}})]))
    assert (lesson.rules, lesson.without_rule) == ([], {"field_removed": 1})


def test_an_event_that_differs_as_a_whole_is_nothing_to_learn() -> None:
    (lesson,) = lessons(learn([("track", Unparsable(b"x"), Unparsable(b"y"))]))
    assert (lesson.path, lesson.rules, lesson.without_rule) == ("", [], {"unparsable": 1})


def test_endpoints_learn_apart() -> None:
    learned = learn([pair({"a": 1}, {"a": 2}), pair({"a": 1}, {"a": 9}, "engage")])
    assert [(rule.endpoint, rule.at_most) for rule in rules_of(learned)] == [
        ("engage", 8.0),
        ("track", 1.0),
    ]


def test_places_in_a_list_share_a_rule() -> None:
    learned = learn(of(([{"n": 1}, {"n": 5}], [{"n": 2}, {"n": 9}])))
    (rule,) = rules_of(learned)
    assert (rule.path, rule.at_most) == ("properties.a[].n", 4.0)
    assert rule.calibrated is not None
    assert rule.calibrated.differed == 1, "one pair, whatever its items"


def test_the_keys_of_a_map_share_a_rule() -> None:
    pairs = of(*(({f"k{number}": 0}, {f"k{number}": number + 1}) for number in range(60)))
    (rule,) = rules_of(learn(pairs))
    assert (rule.path, rule.at_most) == ("properties.a.*", 60.0)


def test_lists_in_a_map_share_a_rule() -> None:
    pairs = of(*(({f"k{number}": [0, 0]}, {f"k{number}": [1, 1]}) for number in range(60)))
    learned = learn(pairs)
    assert [rule.path for rule in rules_of(learned)] == ["properties.a.*[]"]
    assert not rejected(learned, pairs)


def test_a_field_that_only_the_second_side_has_was_seen() -> None:
    (lesson,) = lessons(learn([pair({"properties": {}}, {"properties": {"a": 1}})]))
    assert (lesson.evidence.seen, lesson.evidence.differed) == (1, 1)


def test_a_path_is_seen_where_differences_have_it() -> None:
    term = parse(b'{"a":{"b":[1,{"c":2}],"d":3}}')
    assert paths_of(term) == {"a.b", "a.b[]", "a.b[].c", "a.d"}


@pytest.mark.parametrize(("pairs", "covered"), [(299, 0.99), (2_995, 0.999), (29_956, 0.9999)])
def test_a_maximum_covers_what_wilks_says(pairs: int, covered: float) -> None:
    assert coverage(pairs) >= covered
    assert coverage(pairs - 1) < covered


@pytest.mark.parametrize(("pairs", "covered"), [(473, 0.99), (4_742, 0.999)])
def test_a_band_takes_more_pairs_than_a_maximum(pairs: int, covered: float) -> None:
    assert coverage(pairs, 2) >= covered
    assert coverage(pairs - 1, 2) < covered


def test_almost_no_pairs_cover_nothing() -> None:
    assert coverage(0) == coverage(1) == coverage(5, 9) == 0.0


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["550e8400-e29b", "deadbeef-0a1c"], "[0-9a-f]{8}-[0-9a-f]{4}"),
        (["Ab", "zZ9"], "[0-9A-Za-z]{2,3}"),
        (["a.b", "a-b"], "[\\-\\.a-f]*"),
        (["", "a"], "[a-f]*"),
        (["é", "漢字"], "[\\x80-\\U0010ffff]{1,2}"),
    ],
)
def test_a_pattern_reads_as_a_person_would_write_it(texts: list[str], pattern: str) -> None:
    shape = shape_of(texts[0])
    for text in texts[1:]:
        shape = shape.merge(shape_of(text))
    assert shape.pattern == pattern


def test_the_whole_length_is_kept_where_the_runs_do_not_say_it() -> None:
    shape = shape_of("ab-c").merge(shape_of("a-bc"))
    assert (shape.pattern, shape.length) == ("[a-f]{1,2}-[a-f]{1,2}", (4, 4))


def test_prose_has_no_skeleton() -> None:
    assert shape_of("a b " * 20).parts is None


texts = st.one_of(
    st.text(alphabet="abz09AG-:. \u00e9\U0001f600]^\\'\"\n\x00", max_size=12),
    st.uuids().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "time", "*", "x.y", "k[]"]), inner, max_size=3),
    ),
    max_leaves=6,
)
events = st.fixed_dictionaries({"properties": st.fixed_dictionaries({"a": values, "time": leaves})})
many = st.lists(st.builds(pair, events, events, st.sampled_from(["track", "engage"])), max_size=6)
alike = st.lists(
    st.one_of(
        st.tuples(st.integers(), st.integers()),
        st.tuples(texts, texts),
        st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)),
        st.lists(st.integers(0, 3), max_size=4).flatmap(
            lambda items: st.tuples(st.just(items), st.permutations(items))
        ),
    ),
    max_size=8,
).map(lambda pairs: of(*pairs))


@given(st.one_of(many, alike))
def test_the_rules_allow_all_that_was_seen_but_for_what_is_told(pairs: list[Learnable]) -> None:
    learned = learn(pairs)
    told = sum(sum(lesson.without_rule.values()) for lesson in lessons(learned))
    assert len(rejected(learned, pairs)) <= told


@given(alike)
def test_what_can_be_learned_leaves_nothing_over(pairs: list[Learnable]) -> None:
    # Numbers against texts cannot be: `alike` pairs like with like.
    assert not rejected(learn(pairs), pairs)


@given(st.one_of(many, alike), many, st.one_of(many, alike))
def test_a_further_pair_never_narrows_a_class(
    pairs: list[Learnable], more: list[Learnable], probes: list[Learnable]
) -> None:
    before = rejected(learn(pairs), pairs + probes)
    after = rejected(learn(pairs + more), pairs + probes)
    assert {*after} <= {*before}


@given(many, alike, many)
def test_learning_merges_in_any_order(
    one: list[Learnable], other: list[Learnable], third: list[Learnable]
) -> None:
    a, b, c = learn(one), learn(other), learn(third)
    assert a.merge(b) == b.merge(a) == learn(one + other)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == learn(third + other + one)
    assert a.merge(Learned()) == a


@settings(max_examples=50)
@given(st.one_of(many, alike))
def test_learned_rules_are_sound_and_can_be_read_back(pairs: list[Learnable]) -> None:
    rules = [rule for rule in rules_of(learn(pairs)) if can_be_written(rule)]
    assert not list(contradictions(rules))
    text = render_rules([(rule, "a remark") for rule in rules])
    table = tomllib.loads(text).get("noise", {}).get("field", [])
    assert msgspec.convert(table, list[FieldRule]) == rules


@pytest.mark.parametrize(
    "path",
    ["a b", 'say "x"', "it's", "back\\slash", "del\x7f\x85", "\u2028", "\U0001f600", "\0\n\r"],
)
def test_a_path_of_odd_letters_is_written_so_that_it_reads_back(path: str) -> None:
    rule = FieldRule("track", path, "unordered")
    text = render_rules([(rule, "")])
    assert tomllib.loads(text)["noise"]["field"][0]["path"] == path
    assert all(letter.isprintable() or letter == "\n" for letter in text)


@given(st.lists(texts, min_size=1, max_size=5))
def test_a_learned_pattern_matches_all_that_it_was_learned_from(seen: list[str]) -> None:
    shape = shape_of(seen[0])
    for text in seen[1:]:
        shape = shape.merge(shape_of(text))
    low, high = shape.length or (0, 10**6)
    for text in seen:
        assert re.fullmatch(shape.pattern, text)
        assert low <= len(text) <= high
