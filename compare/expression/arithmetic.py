"""The operators on numbers, and the conversions: undefined for what they are not for."""

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from compare.expression.values import NUMBER, UNDEFINED, exact, is_number, literal_number

DIGITS = 50
"""Significant digits of a result that is no whole number; inputs and comparisons are exact."""

_context = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_LONGEST_PLAIN = 25


def plus(left: object, right: object) -> object:
    """Return the sum of two numbers, or two texts joined."""
    if type(left) is str and type(right) is str:
        return left + right
    if type(left) is int and type(right) is int:
        return left + right
    return _calculated(_context.add, left, right)


def minus(left: object, right: object) -> object:
    """Return the difference of two numbers."""
    if type(left) is int and type(right) is int:
        return left - right
    return _calculated(_context.subtract, left, right)


def times(left: object, right: object) -> object:
    """Return the product of two numbers."""
    if type(left) is int and type(right) is int:
        return left * right
    return _calculated(_context.multiply, left, right)


def over(left: object, right: object) -> object:
    """Return the quotient of two numbers; undefined for a division by zero."""
    if type(left) is int and type(right) is int and right and not left % right:
        return left // right
    return _calculated(_context.divide, left, right)


def remainder(left: object, right: object) -> object:
    """Return the remainder with the sign of the dividend; undefined for one by zero."""
    if type(left) is int and type(right) is int and right:
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return _calculated(_context.remainder, left, right)


def _calculated(
    operation: Callable[[Decimal, Decimal], Decimal], left: object, right: object
) -> object:
    if not (is_number(left) and is_number(right)):
        return UNDEFINED
    result = operation(Decimal(exact(left)), Decimal(exact(right)))
    return result if result.is_finite() else UNDEFINED


def negative(value: object) -> object:
    """Return the number with the other sign."""
    if not is_number(value):
        return UNDEFINED
    number = exact(value)
    return -number if isinstance(number, int) else number.copy_negate()


def floor(value: object) -> object:
    """Return the next whole number below."""
    return _whole(value, ROUND_FLOOR)


def ceil(value: object) -> object:
    """Return the next whole number above."""
    return _whole(value, ROUND_CEILING)


def nearest(value: object) -> object:
    """Return the nearest whole number; of two, the one further from zero."""
    return _whole(value, ROUND_HALF_UP)


def _whole(value: object, rounding: str) -> object:
    if not is_number(value):
        return UNDEFINED
    number = exact(value)
    return number if isinstance(number, int) else number.to_integral_value(rounding=rounding)


def as_string(value: object) -> object:
    """Return a text, number or boolean as text, and null as null."""
    if value is None or type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    return _digits(Decimal(exact(value))) if is_number(value) else UNDEFINED


def _digits(number: Decimal) -> str:
    """Return equal numbers as equal texts: 2.0 as ``2``."""
    if not number:
        return "0"
    if -_LONGEST_PLAIN < number.adjusted() < _LONGEST_PLAIN or number.as_tuple().exponent == 0:
        text = format(number, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, exponent = number.as_tuple()
    kept = "".join(map(str, digits)).rstrip("0")
    power = number.adjusted()
    fraction = f".{kept[1:]}" if len(kept) > 1 else ""
    del exponent
    return f"{'-' if sign else ''}{kept[0]}{fraction}e{power}"


def as_number(value: object) -> object:
    """Return a numeric text as number, true as 1, false as 0, a number as itself."""
    if type(value) is bool:
        return int(value)
    if type(value) is str:
        bare = value.removeprefix("-")
        if not NUMBER.fullmatch(bare):
            return UNDEFINED
        number = literal_number(bare)
        return number if bare == value else negative(number)
    return value if is_number(value) else UNDEFINED


def as_boolean(value: object) -> bool:
    """Return false for ``"false"``, zero, null, undefined and the empty text; true else."""
    if value is None or value is UNDEFINED or type(value) is bool:
        return bool(value)
    return value not in ("", "false") if type(value) is str else not is_number(value) or value != 0
