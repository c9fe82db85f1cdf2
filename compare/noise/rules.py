"""Noise rules for single fields, as a policy holds them: ``[[noise.field]]``.

A rule is written by hand or learned by ``mixmigrate calibrate``. It allows differences within one
class, and nothing else: a field under a rule is compared by its class instead of by its text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field

from compare.policy.shape import Section

Words = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]

OF_TOLERANCE = ("at_most", "band", "type")
OF_SHAPE = ("pattern", "length", "band", "type")
NUMERIC = ("int", "float", "number")


class Calibrated(Section, frozen=True):
    """What a learned rule rests on, counted in pairs of events."""

    events: Count
    """Pairs of the rule's endpoint."""
    seen: Count
    """Pairs in which the field occurred."""
    differed: Count
    """Pairs in which it differed."""


class FieldRule(Section, frozen=True, omit_defaults=True):
    """Which differences in one field are expected."""

    endpoint: Literal["track", "engage", "*"]
    path: Words
    """As reports print it: ``properties.items[].price``. ``[]`` is any place in a list, ``*``
    any one key."""
    class_: Literal["tolerance", "unordered", "shape"] = field(name="class")
    at_most: Annotated[float, Meta(ge=0)] | None = None
    """``tolerance``: how far apart the two numbers may lie."""
    band: tuple[float, float] | None = None
    """Smallest and largest that candidate minus legacy may be: in the field's own unit for
    numbers, in seconds for times written as ISO 8601 texts."""
    type: Literal["string", "time", "int", "float", "number", "bool"] | None = None
    """Both sides must be of it. ``time`` is an ISO 8601 text. ``number`` takes an integer on one
    side and a float on the other. Without it: ``string`` for a shape; for a tolerance, integers
    or floats, the same on both sides."""
    pattern: str | None = None
    """``shape``: a Python regular expression that both values must match from end to end."""
    length: tuple[Count, Count] | None = None
    """``shape``: least and most characters of both values."""
    calibrated: Calibrated | None = None

    def troubles(self) -> Iterator[tuple[str, str]]:
        """Yield what contradicts itself."""
        yield from (("", trouble) for trouble in _troubles(self))

    @property
    def place(self) -> str:
        """Where it holds, such as ``/track#properties.price``."""
        return f"/{self.endpoint}#{self.path}"

    @property
    def name(self) -> str:
        """What reports call it. Two rules of one place and class are one entry there."""
        return f"{self.class_} {self.place}"


def contradictions(rules: Sequence[FieldRule]) -> Iterator[str]:
    """Yield what is wrong with *rules* that their types cannot say; nothing if all is well."""
    for number, rule in enumerate(rules, 1):
        for trouble in _troubles(rule):
            yield f"noise.field[{number}] ({rule.place}): {trouble}"
    places = [(rule.name, rule.type) for rule in rules]
    for name, kind in sorted({one for one in places if places.count(one) > 1}, key=str):
        told = f" of type {kind}" if kind else ""
        yield f"noise.field: {name!r}{told} is there more than once; keep one"


def _troubles(rule: FieldRule) -> Iterator[str]:
    yield from _misplaced(rule)
    if rule.class_ == "tolerance":
        if (rule.at_most is None) == (rule.band is None):
            yield "a tolerance takes either at_most = 2.0 or band = [-1.0, 2.0]"
        if rule.type not in (None, *NUMERIC):
            yield f"type = {rule.type!r} has no tolerance; for times written as text: a shape"
    if rule.class_ == "shape":
        bare = rule.pattern is None and rule.length is None
        if bare and rule.type in (None, "string"):
            yield "a shape of any text is no shape; give it a pattern or a length"
        if rule.band is not None and rule.type not in ("time", *NUMERIC):
            yield 'band: only a shape with type = "time" or a number\'s takes it'
    yield from _bad_values(rule)


def _misplaced(rule: FieldRule) -> Iterator[str]:
    allowed = {"tolerance": OF_TOLERANCE, "shape": OF_SHAPE, "unordered": ()}[rule.class_]
    for key in ("at_most", "band", "type", "pattern", "length"):
        if getattr(rule, key) is not None and key not in allowed:
            takes = ", ".join(allowed) or "nothing else"
            yield f'{key}: class = "{rule.class_}" does not take it; it takes {takes}'


def _bad_values(rule: FieldRule) -> Iterator[str]:
    for key, ends in (("band", rule.band), ("length", rule.length)):
        if ends is not None and not ends[0] <= ends[1]:
            yield f"{key}: {list(ends)} is empty; the smaller number comes first"
    try:
        re.compile(rule.pattern or "")
    except re.error as error:
        yield f"pattern: no regular expression: {error}"
