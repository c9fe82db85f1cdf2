"""Fifty thousand differing events of six causes come out as six causes, each at its home."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote_plus

import pytest

from compare.planting import (
    START,
    STEP,
    Edit,
    Planting,
    Sown,
    dumped,
    event,
    form,
    messages,
    queued,
)
from compare.plants import as_latin1, float_digits, put
from compare.stages.engine import summarise
from compare.stages.rules import Rules
from compare.stages.tally import Cause, Summary
from compare.testing import recorded
from pyingest.message import Request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DIFFERING = 50_000
"""Events that differ; some 20 000 more agree."""
SPARK = 0.01
"""Share of the events that a cause strikes outside of its home."""
LIBRARIES = ("web", "iphone", "android", "python")
WEIGHTS = (40, 25, 20, 15)
LONG = 10
"""The candidate drops what a batch holds beyond so many events."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """What decides which causes strike a request."""

    library: str
    is_foreign: bool
    size: int
    is_get: bool


@dataclass(frozen=True, slots=True)
class Planted:
    """A cause: where it is at home, what it does, and how it must come out."""

    name: str
    home: Callable[[Visitor], bool]
    attribute: str
    kind: str
    path: str
    quirk: str | None
    edit: Edit | None = None
    """On the event's properties; ``None``: see :func:`spoilt`."""


def renamed(properties: dict[str, Any]) -> None:
    properties["headline"] = properties.pop("title")


CAUSES = (
    Planted(
        "float text",
        lambda one: one.library == "iphone",
        "mp_lib = iphone",
        "numeric_format",
        "properties.ratio",
        "float text",
    ),
    Planted(
        "mojibake",
        lambda one: one.is_foreign,
        "charset = non-ASCII",
        "mojibake",
        "properties.name",
        "wrong encoding",
        put("name", as_latin1),
    ),
    Planted("missing", lambda one: one.size > LONG, "batch size = 11+", "missing", "", None),
    Planted(
        "renamed",
        lambda one: one.library == "android",
        "mp_lib = android",
        "field_removed",
        "properties.title",
        None,
        renamed,
    ),
    Planted(
        "number as text",
        lambda one: one.library == "python",
        "mp_lib = python",
        "type",
        "properties.count",
        None,
        put("count", str),
    ),
    Planted(
        "percent signs",
        lambda one: one.is_get,
        "method = GET",
        "url_decoding",
        "properties.page",
        None,
        put("page", quote_plus),
    ),
)
FLOAT_TEXT, MOJIBAKE, MISSING = CAUSES[:3]


@dataclass(slots=True)
class Truth:
    """What was planted."""

    planting: Planting = field(default_factory=Planting)
    differing: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    """Events by cause."""
    at_home: Counter[str] = field(default_factory=Counter)
    requests: dict[str, set[int]] = field(
        default_factory=lambda: {cause.name: set() for cause in CAUSES}
    )
    homes: Counter[str] = field(default_factory=Counter)
    """Requests, struck or not, at the home of each cause."""


def visitor(random: Random) -> Visitor:
    library = random.choices(LIBRARIES, WEIGHTS)[0]
    size = random.choices((1, 3, 14), (82, 10, 8))[0]
    return Visitor(library, random.random() < 0.25, size, size == 1 and random.random() < 0.2)


def request(random: Random, number: int, one: Visitor) -> Request:
    batch = [event(random, 100 * number + place) for place in range(one.size)]
    for each in batch:
        each["properties"]["mp_lib"] = one.library
        each["properties"]["address"]["city"] = "Bonn"
        if not one.is_foreign:
            each["properties"]["name"] = "Jane Roe"
    whole = form(dumped(batch if one.size > 1 else batch[0]))
    return Request(b"GET", b"/track?" + whole.body, (), b"") if one.is_get else whole


def strikes(random: Random, cause: Planted, one: Visitor, place: int) -> bool:
    if cause is MISSING:
        return place >= LONG
    if cause is MOJIBAKE:
        return one.is_foreign
    return cause.home(one) or random.random() < SPARK


def spoilt(body: bytes, struck: list[Planted]) -> bytes:
    """Return what the candidate queues instead of *body*."""
    fields = json.loads(body)
    for cause in struck:
        if cause.edit:
            cause.edit(fields["properties"])
    changed = dumped(fields)
    return float_digits(changed) if FLOAT_TEXT in struck else changed


def grown(seed: int) -> Truth:
    random, truth, number = Random(seed), Truth(), 0
    while truth.differing < DIFFERING:
        number += 1
        one = visitor(random)
        truth.homes.update(cause.name for cause in CAUSES if cause.home(one))
        sent = request(random, number, one)
        ours = queued(sent, START + number * STEP)
        theirs: list[bytes] = []
        for place, body in enumerate(ours):
            struck = [cause for cause in CAUSES if strikes(random, cause, one, place)]
            if MISSING in struck:
                struck = [MISSING]
            else:
                theirs.append(spoilt(body, struck) if struck else body)
            note(truth, number, one, struck)
        truth.planting.add(number, sent, Sown(messages(ours), messages(theirs)))
    truth.planting.settle(random)
    return truth


def note(truth: Truth, number: int, one: Visitor, struck: list[Planted]) -> None:
    truth.differing += bool(struck)
    for cause in struck:
        truth.struck[cause.name] += 1
        truth.at_home[cause.name] += cause.home(one)
        truth.requests[cause.name].add(number)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Summary]:
    truth = grown(seed=2011)
    directory = tmp_path_factory.mktemp("causes") / "run"
    run = recorded(directory, truth.planting.exchanges, truth.planting.events)
    truth.planting = Planting()  # what is on disk need not burden the garbage collector
    return truth, summarise(run, Rules())


def of(found: Summary, planted: Planted) -> Cause:
    return next(
        one
        for one in found.causes
        if (one.kind, one.path, one.quirk) == (planted.kind, planted.path, planted.quirk)
    )


def test_every_planted_event_differs_and_no_other(judged: tuple[Truth, Summary]) -> None:
    truth, found = judged
    assert found.events.changed + found.events.missing == truth.differing >= DIFFERING
    assert found.events.missing == truth.struck["missing"]
    assert (found.events.extra, found.events.unlinked) == (0, 0)
    assert (found.events.duplicate, found.events.duplicate_lost) == (0, 0)


def test_six_planted_causes_come_out_as_six_and_explain_all(
    judged: tuple[Truth, Summary],
) -> None:
    _, found = judged
    assert len(CAUSES) == 6
    assert 6 <= len(found.causes) <= 8
    assert found.causes[5].cumulative >= 0.99
    assert {one.signature for one in found.causes[:6]} == {
        of(found, planted).signature for planted in CAUSES
    }


@pytest.mark.parametrize("planted", CAUSES, ids=lambda one: one.name)
def test_each_cause_counts_its_events_and_requests(
    planted: Planted, judged: tuple[Truth, Summary]
) -> None:
    truth, found = judged
    cause = of(found, planted)
    assert cause.events == truth.struck[planted.name]
    assert cause.requests == len(truth.requests[planted.name])
    assert {example.number for example in cause.examples} <= truth.requests[planted.name]


@pytest.mark.parametrize("planted", CAUSES, ids=lambda one: one.name)
def test_each_cause_says_where_it_is_at_home(
    planted: Planted, judged: tuple[Truth, Summary]
) -> None:
    truth, found = judged
    here = truth.at_home[planted.name] / truth.struck[planted.name]
    everywhere = truth.homes[planted.name] / found.units.exchanges
    told = f"{here:.0%} of it has {planted.attribute}; of all traffic, {everywhere:.0%} has."
    assert told in of(found, planted).explanation


def test_the_two_halves_of_a_renamed_field_are_one_cause(judged: tuple[Truth, Summary]) -> None:
    _, found = judged
    cause = of(found, CAUSES[3])
    assert len(cause.also) == 1
    assert "properties.headline is added by the candidate" in cause.explanation
