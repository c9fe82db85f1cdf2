"""What JSON text cannot hold, or sinks do not take, is made plain: C18, C20 and C21."""

from msgspec import Raw
from msgspec.json import Encoder

from pyingest.wire.term import IllFormed, Object, Term, is_integer

DIGITS = 4300
"""Longest integer that stays one; Python itself converts no longer text without being told to."""
_BITS = 14_000
"""Integers of fewer bits have fewer digits than :data:`DIGITS`."""

BIG_INTEGER = "big_integer"
UTF8 = "utf8"
NUL = "nul"

_write = Encoder().encode


def plain(term: Term, notes: list[str]) -> Term:
    """Return *term* in values that can be written as JSON in UTF-8; add to *notes* what was done.

    Of repeated names the last one counts. Numbers that are not finite stay: writing makes them
    null.

    :raises RecursionError: *term* is nested too deeply.
    """
    match term:
        case str():
            return well_formed(without_nul(term, notes), notes)
        case dict() | Object():
            return last_of_each(
                [(_name(name, notes), plain(value, notes)) for name, value in term.items()]
            )
        case list():
            return [plain(item, notes) for item in term]
        case IllFormed():
            notes.append(UTF8)
            return without_nul(term.content.decode("utf-8", "replace"), notes)
        case Raw():
            return _number(term, notes)
        case int() if term.bit_length() > _BITS:
            return _writable(term, notes)
    return term


def last_of_each(pairs: list[tuple[str, Term]]) -> dict[str, Term]:
    """C19. Of pairs with the same name the last one counts.

    Source: our choice, as most readers of JSON do.
    """
    return dict(pairs)


def well_formed(text: str, notes: list[str]) -> str:
    """C20. Lone surrogates and bytes that are no UTF-8 become U+FFFD; strict: refused
    (``string should be valid utf8``).

    Source: the vendor's reference; mending it otherwise is our choice.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        notes.append(UTF8)
        return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def without_nul(text: str, notes: list[str]) -> str:
    """C21. U+0000 is taken out of texts and names: many sinks refuse it.

    Source: our choice.
    """
    if "\0" in text:
        notes.append(NUL)
        return text.replace("\0", "")
    return text


def integer(digits: str) -> int | str:
    """C18. Integers stay exact up to 4300 digits; a longer one becomes text.

    Source: our choice; a trip through a float would change ids beyond 2^53.
    """
    if len(digits) > DIGITS and len(digits.lstrip("-")) > DIGITS:
        return digits
    try:
        return int(digits)
    except ValueError:  # the interpreter was told to convert fewer
        return digits


def _name(name: Term, notes: list[str]) -> str:
    """Return *name* as text: some decoders let numbers and words be names."""
    value = plain(name, notes)
    return value if isinstance(value, str) else _write(value).decode()


def _number(number: Raw, notes: list[str]) -> int | str | float | None:
    text = bytes(number).decode("ascii", "replace")
    try:
        value = integer(text) if is_integer(number) else float(text)
    except ValueError:
        return None
    if isinstance(value, str):
        notes.append(BIG_INTEGER)
    return value


def _writable(value: int, notes: list[str]) -> int | None:
    try:
        str(value)
    except ValueError:  # more digits than the interpreter writes: no decoder of ours makes these
        notes.append(BIG_INTEGER)
        return None
    return value
