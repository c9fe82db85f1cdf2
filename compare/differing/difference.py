"""How two events (or answers) differ: each difference a kind, a path, and both texts.

Kinds: what can be told from one pair of the taxonomy that reviewers of rewrites use.
"""

import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from compare.differing import likeness
from compare.differing.canonical import Unparsable, canonical
from pyingest.wire.term import Object, Term

LONGEST = 500
"""Characters kept of a value's text."""

_PLAIN = {str, int, bool, type(None)}
"""Types within which ``==`` can be trusted; it takes 0.0 for -0.0, and 1 for true."""


class Kind(enum.StrEnum):
    """What sort of difference."""

    MISSING = "missing"
    """Legacy queued the event, the candidate did not."""
    EXTRA = "extra"
    DUPLICATE = "duplicate"
    """The candidate queued it more often."""
    DUPLICATE_LOST = "duplicate_lost"
    MISROUTED = "misrouted"
    """The same content on a queue of another name."""
    FIELD_REMOVED = "field_removed"
    FIELD_ADDED = "field_added"
    DUPLICATE_KEY = "duplicate_key"
    """One object holds a key more often than the other."""
    TYPE = "type"
    NULL_VS_ABSENT = "null_vs_absent"
    EMPTY_LIST_VS_OBJECT = "empty_list_vs_object"
    BOOL_VS_INT = "bool_vs_int"
    VALUE_NUMBER = "value_number"
    NUMERIC_FORMAT = "numeric_format"
    """Other digits, the same 64-bit float; or two texts that write one."""
    TIME_SHIFT = "time_shift"
    """Times in two zones (whole quarters of an hour apart) or two units (seconds, ms, us, ns)."""
    VALUE_BOOL = "value_bool"
    VALUE_STRING = "value_string"
    UNICODE_NORM = "unicode_norm"
    MOJIBAKE = "mojibake"
    """UTF-8 read as latin-1, however often, or what is not ASCII replaced or left out."""
    CASE = "case"
    WHITESPACE = "whitespace"
    TRUNCATED = "truncated"
    """One text is the beginning of the other, whatever the cut left at its end."""
    URL_DECODING = "url_decoding"
    """Percent signs, ``+`` or ``%uXXXX`` undone more often on one side."""
    REORDERED = "reordered"
    """A list of the same items in another order."""
    UNPARSABLE = "unparsable"
    """No JSON on one side at least, and other bytes."""
    STATUS = "status"
    BODY = "body"
    HEADER = "header"
    NO_ANSWER = "no_answer"
    """Legacy answered the request, the candidate did not (or the other way round)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between a legacy value and a candidate value."""

    kind: Kind
    path: str
    """Where: ``properties.a[].b`` in an event; ``status``, ``body``, ``header:NAME`` in an
    answer; empty when the whole event differs, is missing, or is extra."""
    legacy: str | None
    """The value as JSON text, at most 500 characters; ``None`` when there is none."""
    candidate: str | None


def differences(legacy: Term | Unparsable, candidate: Term | Unparsable) -> list[Difference]:
    """Return how two parsed values differ; empty if and only if they say the same."""
    if isinstance(legacy, Unparsable) or isinstance(candidate, Unparsable):
        if canonical(legacy) == canonical(candidate):
            return []
        return [Difference(Kind.UNPARSABLE, "", text(legacy), text(candidate))]
    found: list[Difference] = []
    _compare("", legacy, candidate, found)
    return found


def text(value: Term | Unparsable) -> str:
    """Return *value* as JSON text, at most 500 characters of it."""
    written = canonical(value).removeprefix(b"\x00").decode("utf-8", "backslashreplace")
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"


def type_name(written: str | None) -> str:
    """Return the JSON type of a value by its text; integers and floats differ."""
    if written is None:
        return "absent"
    first = written[:1]
    if first in "-0123456789" and first:
        return "float" if "." in written or "E" in written else "int"
    named = {'"': "string", "{": "object", "[": "list", "t": "bool", "f": "bool", "n": "null"}
    return named.get(first, "float" if first in ("N", "I") else "bytes")


def _compare(path: str, legacy: Term, candidate: Term, found: list[Difference]) -> None:
    if _is_same_leaf(legacy, candidate):
        return
    if type(legacy) is dict and type(candidate) is dict:
        # Most fields of most pairs are equal: they are taken out before anything is grouped.
        same = {
            key for key, value in legacy.items() if _is_same_leaf(value, candidate.get(key, ...))
        }
        legacy = {key: value for key, value in legacy.items() if key not in same}
        candidate = {key: value for key, value in candidate.items() if key not in same}
    if isinstance(legacy, dict | Object) and isinstance(candidate, dict | Object):
        _compare_objects(path, legacy, candidate, found)
    elif isinstance(legacy, list) and isinstance(candidate, list):
        _compare_lists(path, legacy, candidate, found)
    elif canonical(legacy) != canonical(candidate):
        kind = _leaf_kind(path, legacy, candidate)
        found.append(Difference(kind, path, text(legacy), text(candidate)))


def _is_same_leaf(one: Term, other: Term) -> bool:
    return type(one) is type(other) and type(one) in _PLAIN and one == other


Fields = dict[str, Term] | Object


def _compare_objects(path: str, legacy: Fields, candidate: Fields, found: list[Difference]) -> None:
    ours, theirs = _grouped(legacy), _grouped(candidate)
    for key in sorted(ours.keys() | theirs.keys()):
        here = f"{path}.{key}" if path else key
        left, right = ours.get(key, []), theirs.get(key, [])
        if len(left) == len(right):
            for one, other in zip(left, right, strict=True):
                _compare(here, one, other, found)
        elif left and right:
            found.append(Difference(Kind.DUPLICATE_KEY, here, _texts(left), _texts(right)))
        else:
            kind = _lone_kind(left or right, removed=bool(left))
            found.append(Difference(kind, here, _texts(left), _texts(right)))


def _grouped(fields: Fields) -> dict[str, list[Term]]:
    values: dict[str, list[Term]] = {}
    for key, value in fields.items():
        values.setdefault(str(key), []).append(value)
    return values


def _texts(values: list[Term]) -> str | None:
    """Return the texts of a key's values; only a key that repeats has several."""
    return ", ".join(text(value) for value in values)[:LONGEST] if values else None


def _lone_kind(values: list[Term], *, removed: bool) -> Kind:
    if all(value is None for value in values):
        return Kind.NULL_VS_ABSENT
    return Kind.FIELD_REMOVED if removed else Kind.FIELD_ADDED


def _compare_lists(
    path: str, legacy: list[Term], candidate: list[Term], found: list[Difference]
) -> None:
    ours, theirs = [canonical(item) for item in legacy], [canonical(item) for item in candidate]
    if ours == theirs:
        return
    if len(ours) == len(theirs) and Counter(ours) == Counter(theirs):
        found.append(Difference(Kind.REORDERED, path, text(legacy), text(candidate)))
        return
    here = path + "[]"
    start = _agreeing(ours, theirs)
    end = _agreeing(ours[start:][::-1], theirs[start:][::-1])
    left, right = legacy[start : len(ours) - end], candidate[start : len(theirs) - end]
    lost, gained = _surplus(left, right), _surplus(right, left)
    if lost is None and gained is None:
        for one, other in zip(left, right, strict=False):
            _compare(here, one, other, found)
        lost, gained = left[len(right) :], right[len(left) :]
    found += [Difference(Kind.FIELD_REMOVED, here, text(item), None) for item in lost or ()]
    found += [Difference(Kind.FIELD_ADDED, here, None, text(item)) for item in gained or ()]


def _surplus(longer: list[Term], shorter: list[Term]) -> list[Term] | None:
    """Return what *longer* holds besides *shorter*, all of it in order; ``None`` if it does not."""
    wanted = [canonical(item) for item in shorter]
    rest: list[Term] = []
    place = 0
    for item in longer:
        if place < len(wanted) and canonical(item) == wanted[place]:
            place += 1
        else:
            rest.append(item)
    return rest if place == len(wanted) else None


def _agreeing(ours: list[bytes], theirs: list[bytes]) -> int:
    """Return how many items agree from the start on."""
    shorter = min(len(ours), len(theirs))
    return next((place for place in range(shorter) if ours[place] != theirs[place]), shorter)


def _leaf_kind(path: str, legacy: Term, candidate: Term) -> Kind:
    if isinstance(legacy, str) and isinstance(candidate, str):
        return _string_kind(legacy, candidate)
    kinds = {type(legacy), type(candidate)}
    if kinds == {bool, int}:
        return Kind.BOOL_VS_INT
    if kinds == {int} or kinds == {Decimal}:
        return _number_kind(path, legacy, candidate)
    if kinds == {list, dict} and not legacy and not candidate:
        return Kind.EMPTY_LIST_VS_OBJECT
    return Kind.VALUE_BOOL if kinds == {bool} else Kind.TYPE


def _number_kind(path: str, legacy: int | Decimal, candidate: int | Decimal) -> Kind:
    ours, theirs = Decimal(legacy), Decimal(candidate)
    if not (_is_ordinary(ours) and _is_ordinary(theirs)):
        return Kind.VALUE_NUMBER
    if isinstance(legacy, Decimal) and float(ours) == float(theirs):
        return Kind.NUMERIC_FORMAT
    if likeness.is_shifted_time(path.rpartition(".")[2], ours, theirs):
        return Kind.TIME_SHIFT
    return Kind.VALUE_NUMBER


def _is_ordinary(number: Decimal) -> bool:
    """Say whether it is safe to calculate with *number*; the sign of a zero is not."""
    return number.is_finite() and bool(number) and abs(number.adjusted()) < 300


_STRING_KINDS: tuple[tuple[Callable[[str, str], bool], Kind], ...] = (
    (likeness.is_other_form, Kind.UNICODE_NORM),
    (likeness.is_other_blanks, Kind.WHITESPACE),
    (likeness.is_compatible_form, Kind.UNICODE_NORM),
    (likeness.is_other_case, Kind.CASE),
    (likeness.is_same_number, Kind.NUMERIC_FORMAT),
    (likeness.is_shifted_moment, Kind.TIME_SHIFT),
    (likeness.is_mojibake, Kind.MOJIBAKE),
    (likeness.is_percent_encoded, Kind.URL_DECODING),
    (likeness.is_cut, Kind.TRUNCATED),
)
"""What may be the matter with a text, the sharpest first."""


def _string_kind(legacy: str, candidate: str) -> Kind:
    for is_alike, kind in _STRING_KINDS:
        if is_alike(legacy, candidate):
            return kind
    return Kind.VALUE_STRING
