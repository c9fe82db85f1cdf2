"""The values of expressions and what the operators do with them: nothing is coerced.

Values are JSON's, as ``compare.differing.canonical.parse`` gives them, and :data:`UNDEFINED` for
what is absent. Numbers are one type: ``int`` exact, ``Decimal`` for the rest; a ``bool`` is no
number.
Rules: Mixpanel's "Segmentation expressions" reference page. Where it is silent, their Android
evaluator is followed (``null == null``, remainder by zero).
"""

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from math import isfinite
from typing import Final, TypeGuard

from pyingest.wire.term import Object

LONGEST_NUMBER = 1000
"""Characters of the longest text that is read as a number."""
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

_context = Context(prec=LONGEST_NUMBER, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


class Undefined:
    """The type of :data:`UNDEFINED`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Be falsy."""
        return False

    def __repr__(self) -> str:
        """Be shown as it is written."""
        return "undefined"


UNDEFINED: Final = Undefined()
"""What is absent, and the result of an operation on values of types that it is not for."""


def is_number(value: object) -> TypeGuard[int | Decimal | float]:
    """Say whether *value* is a finite number; ``True`` is none."""
    if type(value) is int:
        return True
    if type(value) is Decimal:
        return value.is_finite()
    return type(value) is float and isfinite(value)


def literal_number(text: str) -> int | Decimal | Undefined:
    """Return the number that *text* (without sign) writes; undefined if it is too large."""
    if len(text) > LONGEST_NUMBER:
        return UNDEFINED
    if text.isdigit():
        return int(text)
    value = _context.create_decimal(text)
    return value if value.is_finite() else UNDEFINED


def equal(left: object, right: object) -> bool:
    """Say whether two values are of one type and have the same content."""
    kind = type(left)
    if kind is str or kind is bool or left is None:
        return type(right) is kind and left == right
    if is_number(left):
        return is_number(right) and exact(left) == exact(right)
    if isinstance(left, list):
        return isinstance(right, list) and _same_items(left, right)
    if isinstance(left, dict):
        return isinstance(right, dict) and _same_fields(left, right)
    if isinstance(left, Object):
        return isinstance(right, Object) and _same_items(_sorted(left), _sorted(right))
    if isinstance(left, tuple):
        return isinstance(right, tuple) and _same_items([*left], [*right])
    return left is right


def _same_items(left: list[object], right: list[object]) -> bool:
    return len(left) == len(right) and all(map(equal, left, right))


def _same_fields(left: dict[str, object], right: dict[str, object]) -> bool:
    if left.keys() != right.keys():
        return False
    return all(equal(value, right[key]) for key, value in left.items())


def _sorted(value: Object) -> list[object]:
    by_key = sorted(value.pairs, key=lambda pair: str(pair[0]))
    return [*by_key]


def unequal(left: object, right: object) -> bool:
    """Say whether two values differ in type or content."""
    return not equal(left, right)


def exact(value: int | Decimal | float) -> int | Decimal:
    """Return a float as the decimal that it is written as, other numbers as they are."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def contains(needle: object, hay: object) -> object:
    """Return whether a text is part of a text, or a value an item of a list."""
    if isinstance(hay, list):
        return any(equal(needle, item) for item in hay)
    if type(hay) is str and type(needle) is str:
        return needle in hay
    return UNDEFINED


def item(holder: object, key: object) -> object:
    """Return ``holder[key]``: a field (the first, if it repeats) or an item, counted from 0."""
    if type(key) is str:
        if type(holder) is dict:
            return holder.get(key, UNDEFINED)
        if isinstance(holder, Object):
            return holder.get(key) if key in holder else UNDEFINED
        return UNDEFINED
    if isinstance(holder, list) and is_number(key) and 0 <= key < len(holder) and key == int(key):
        return holder[int(key)]
    return UNDEFINED


def type_name(value: object) -> str:
    """Return the type of *value* in the words of the language."""
    if value is None or value is UNDEFINED:
        return "null" if value is None else "undefined"
    if type(value) is bool:
        return "a boolean"
    if type(value) in (int, float, Decimal):
        return "a number"
    if type(value) is str:
        return "a text"
    return "a list" if isinstance(value, list) else "an object"
