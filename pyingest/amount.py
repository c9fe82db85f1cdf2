"""Which numbers that a user gives can be reckoned with; no I/O."""

import math
from collections.abc import Iterator, Mapping, Sequence

LARGEST = 2**63 - 1
"""As large as TOML's whole numbers, and as those that our processes tell each other."""


def why_no_amount(number: float) -> str:
    """Return why *number* is none to reckon with, in words that follow it; or an empty text."""
    if isinstance(number, float) and not math.isfinite(number):
        return "is no number to reckon with; write a finite one"
    if abs(number) > LARGEST:
        return f"is too large; write a number of at most {LARGEST}"
    return ""


def numbers_in(data: object, path: str = "") -> Iterator[tuple[str, int | float]]:
    """Yield each number in tables and lists of any depth, with its key: ``rules[0].share``."""
    if isinstance(data, int | float):
        yield path, data
    elif isinstance(data, Mapping):
        for name, value in data.items():
            yield from numbers_in(value, f"{path}.{name}".lstrip("."))
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for place, value in enumerate(data):
            yield from numbers_in(value, f"{path}[{place}]")
