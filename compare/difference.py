"""How two events (or answers) differ: each difference a kind, a path, and both texts.

Kinds: what can be told from one pair of the taxonomy that reviewers of rewrites use.
"""

import enum
import unicodedata
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote_plus

from compare.canonical import Unparsable, canonical
from pyingest.wire.term import Object, Term

LONGEST = 500
"""Characters kept of a value's text."""


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
    """Other digits, the same 64-bit float."""
    TIME_SHIFT = "time_shift"
    """Times apart by whole quarters of an hour, or by a factor of 1000."""
    VALUE_BOOL = "value_bool"
    VALUE_STRING = "value_string"
    UNICODE_NORM = "unicode_norm"
    MOJIBAKE = "mojibake"
    """UTF-8 read as latin-1 or the other way round, or characters replaced by U+FFFD."""
    CASE = "case"
    WHITESPACE = "whitespace"
    TRUNCATED = "truncated"
    URL_DECODING = "url_decoding"
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
    if isinstance(legacy, dict | Object) and isinstance(candidate, dict | Object):
        _compare_objects(path, legacy, candidate, found)
    elif isinstance(legacy, list) and isinstance(candidate, list):
        _compare_lists(path, legacy, candidate, found)
    elif canonical(legacy) != canonical(candidate):
        kind = _leaf_kind(path, legacy, candidate)
        found.append(Difference(kind, path, text(legacy), text(candidate)))


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
    for one, other in zip(left, right, strict=False):
        _compare(here, one, other, found)
    for item in left[len(right) :]:
        found.append(Difference(Kind.FIELD_REMOVED, here, text(item), None))
    for item in right[len(left) :]:
        found.append(Difference(Kind.FIELD_ADDED, here, None, text(item)))


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
    if "time" in path.rpartition(".")[2].lower():
        shift, factor = abs(ours - theirs), ours / theirs
        whole = shift <= 14 * 3600 and shift % 900 == 0
        if whole or factor == 1000 or factor == Decimal("0.001"):
            return Kind.TIME_SHIFT
    return Kind.VALUE_NUMBER


def _is_ordinary(number: Decimal) -> bool:
    """Say whether it is safe to calculate with *number*; the sign of a zero is not."""
    return number.is_finite() and bool(number) and abs(number.adjusted()) < 300


def _string_kind(legacy: str, candidate: str) -> Kind:
    if legacy.casefold() == candidate.casefold():
        return Kind.CASE
    if "".join(legacy.split()) == "".join(candidate.split()):
        return Kind.WHITESPACE
    if _normal(legacy) == _normal(candidate):
        return Kind.UNICODE_NORM
    if _is_mojibake(legacy, candidate) or _is_mojibake(candidate, legacy):
        return Kind.MOJIBAKE
    if unquote_plus(legacy) == candidate or unquote_plus(candidate) == legacy:
        return Kind.URL_DECODING
    if legacy and candidate and (legacy.startswith(candidate) or candidate.startswith(legacy)):
        return Kind.TRUNCATED
    return Kind.VALUE_STRING


def _normal(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _is_mojibake(good: str, bad: str) -> bool:
    raw = good.encode("utf-8", "surrogatepass")
    return bad in (raw.decode("latin-1"), raw.decode("cp1252", "replace")) or (
        "\ufffd" in bad and "\ufffd" not in good and _without_odd(good) == _without_odd(bad)
    )


def _without_odd(value: str) -> str:
    return "".join(letter for letter in value if letter.isascii())
