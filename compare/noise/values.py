"""The values of a difference, read back from its texts: what noise rules measure."""

import datetime
import json
import re
from decimal import Decimal, InvalidOperation

from compare.differing.difference import type_name

POWERS = range(-330, 301)
"""Powers of ten that are calculated with: those of all 64-bit floats but the largest."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", re.ASCII)


def as_string(written: str) -> str | None:
    """Return the string that a JSON text holds; ``None`` if it is none, or was cut short."""
    if type_name(written) != "string":
        return None
    try:
        value = json.loads(written, strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def as_number(written: str) -> Decimal | None:
    """Return the number that a JSON text holds; ``None`` if it is none, or no ordinary one."""
    if type_name(written) not in ("int", "float"):
        return None
    try:
        number = Decimal(written)
    except InvalidOperation:
        return None
    if not number.is_finite() or (number and number.adjusted() not in POWERS):
        return None
    return number


def as_time(value: str) -> datetime.datetime | None:
    """Return the moment that an ISO 8601 text names; UTC where it has no offset."""
    if not _DATE.match(value):
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def seconds_between(legacy: str, candidate: str) -> Decimal | None:
    """Return candidate minus legacy in seconds, of ISO 8601 texts; ``None`` if one is none."""
    ours, theirs = as_time(legacy), as_time(candidate)
    if ours is None or theirs is None:
        return None
    apart = theirs - ours
    whole = apart.days * 86_400 + apart.seconds
    return Decimal(whole) + Decimal(apart.microseconds) / 1_000_000
