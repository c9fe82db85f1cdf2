"""How one field differed in legacy against legacy, and the rules that take all of it.

A field can differ in several ways (numbers here, texts there); each gets a rule of its own. All
parts merge as joins, so that rules only ever widen.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from compare.differing.difference import Difference, Kind, type_name
from compare.noise.fields import seconds_apart
from compare.noise.rules import Calibrated, FieldRule
from compare.noise.text_shape import TextShape, shape_of
from compare.noise.values import as_number, as_string


@dataclass(frozen=True, slots=True)
class Numbers:
    """Pairs of numbers: candidate minus legacy, smallest and largest; 0 is always among them."""

    least: Decimal
    most: Decimal
    mixed: bool
    """Whether an integer stood against a float."""
    largest: Decimal
    """Largest of the numbers themselves, without their signs."""

    def merge(self, other: "Numbers") -> "Numbers":
        """Return the band of both."""
        least, most = min(self.least, other.least), max(self.most, other.most)
        mixed = self.mixed or other.mixed
        return Numbers(least, most, mixed, max(self.largest, other.largest))

    @property
    def is_anything(self) -> bool:
        """Whether the numbers lie as far apart as numbers of their size can."""
        return 2 * max(abs(self.least), abs(self.most)) >= self.largest


@dataclass(frozen=True, slots=True)
class Texts:
    """Pairs of texts: their shape, and how far apart they lie where all are times."""

    shape: TextShape
    band: tuple[Decimal, Decimal] | None

    def merge(self, other: "Texts") -> "Texts":
        """Return what is common to both."""
        band = None
        if self.band is not None and other.band is not None:
            band = min(self.band[0], other.band[0]), max(self.band[1], other.band[1])
        return Texts(self.shape.merge(other.shape), band)


@dataclass(frozen=True, slots=True)
class Trace:
    """The differences of one field."""

    pairs: int
    """Pairs of events in which it differed."""
    numbers: Numbers | None = None
    texts: Texts | None = None
    bools: bool = False
    reordered: bool = False
    others: Counter[str] = field(default_factory=Counter)
    """Differences that no rule takes, by kind."""

    def merge(self, other: "Trace") -> "Trace":
        """Return the differences of both, which are of different pairs."""
        joined = self.joined(other)
        return Trace(
            self.pairs + other.pairs,
            joined.numbers,
            joined.texts,
            joined.bools,
            joined.reordered,
            joined.others,
        )

    def joined(self, other: "Trace") -> "Trace":
        """Return the differences of both, which are of one pair."""
        numbers, texts = self.numbers or other.numbers, self.texts or other.texts
        if self.numbers and other.numbers:
            numbers = self.numbers.merge(other.numbers)
        if self.texts and other.texts:
            texts = self.texts.merge(other.texts)
        return Trace(
            max(self.pairs, other.pairs),
            numbers,
            texts,
            self.bools or other.bools,
            self.reordered or other.reordered,
            self.others + other.others,
        )

    def rules(self, endpoint: str, path: str, evidence: Calibrated) -> list[FieldRule]:
        """Return the rules of a field of this trace."""
        base = FieldRule("*", path, "unordered", calibrated=evidence)
        base = replace(base, endpoint=endpoint)
        found = [base] if self.reordered else []
        if self.numbers is not None:
            found.append(_tolerance(self.numbers, base))
        if self.texts is not None:
            found.append(_shape(self.texts, base))
        if self.bools:
            found.append(replace(base, class_="shape", type="bool"))
        return found


def trace_of(found: Iterable[Difference]) -> Trace:
    """Return the trace of the differences of one field in one pair."""
    trace = Trace(1)
    for difference in found:
        trace = trace.joined(_single(difference))
    return trace


def unlearnable(found: Iterable[Difference]) -> Trace:
    """Return the trace of differences that no rule takes, of one pair."""
    return Trace(1, others=Counter(difference.kind.value for difference in found))


def _single(difference: Difference) -> Trace:
    ours, theirs = difference.legacy, difference.candidate
    if ours is None or theirs is None or difference.kind is Kind.DUPLICATE_KEY:
        return unlearnable([difference])
    if difference.kind is Kind.REORDERED:
        return Trace(1, reordered=True)
    types = {type_name(ours), type_name(theirs)}
    if types == {"bool"}:
        return Trace(1, bools=True)
    if types == {"string"}:
        texts = _texts(ours, theirs)
        if texts is not None:
            return Trace(1, texts=texts)
    elif types <= {"int", "float"}:
        numbers = _numbers(ours, theirs, mixed=len(types) > 1)
        if numbers is not None:
            return Trace(1, numbers=numbers)
    return unlearnable([difference])


def _numbers(ours: str, theirs: str, *, mixed: bool) -> Numbers | None:
    left, right = as_number(ours), as_number(theirs)
    if left is None or right is None:
        return None
    least, most = _with_zero(right - left)
    return Numbers(least, most, mixed, max(abs(left), abs(right)))


def _texts(ours: str, theirs: str) -> Texts | None:
    left, right = as_string(ours), as_string(theirs)
    if left is None or right is None:
        return None
    apart = seconds_apart(ours, theirs)
    band = None if apart is None else _with_zero(apart)
    return Texts(shape_of(left).merge(shape_of(right)), band)


def _with_zero(apart: Decimal) -> tuple[Decimal, Decimal]:
    """Return the band from 0, which equal values have and no rule forbids, to *apart*."""
    return min(apart, Decimal(0)), max(apart, Decimal(0))


def _tolerance(numbers: Numbers, base: FieldRule) -> FieldRule:
    base = replace(base, class_="tolerance", type="number" if numbers.mixed else None)
    if is_time(base.path):
        return replace(base, band=(_down(numbers.least), _up(numbers.most)))
    return replace(base, at_most=_up(max(abs(numbers.least), abs(numbers.most))))


def _shape(texts: Texts, base: FieldRule) -> FieldRule:
    shape = texts.shape
    base = replace(base, class_="shape", pattern=shape.pattern, length=shape.length)
    if texts.band is None:
        return replace(base, type="string")
    return replace(base, type="time", band=(_down(texts.band[0]), _up(texts.band[1])))


def is_time(path: str) -> bool:
    """Say whether a field's name is that of a time; the same as where time shifts are told."""
    return "time" in path.rpartition(".")[2].lower()


def _up(number: Decimal) -> float:
    """Return the smallest float that is not below *number*."""
    near = float(number)
    return near if Decimal(near) >= number else math.nextafter(near, math.inf)


def _down(number: Decimal) -> float:
    return 0.0 - _up(-number)
