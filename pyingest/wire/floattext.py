"""Floats as the legacy service writes them: ``mochinum:digits``."""

from decimal import Decimal

_TIES_FROM = 16
"""Two texts of fewer digits never stand for one double, so neither can be the other's rival."""


def float_text(number: float) -> str:
    """Return the shortest digits that give *number* again, in the layout of MochiWeb's mochinum.

    Where two such texts are equally short and equally near, it is the one farther from zero:
    mochinum rounds a half up, ``repr`` to the even digit.

    With the number as 0.S x 10**P and L digits in S: a point inside S when 0 < P < L, up to five
    zeros of padding on either side, the exponent form beyond. Zero of either sign is ``0.0``.

    :raises ValueError: *number* is infinite or no number; Erlang has neither.
    """
    if number == 0:
        return "0.0"
    place, digits = _shortest(repr(abs(number)))
    if len(digits) >= _TIES_FROM:
        digits = _rounded_up(abs(number), place, digits)
    text = _laid_out(place, digits)
    return "-" + text if number < 0 else text


def _shortest(text: str) -> tuple[int, str]:
    """Return (P, S) of a positive float's repr."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if not whole.isdecimal():
        raise ValueError(f"{text} has no digits")
    digits = (whole + fraction).lstrip("0")
    place = len(digits) - len(fraction) + int(exponent or "0")
    return place, digits.rstrip("0")


def _rounded_up(number: float, place: int, digits: str) -> str:
    """Return *digits*, or the next ones if *number* lies exactly between the two."""
    unit = Decimal(1).scaleb(place - len(digits))
    if Decimal(number) - Decimal(digits).scaleb(place - len(digits)) != unit / 2:
        return digits
    return str(int(digits) + 1)


def _laid_out(place: int, digits: str) -> str:
    padding = place - len(digits)
    if place > 0 and padding < 0:
        return f"{digits[:place]}.{digits[place:]}"
    if place > 0 and padding < 6:
        return f"{digits}{'0' * padding}.0"
    if -6 < place <= 0:
        return f"0.{'0' * -place}{digits}"
    sign = "-" if place < 0 else "+"
    return f"{digits[0]}.{digits[1:] or '0'}e{sign}{abs(place - 1)}"
