"""From many differences to a few causes."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from compare.differing.difference import Difference, Kind
from compare.differing.paths import Paths
from compare.differing.pattern import Pattern, pattern
from compare.quirks.catalogue import CATALOGUE
from compare.stages.causes import Book, Group, cover, merged
from compare.stages.requests import Attributes
from compare.stages.samples import KEPT, LONGEST, Samples, curl
from compare.stages.tally import Example
from pyingest.message import Request

NOWHERE: Counter[tuple[str, str]] = Counter()


def made(path: str, kind: Kind = Kind.VALUE_NUMBER, quirk: str | None = None) -> Pattern:
    return Pattern("track", kind, path, "int -> int", quirk)


def book(*groups: tuple[Pattern, set[int]]) -> Book:
    filled = Book()
    for one, units in groups:
        group = filled.group(one)
        group.units, group.events = set(units), len(units)
    return filled


def bundled(filled: Book) -> list[list[Group]]:
    return [[group] for group in filled.groups.values()]


def test_a_signature_is_the_same_in_every_run() -> None:
    difference = Difference(Kind.TYPE, "properties.n", "1", "1.0")
    one = pattern(difference, "properties.n", "track", CATALOGUE["integer as float"])
    assert one.signature == "04c06e3734c1"
    assert one.title == "integer as float: properties.n differs in type (int -> float)"


def test_a_signature_tells_apart_what_differs_otherwise() -> None:
    patterns = [
        made("a"),
        made("b"),
        made("a", Kind.TYPE),
        made("a", quirk="client address"),
        Pattern("engage", Kind.VALUE_NUMBER, "a", "int -> int", None),
        Pattern("track", Kind.VALUE_NUMBER, "a", "int -> float", None),
    ]
    assert len({one.signature for one in patterns}) == len(patterns)


def test_the_keys_of_a_map_stand_as_a_star() -> None:
    many = [f"$set.user{number}.name" for number in range(60)]
    paths = Paths()
    paths.add([*many, "properties.a", "properties.b"])
    assert paths.template("$set.user7.name") == "$set.*.name"
    assert paths.template("properties.a") == "properties.a"


def test_the_cause_that_explains_most_of_what_is_left_comes_next() -> None:
    filled = book((made("a"), {1, 2, 3, 4}), (made("b"), {1, 2, 3}), (made("c"), {5, 6}))
    order = [(bundle[0].pattern.path, gain) for bundle, gain in cover(bundled(filled))]
    assert order == [("a", 4), ("c", 2), ("b", 0)]


def test_shares_add_up() -> None:
    filled = book((made("a"), {1, 2, 3, 4}), (made("b"), {4, 5}), (made("c"), {6}))
    causes = filled.causes({}, NOWHERE, 10)
    assert [cause.path for cause in causes] == ["a", "b", "c"]
    assert [round(cause.marginal * 6) for cause in causes] == [4, 1, 1]
    assert causes[-1].cumulative == 1.0


def test_signatures_that_come_together_are_one_cause() -> None:
    units = set(range(100))
    filled = book(
        (made("a", Kind.BODY), units),
        (made("", Kind.MISSING, "trailing comma"), units - {7}),
        (made("b"), set(range(50))),
    )
    causes = filled.causes({}, NOWHERE, 100)
    assert [cause.path for cause in causes] == ["", "b"]
    assert causes[0].quirk == "trailing comma"
    assert causes[0].also == (made("a", Kind.BODY).signature,)
    assert causes[0].requests == 100


def test_two_quirks_are_never_merged() -> None:
    filled = book((made("a", quirk="CESU-8"), {1, 2}), (made("b", quirk="client address"), {1, 2}))
    assert len(merged(list(filled.groups.values()))) == 2


def test_an_accepted_cause_takes_no_share_and_hides_no_other() -> None:
    filled = book((made("b"), {1, 2}))
    waved = filled.group(made("a"), accepted="key")
    waved.units, waved.events = {1, 2}, 2
    causes = filled.causes({"key": "agreed"}, NOWHERE, 2)
    assert [(cause.path, cause.accepted, cause.marginal) for cause in causes] == [
        ("b", None, 1.0),
        ("a", "agreed", 0.0),
    ]
    assert causes[0].also == ()


def test_a_cause_says_where_it_is_at_home() -> None:
    filled = book((made("a"), set(range(10))))
    group = filled.group(made("a"))
    for _ in range(10):
        group.note(Attributes("POST", "iphone", "ascii", "1"))
    everywhere = Counter({("mp_lib", "iphone"): 30, ("method", "POST"): 900})
    everywhere.update({("charset", "ascii"): 900, ("batch size", "1"): 900})
    (cause,) = filled.causes({}, everywhere, 1000)
    assert "100% of it has mp_lib = iphone; of all traffic, 3% has." in cause.explanation


def example(number: int) -> Example:
    return Example("", None, None, (), number)


def test_samples_hold_the_smallest_the_first_and_a_fair_choice() -> None:
    samples = Samples("seed")
    for number in range(1000):
        size = 500 if number == 333 else 1000
        samples.offer(1000 - number, size, b"", partial(example, number))
    kept = [one.number for one in samples.examples()]
    assert kept[:2] == [333, 999]
    assert len(kept) == KEPT == len(set(kept))


def offered(numbers: Iterable[int]) -> Samples:
    samples = Samples("seed")
    for number in numbers:
        samples.offer(number, number % 7, b"", partial(example, number))
    return samples


def test_samples_do_not_depend_on_the_order_of_the_cases() -> None:
    one, other = offered(range(500)), offered(reversed(range(500)))
    assert one.examples() == other.examples()


@given(st.lists(st.integers(0, 300), unique=True), st.integers(0, 300))
def test_samples_of_parts_merge_into_the_samples_of_the_whole(numbers: list[int], cut: int) -> None:
    one, other = offered(numbers[:cut]), offered(numbers[cut:])
    other.merge(one)
    assert other.examples() == offered(numbers).examples()


def test_curl_repeats_a_request_without_credentials() -> None:
    request = Request(
        b"POST",
        b"/track?ip=1&a='x'",
        ((b"Host", b"h"), (b"Cookie", b"secret"), (b"X-Forwarded-For", b"1.1.1.1")),
        b"data=it's\n\xff",
    )
    assert curl(request) == (
        "curl -sS --path-as-is -X POST 'http://HOST/track?ip=1&a='\"'\"'x'\"'\"'' "
        "-H 'X-Forwarded-For: 1.1.1.1' --data-binary $'data=it\\'s\\x0a\\xff'"
    )


def test_a_long_request_is_cut_and_says_so() -> None:
    text = curl(Request(b"POST", b"/track", (), b"x" * 100_000))
    assert len(text) <= LONGEST
    assert "100" in text[-40:]
    assert text.endswith("characters in all)")
