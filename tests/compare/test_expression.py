"""Cases 1 to 40 are the ones that the documented language was read by, with one record."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.differing.canonical import parse as read
from compare.expression.error import EvaluationError, ExpressionError
from compare.expression.parsing import parse
from compare.expression.values import UNDEFINED, equal

PROPERTIES = {
    "cap": 100,
    "s": "abc",
    "nul": None,
    "signed up": "true",
    "$email": "a@yahoo.com",
    "$browser": "Chrome",
    "account_id": 3,
    "My Prop": "x",
    "priceList": [5, 205, 178, 12, 22],
    "empty": [],
    "albums": [{"t": "A", "year": 1971}, {"t": "B", "year": 1980}],
}
CASES: list[tuple[str, object]] = [
    ('p["account_id"] in [1,2,3,4]', True),
    ('p["cap"] in [1,2,3,4]', False),
    ('defined(p["My Prop"])', True),
    ('not defined(p["city"])', True),
    ('boolean(p["signed up"])', True),
    ('boolean("false")', False),
    ("string(100)", "100"),
    ("string(true)", "true"),
    ('string(p["nul"])', None),
    ('number("59")', 59),
    ('number("abc")', UNDEFINED),
    ("number(true)", 1),
    ('number(p["nul"])', UNDEFINED),
    ('"1" + "2"', "12"),
    ('1 + "2"', UNDEFINED),
    ("1 / 0", UNDEFINED),
    ("-1 % 2", -1),
    ("1 % 0", UNDEFINED),
    ('1 == "1"', False),
    ('p["nul"] != "null"', True),
    ('"b" > "a"', UNDEFINED),
    ('"abc" > 1', UNDEFINED),
    ('"ab" in "dabc"', True),
    ('"ab" in "cbad"', False),
    ('"yahoo" in p["missing"]', UNDEFINED),
    ('not p["missing"]', True),
    ('not "abc"', UNDEFINED),
    ('true and p["missing"]', False),
    ('round(p["s"])', UNDEFINED),
    ('any(X, p["priceList"], X > 300)', False),
    ('any(X, p["priceList"], X >= 5 and X < 300)', True),
    ('all(X, p["priceList"], X > 5 and X < 200)', False),
    ('all(X, p["priceList"], X >= 5 and X < 300)', True),
    ('p["$browser"] == "Chrome" and not "gmail" in p["$email"]', True),
    ('any(X, p["albums"], X["year"] < 1975)', True),
    ('any(X, p["priceList"], X > p["cap"])', True),
    ("any(X, [1,2], any(X, [10], X == 10))", True),
    ('all(X, p["empty"], false)', True),
    ('any(X, p["empty"], true)', False),
    # beyond the forty
    ("1 == 1.0", True),
    ("true == 1", False),
    ("null == null", True),
    ("undefined == null", False),
    ("defined(null)", True),
    ("0.1 + 0.2 == 0.3", True),
    ("9007199254740993 == 9007199254740992", False),
    ("1 - 2 - 3", -4),
    ("2 + 3 * 4", 14),
    ("6 / 3", 2),
    ("[1, [2.0]] == [1.0, [2]]", True),
    ('p["albums"][1]["year"]', 1980),
    ('p["albums"][-1]', UNDEFINED),
    ("3 not in [1, 2]", True),
    ("not 3 in [1, 2]", True),
    ("not not true", True),
    ("round(2.5)", 3),
    ("round(-2.5)", -3),
    ("floor(-1.5)", -2),
    ("ceil(1.2)", 2),
    ("string(2.0)", "2"),
    ("string(1e30)", "1e30"),
    ("-5.5 % 2", Decimal("-1.5")),
    ("1e999999999 % 3", UNDEFINED),
    (r'"a\"b\\"', 'a"b\\'),
    ("any(X, 3, true)", UNDEFINED),
    ("any(X, [undefined], X)", False),
    ('false and p["s"]', False),
    ("true or undefined", True),
    ("undefined or undefined", False),
    ("--1", 1),
    ('"é" in "caf\u00e9"', True),
]
REFUSED: list[tuple[str, int, str]] = [
    ('true and "abc"', 9, "operand of and"),
    ("any(X, [1], true) and X == 1", 22, "known here (properties, legacy"),
    ("any(properties, [1], true)", 4, "always means"),
    ("any(true, [1], true)", 4, "word of the language"),
    ("any(X, X, true)", 7, "known here"),
    ('propertys["a"]', 0, "Did you mean properties?"),
    ("true AND false", 5, "an operator or the end"),
    ("rond(1)", 0, "Did you mean round?"),
    ("", 0, "found the end"),
    ("1 +", 3, "Expected a value, found the end"),
    ("1 < 2 < 3", 6, "not chained"),
    ("1 == not true", 5, "put brackets"),
    ("(1", 2, "Expected ), found the end"),
    ("[1 2]", 3, "Expected , or ]"),
    ("[1,]", 3, "Expected a value"),
    ('1 = "a"', 2, "write =="),
    ("'a'", 0, "double quotes"),
    ('"a', 0, "at the end of this text"),
    (r'"a\n"', 2, "backslash before 'n'"),
    ("1 not 2", 6, "Expected in after not"),
    ("1\x00", 1, "\\x00"),
    ("12abc", 2, "found 'a' in it"),
    ("9" * 1001, 0, "too large"),
    ("(" * 5000, 100, "levels of nesting"),
    ("1" + "+1" * 200, 0, "levels of nesting"),
    ("1" * 10_001, 10_000, "at most 10000 characters"),
    ("floor(1, 2)", 7, "one value that floor takes"),
    ("floor 1", 6, "Expected ( after floor"),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_an_expression_has_the_documented_value(text: str, expected: object) -> None:
    value = parse(text.replace("p[", "properties[")).value({"properties": PROPERTIES})
    assert equal(value, expected), value


@pytest.mark.parametrize(
    ("text", "position", "words"),
    REFUSED,
    ids=[text[:30].replace("\0", "0") for text, *_ in REFUSED],
)
def test_a_mistake_is_shown_at_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.position == position
    assert str(caught.value).count("\n") == 2


def test_the_caret_stands_under_the_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse('true and\n"日本" == legcy["a"]')
    line, caret, sentence = str(caught.value).split("\n")
    assert line == '"日本" == legcy["a"]'
    assert caret == " " * 10 + "^"
    assert sentence.endswith("Did you mean legacy?")


def test_an_operand_that_turns_out_to_be_a_text_is_an_error_with_a_caret() -> None:
    expression = parse('true and properties["s"]')
    with pytest.raises(EvaluationError, match="found a text") as caught:
        expression.value({"properties": PROPERTIES})
    assert caught.value.position == 9


def test_an_operand_that_is_not_reached_is_no_error() -> None:
    assert parse('true or properties["s"]').holds({"properties": PROPERTIES})


def test_the_roots_in_use_are_known() -> None:
    text = 'any(D, diff, D["kind"] == "x") and legacy["a"] == candidate["a"]'
    assert parse(text).roots == {"diff", "legacy", "candidate"}


def test_a_root_that_the_record_lacks_is_undefined() -> None:
    assert parse("not defined(legacy)").holds({})


@pytest.mark.parametrize("text", ["1", '"true"', "undefined", "null", "[true]"])
def test_only_true_keeps_a_record(text: str) -> None:
    assert not parse(text).holds({})


def test_numbers_of_an_event_are_compared_exactly() -> None:
    event = read(b'{"a":0.1,"b":12345678901234567890123,"c":1e400,"a2":1.0}')
    record = {"legacy": event}
    assert parse('legacy["a"] == 0.1 and legacy["a2"] == 1').holds(record)
    assert parse('legacy["b"] == 12345678901234567890123').holds(record)
    assert parse('legacy["c"] > 1e399').holds(record)


def test_numbers_that_json_does_not_have_are_undefined_to_operators() -> None:
    record = {"legacy": read(b'{"a":NaN}')}
    assert parse('legacy["a"] > 1').value(record) is UNDEFINED
    assert parse('legacy["a"] + 1').value(record) is UNDEFINED


def test_the_first_of_repeated_keys_counts() -> None:
    record = {"legacy": read(b'{"a":1,"a":2}')}
    assert parse('legacy["a"] == 1 and not defined(legacy["b"])').holds(record)


def test_undefined_is_falsy_and_shown_as_it_is_written() -> None:
    assert not UNDEFINED
    assert repr(UNDEFINED) == "undefined"


def test_an_inner_name_hides_the_outer_one_only_inside() -> None:
    assert parse("any(X, [1], any(X, [2], X == 2) and X == 1)").holds({})


@pytest.mark.parametrize(
    "text",
    [
        "not not " * 49 + "true",
        "(" * 98 + "true" + ")" * 98,
        "any(X, [1], " * 95 + "true" + ")" * 95,
        "1 == 1" + " and true" * 1000,
    ],
)
def test_what_is_not_too_deep_is_read_and_asked(text: str) -> None:
    assert parse(text).holds({})


def test_the_tree_is_portable() -> None:
    assert parse('properties["a"] == 1').tree() == {
        "operator": "==",
        "children": [{"property": "event", "value": "a"}, {"property": "literal", "value": 1}],
    }


VOCABULARY = (
    'properties legacy diff any( all( X , ( ) [ ] and or not in == < + - * / % 1 0 2.5 "a" '
    "true false undefined null string( number( round( boolean( 1e99"
)
WORDS = st.sampled_from(VOCABULARY.split(" "))
TEXTS = st.text() | st.lists(WORDS, max_size=12).map(" ".join)


def mistake(text: str) -> ExpressionError | None:
    try:
        parse(text).value({"properties": PROPERTIES, "legacy": {"a": 1}})
    except ExpressionError as error:
        return error
    return None


@given(TEXTS)
def test_any_text_is_an_expression_or_a_mistake_with_a_place(text: str) -> None:
    error = mistake(text)
    if error:
        assert 0 <= error.position <= len(text)
        assert str(error).endswith(error.message)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_equality_is_symmetric_and_each_value_equals_itself(one: object, other: object) -> None:
    record = {"legacy": one, "candidate": other}
    assert parse("legacy == legacy and candidate == candidate").holds(record)
    assert parse("legacy == candidate").value(record) is parse("candidate == legacy").value(record)


@given(VALUES)
def test_no_operator_raises_for_any_value(value: object) -> None:
    record = {"legacy": value, "candidate": 3}
    for operator in ("+", "-", "*", "/", "%", "==", "<", "in", "not in"):
        parse(f"legacy {operator} candidate").value(record)
        parse(f"candidate {operator} legacy").value(record)
    for name in ("string", "number", "boolean", "floor", "round", "ceil", "defined", "not ", "-"):
        parse(f"{name}(legacy)").value(record)


@given(st.text())
def test_a_quoted_text_reads_back_as_itself(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'"{escaped}"').value({}) == text


@given(st.integers(0, 10**40), st.integers(0, 10**40))
def test_whole_numbers_are_exact(one: int, other: int) -> None:
    assert parse(f"{one} * {other} - {one}").value({}) == one * other - one
