"""Amounts as people write them: ``20GB``, ``7d``; and back."""

import re

from pyingest.amount import why_no_amount

_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def bytes_of(text: str) -> int:
    """Return the number of bytes that ``500MB`` or ``20GiB`` names.

    :raises ValueError: it names none.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2].upper() not in _SIZES:
        raise ValueError(f"{text!r} is no size; write 500MB, 20GB, 1.5GiB")
    return int(_amount(float(found[1]) * _SIZES[found[2].upper()]))


def seconds_of(text: str) -> float:
    """Return the number of seconds that ``90s``, ``15m``, ``12h``, ``7d`` or ``2w`` names.

    :raises ValueError: it names none.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2].lower() not in _SPANS:
        raise ValueError(f"{text!r} is no span of time; write 90s, 15m, 12h, 7d or 2w")
    return _amount(float(found[1]) * _SPANS[found[2].lower()])


def _amount(number: float) -> float:
    if wrong := why_no_amount(number):
        raise ValueError(f"{number:g} {wrong}")
    return number


def size_text(count: int) -> str:
    """Return a number of bytes in three digits: ``1.23 GB``."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def span_text(seconds: float) -> str:
    """Return a span of time in its two largest units: ``3 d 4 h``."""
    rest = max(0, round(seconds))
    days, rest = divmod(rest, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    told = [(count, name) for count, name in units if count]
    return " ".join(f"{count} {name}" for count, name in told[:2]) or "0 s"
