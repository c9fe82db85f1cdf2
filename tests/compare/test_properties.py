"""What must hold for any two values, and for any two queues."""

import json
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import combinations
from random import Random
from typing import Any
from urllib.parse import quote_plus, unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from compare.differing.canonical import Unparsable, canonical, parse
from compare.differing.difference import Difference, Kind, differences
from compare.pairing.finding import Finding
from compare.stages.tally import EventCounts
from compare.testing import paired
from pyingest.wire.term import Term
from shadow.exchange import Side, TappedEvent

MIRRORED = {
    Kind.MISSING: Kind.EXTRA,
    Kind.DUPLICATE: Kind.DUPLICATE_LOST,
    Kind.FIELD_REMOVED: Kind.FIELD_ADDED,
}
MIRRORED |= {value: key for key, value in MIRRORED.items()}
SWAPPED = {"legacy": "candidate", "missing": "extra", "duplicate": "duplicate_lost"}
SWAPPED |= {value: key for key, value in SWAPPED.items()}
BLANKS = ("", "", " ", "\n", "\t ", "\r\n")


@dataclass(frozen=True)
class Pairs:
    """An object; keys may repeat."""

    pairs: tuple[tuple[str, Any], ...]


# Values with all that makes JSON hard: repeated keys, big integers, long floats, half characters.
RANDOMS = st.integers(0, 2**32).map(Random)
KEYS = st.sampled_from(("a", "b", "time", "é", "", "a.b", "[]", "\ud83d"))
TEXTS = st.sampled_from(
    (
        "",
        "1",
        "a",
        "A",
        "é",
        "e\u0301",
        "Ã©",
        "a b",
        "a+b",
        "a%20b",
        "null",
        "\ud83d",
        "\ud83d\ude00",
    )
) | st.text(max_size=4)
WHOLE = st.integers(-3, 3) | st.integers() | st.integers(2**62, 2**66)
BROKEN = st.builds(
    lambda whole, rest, power: Decimal(f"{whole}.{rest}E{power}"),
    st.integers(-20, 20),
    st.from_regex(r"[0-9]{1,25}", fullmatch=True),
    st.integers(-30, 30),
) | st.sampled_from((Decimal("0.0"), Decimal("-0.0"), Decimal("1.0"), Decimal("1E+400")))
LEAVES = st.one_of(st.none(), st.booleans(), WHOLE, BROKEN, TEXTS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(lambda pairs: Pairs(tuple(pairs)))
    ),
    max_leaves=8,
)


def written(value: Any, random: Random) -> str:
    """Return *value* as JSON text in any of the ways in which it can be written."""
    match value:
        case Pairs(pairs):
            items = [
                f"{_quoted(key, random)}{_blank(random)}:{_blank(random)}{written(item, random)}"
                for key, item in _in_any_order(pairs, random)
            ]
            return "{" + _joined(items, random) + "}"
        case list():
            return "[" + _joined([written(item, random) for item in value], random) + "]"
        case str():
            return _quoted(value, random)
        case Decimal():
            return _spelt(value, random)
    return json.dumps(value)


def _joined(items: list[str], random: Random) -> str:
    return _blank(random) + f"{_blank(random)},{_blank(random)}".join(items) + _blank(random)


def _blank(random: Random) -> str:
    return random.choice(BLANKS)


def _in_any_order(pairs: tuple[tuple[str, Any], ...], random: Random) -> list[tuple[str, Any]]:
    """Return *pairs* shuffled; those of one key stay in their order, which has a meaning."""
    keys = [key for key, _ in pairs]
    random.shuffle(keys)
    waiting = {key: iter([item for name, item in pairs if name == key]) for key in keys}
    return [(key, next(waiting[key])) for key in keys]


def _quoted(text: str, random: Random) -> str:
    return '"' + "".join(_letter(letter, random) for letter in text) + '"'


def _letter(letter: str, random: Random) -> str:
    plain = json.dumps(letter, ensure_ascii=False)[1:-1]
    escaped = "".join(
        f"\\u{code:04{random.choice('xX')}}"
        for code in memoryview(letter.encode("utf-16-le", "surrogatepass")).cast("H")
    )
    must = "\ud800" <= letter <= "\udfff"
    return escaped if must or random.random() < 0.3 else plain


def _spelt(number: Decimal, random: Random) -> str:
    """Return the digits of a float in another layout: the point, the exponent, the zeros."""
    sign, digits, power = number.as_tuple()
    assert isinstance(power, int)
    bare = "".join(map(str, digits)) + "0" * random.randrange(3)
    shift = power - (len(bare) - len(digits))
    cut = random.randrange(1, len(bare) + 1)
    whole, rest = bare[:cut].lstrip("0") or "0", bare[cut:]
    exponent = f"{shift + len(rest):+d}"
    return (
        f"{'-' if sign else ''}{whole}{'.' + rest if rest else ''}{random.choice('eE')}{exponent}"
    )


@settings(max_examples=300, deadline=None)
@given(VALUES, RANDOMS, RANDOMS)
def test_a_value_says_the_same_however_it_is_written(
    value: Any, one: Random, other: Random
) -> None:
    first, second = (parse(written(value, how).encode()) for how in (one, other))
    assert not isinstance(first, Unparsable)
    assert canonical(first) == canonical(second)
    assert differences(first, second) == []


def changed(value: Any, leaf: Any, random: Random) -> Any:
    """Return *value* with one of its leaves, or a part of it, replaced by *leaf*."""
    match value:
        case Pairs(pairs) if pairs:
            place = random.randrange(len(pairs))
            key, item = pairs[place]
            rest = list(pairs)
            rest[place] = (key, changed(item, leaf, random))
            return Pairs(tuple(rest))
        case list() if value:
            place = random.randrange(len(value))
            return [*value[:place], changed(value[place], leaf, random), *value[place + 1 :]]
    return leaf


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two values of which the second is the first with up to two parts replaced."""
    one = draw(VALUES)
    random = draw(RANDOMS)
    other = one
    for leaf in draw(st.lists(VALUES, max_size=2)):
        other = changed(other, leaf, random)
    return one, other


def read(value: Any, random: Random) -> Term:
    return parse(written(value, random).encode())


@settings(max_examples=500, deadline=None)
@given(neighbours() | st.tuples(VALUES, VALUES), RANDOMS)
def test_two_values_differ_if_and_only_if_their_meanings_do(
    pair: tuple[Any, Any], random: Random
) -> None:
    one, other = pair
    first, second = read(one, random), read(other, random)
    agree = meaning(one) == meaning(other)
    assert (canonical(first) == canonical(second)) == agree
    assert (differences(first, second) == []) == agree


def meaning(value: Any) -> Any:
    """Return what *value* says, found without the code under test."""
    match value:
        case Pairs(pairs):
            named: dict[str, list[Any]] = {}
            for key, item in pairs:
                named.setdefault(key, []).append(meaning(item))
            return ("object", repr(sorted(named.items())))
        case list():
            return ("list", [meaning(item) for item in value])
        case Decimal():
            return ("float", str(value.normalize().as_tuple()))
        case str():
            whole = value.encode("utf-16-le", "surrogatepass")
            return ("str", whole.decode("utf-16-le", "surrogatepass"))
    return (type(value).__name__, value)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(("[%s]", '{"a":%s}', '[0,%s,"x"]', '{"a":1,"a":%s}')), max_size=6))
def test_values_that_python_calls_equal_differ_at_any_depth(around: list[str]) -> None:
    texts = ["1", "1.0", "true", '"1"', "[1]", '{"1":1}', "0", "0.0", "-0.0", "false", "null", '""']
    for frame in around:
        texts = [frame.replace("%s", text) for text in texts]
    terms = [parse(text.encode()) for text in texts]
    assert len({canonical(term) for term in terms}) == len(texts)
    for one, other in combinations(terms, 2):
        assert len(differences(one, other)) == 1


@settings(max_examples=200, deadline=None)
@given(st.integers(), st.integers(0, 900), st.integers(1, 9))
def test_integers_keep_every_digit(start: int, power: int, step: int) -> None:
    number = start + 10**power
    one, other = (parse(str(value).encode()) for value in (number, number + step))
    (found,) = differences(one, other)
    assert found.kind in (Kind.VALUE_NUMBER, Kind.TIME_SHIFT)
    (typed,) = differences(one, parse(f"{number}.0".encode()))
    assert typed.kind is Kind.TYPE


@settings(max_examples=500, deadline=None)
@given(neighbours(), RANDOMS)
def test_swapping_the_sides_mirrors_every_difference(pair: tuple[Any, Any], random: Random) -> None:
    one, other = (read(value, random) for value in pair)
    assert Counter(map(mirrored, differences(one, other))) == Counter(differences(other, one))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_swapping_two_texts_or_numbers_never_changes_the_kind(data: st.DataObject) -> None:
    one = data.draw(RICH_TEXTS)
    other = data.draw(st.sampled_from(SPOILERS))(one)
    there = differences({"time": one}, {"time": other})
    assert Counter(map(mirrored, there)) == Counter(differences({"time": other}, {"time": one}))
    small, large = data.draw(st.tuples(TIMES, TIMES))
    there = differences({"time": small}, {"time": large})
    assert Counter(map(mirrored, there)) == Counter(differences({"time": large}, {"time": small}))


RICH_TEXTS = st.text(st.sampled_from("aAbÄéßiİıЖ %+?.20Cuﬁ\u0301\ufffd\u200b…😀"), max_size=12)
TIMES = st.builds(
    lambda start, shift, unit: (start + shift) * unit,
    st.integers(1_299_999_990, 1_300_000_010),
    st.sampled_from((0, 1, 900, 3600, -7200, 50_400, 51_300)),
    st.sampled_from((1, 1000, 10**6, 10**9)),
)
SPOILERS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.swapcase,
    lambda text: text[: len(text) // 2],
    lambda text: text[:-1] + "...",
    lambda text: text.encode().decode("latin-1"),
    lambda text: text.encode().decode("cp1252", "replace"),
    lambda text: text.encode()[:-1].decode("utf-8", "replace"),
    lambda text: text.encode("ascii", "replace").decode(),
    lambda text: text.encode("ascii", "ignore").decode(),
    lambda text: text.replace(" ", ""),
    quote_plus,
    unquote,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFKC", text),
    lambda text: text[::-1],
)


def mirrored(found: Difference) -> Difference:
    kind = MIRRORED.get(found.kind, found.kind)
    return Difference(kind, found.path, found.candidate, found.legacy)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, max_size=5), st.data())
def test_items_taken_out_of_a_list_are_all_that_is_told(
    items: list[Any], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
    rest = [item for item, is_kept in zip(items, kept, strict=True) if is_kept]
    whole, part = read(items, Random(1)), read(rest, Random(2))
    told = differences(whole, part)
    assert [one.kind for one in told] == [Kind.FIELD_REMOVED] * (len(items) - len(rest))
    assert {one.path for one in told} <= {"[]"}


# Few persons, few values: events that are nearly the same, and repeats, are the rule.
SMALL_EVENTS = st.builds(
    lambda event, person, time, rest: {
        "event": event,
        "properties": {"token": "t", "distinct_id": person, **time, **rest},
    },
    st.sampled_from(("view", "buy")),
    st.sampled_from(("ann", "bob")),
    st.sampled_from(({"time": 5}, {"time": 6}, {})),
    st.dictionaries(st.sampled_from("pqrs"), st.sampled_from((1, 1.0, "x", "X", None)), max_size=3),
)
SPELLINGS: tuple[Callable[[object], str], ...] = (
    json.dumps,
    json.dumps,
    lambda event: json.dumps(event, separators=(",", ":")),
    lambda event: json.dumps(event)[:-2],
    repr,
)
"""As JSON with and without blanks; cut off; and as a Python ``repr``, which is no JSON."""
QUEUES = st.lists(
    st.builds(
        lambda side, queue, event, spell: (side, queue, spell(event).encode()),
        st.sampled_from(Side),
        st.sampled_from(("events", "events", "events", "profiles")),
        SMALL_EVENTS,
        st.sampled_from(SPELLINGS),
    ),
    max_size=14,
)
Queued = tuple[Side, str, bytes]
Told = tuple[bytes | None, bytes | None, tuple[Difference, ...]]


def tapped(messages: list[Queued]) -> list[TappedEvent]:
    return [
        TappedEvent(side, queue, offset, 100.0 + offset, body)
        for offset, (side, queue, body) in enumerate(messages)
    ]


@dataclass(frozen=True)
class Matched:
    counts: EventCounts
    findings: list[Finding]


def matched(events: list[TappedEvent]) -> Matched:
    return Matched(*paired(events))


def lines(matching: Matched) -> dict[str, int]:
    counts = asdict(matching.counts)
    return {name: count for name, count in counts.items() if count}


def told(matching: Matched) -> Counter[Told]:
    return Counter((one.legacy, one.candidate, one.differences) for one in matching.findings)


@settings(max_examples=300, deadline=None)
@given(QUEUES)
def test_each_event_is_on_exactly_one_line(messages: list[Queued]) -> None:
    counts = matched(tapped(messages)).counts
    pairs = counts.identical + counts.equal + counts.tolerated + counts.changed + counts.misrouted
    assert counts.legacy == pairs + counts.missing + counts.duplicate_lost
    assert counts.candidate == pairs + counts.extra + counts.duplicate
    assert counts.legacy + counts.candidate == len(messages)


@settings(max_examples=300, deadline=None)
@given(QUEUES)
def test_swapping_the_queues_mirrors_all_that_is_found(messages: list[Queued]) -> None:
    other = {Side.LEGACY: Side.CANDIDATE, Side.CANDIDATE: Side.LEGACY}
    there = matched(tapped(messages))
    back = matched(tapped([(other[side], queue, body) for side, queue, body in messages]))
    assert lines(back) == {SWAPPED.get(name, name): count for name, count in lines(there).items()}
    assert told(back) == Counter(
        (candidate, legacy, tuple(map(mirrored, found)))
        for legacy, candidate, found in told(there).elements()
    )


@settings(max_examples=300, deadline=None)
@given(QUEUES, RANDOMS)
def test_the_order_in_which_a_run_is_read_changes_nothing(
    messages: list[Queued], random: Random
) -> None:
    events = tapped(messages)
    shuffled = random.sample(events, len(events))
    assert lines(matched(shuffled)) == lines(matched(events))
    assert told(matched(shuffled)) == told(matched(events))


@settings(max_examples=300, deadline=None)
@given(QUEUES, RANDOMS)
def test_the_order_in_which_events_arrive_changes_no_pair(
    messages: list[Queued], random: Random
) -> None:
    shuffled = random.sample(messages, len(messages))
    assert lines(matched(tapped(shuffled))) == lines(matched(tapped(messages)))
    assert told(matched(tapped(shuffled))) == told(matched(tapped(messages)))
