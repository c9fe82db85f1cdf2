"""Values and their limits: C14 to C17."""

from dataclasses import dataclass

from msgspec.json import Encoder

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.identity import LONGEST
from pyingest.cleaning.mending import plain
from pyingest.wire.term import Term

DEEPEST = 3
"""Levels of lists and objects within a property."""
CUT = "cut"
LIMIT = "limits"
FINITE = "finite"

_write = Encoder().encode
_FLAT = frozenset({str, int, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one record may hold."""

    names: int
    items: int
    list_bytes: int


EVENT = Limits(names=255, items=255, list_bytes=8_192)
PROFILE = Limits(names=2_000, items=262_144, list_bytes=262_144)
_KEPT = ("distinct_id", "time", "$insert_id")
"""Properties that every event has: they do not count."""


def cut(text: str, notes: list[str]) -> str:
    """C14. Texts and names are cut to 255 characters (code points: no pair is ever halved).

    Source: the vendor's reference.
    """
    if len(text) <= LONGEST:
        return text
    notes.append(CUT)
    return text[:LONGEST]


def finite(number: float, notes: list[str]) -> float | None:
    """C17. ``NaN``, the infinities and numbers beyond a float become null; strict: refused.

    Source: our choice, for JSON has none of them; Python clients can send them.
    """
    if number - number == 0:
        return number
    notes.append(FINITE)
    return None


def is_flat(fields: dict[str, Term]) -> bool:
    """C16. Null is a value as any other, and stays.

    Says whether *fields* can stay as they are: short names, short texts, numbers, words.

    Source: bytes of real clients (browsers send nulls); our choice.
    """
    if len(fields) > EVENT.names:
        return False
    for name, value in fields.items():
        kind = type(value)
        if kind is str:
            if len(value) > LONGEST:
                return False
        elif kind not in _FLAT and (kind is not float or value - value != 0):
            return False
        if len(name) > LONGEST:
            return False
    return True


def tidy(value: Term, limits: Limits, notes: list[str], level: int = 1) -> Term:
    """C15. 255 properties (2000 in a profile), 255 items and 8 KB in a list (256 KB in a
    profile), three levels. Beyond: refused (strict), or cut short, and the fourth level becomes
    the text of its JSON.

    Source: the
    vendor's reference has the limits and refuses (strict); cutting is our choice.
    """
    kind = type(value)
    if kind is str:
        return cut(value, notes)
    if kind is float:
        return finite(value, notes)
    if kind is dict or kind is list:
        if level > DEEPEST:
            notes.append(LIMIT)
            return cut(_write(value).decode(), notes)
        if kind is dict:
            return tidy_object(value, limits, notes, level + 1)
        return _tidy_list(value, limits, notes, level)
    if kind in _FLAT:
        return value
    return tidy(plain(value, notes), limits, notes, level)


def tidy_object(
    fields: dict[str, Term], limits: Limits, notes: list[str], level: int = 1
) -> dict[str, Term]:
    """Return *fields* with values within *limits*, and no more than those allow."""
    done: dict[str, Term] = {}
    room = limits.names
    for name, value in fields.items():
        if level > 1 or name not in _KEPT:
            room -= 1
            if room < 0:
                notes.append(LIMIT)
                continue
        done[cut(name, notes)] = tidy(value, limits, notes, level)
    return done


def _tidy_list(items: list[Term], limits: Limits, notes: list[str], level: int) -> list[Term]:
    done = [tidy(item, limits, notes, level + 1) for item in items[: limits.items]]
    if level == 1:
        size = 2
        for index, item in enumerate(done):
            size += len(_write(item)) + (index > 0)
            if size > limits.list_bytes:
                del done[index:]
                break
    if len(done) < len(items):
        notes.append(LIMIT)
    return done


def event_values(draft: Draft) -> Outcome:
    """Hold every property to C14-C17."""
    if not is_flat(draft.fields):
        draft.fields = tidy_object(draft.fields, EVENT, draft.notes)
    return None
