"""JSON as the modern contract reads it: the standard, and what real clients send beside it.

msgspec reads nearly every text; what it refuses is read again by the standard library with more
patience. Both give the same value for a text that keeps to the standard: a test proves it.
"""

import json
import re
from codecs import BOM_UTF8

import msgspec

from pyingest.cleaning.mending import integer, plain
from pyingest.wire.term import Term, Unreadable

_quick = msgspec.json.Decoder().decode
_patient = json.JSONDecoder(parse_int=integer).decode
_write = msgspec.json.Encoder().encode
_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
"""A character beyond U+FFFF in two halves (CESU-8), as the browser client's base64 sends it."""


def decode(text: bytes) -> Term | Unreadable:
    """Return the value of the JSON text *text*. Never raises.

    A byte order mark is stepped over, a character in two halves (CESU-8) is joined, of repeated
    names the last one counts, and an integer of more than 4300 digits comes as text. What has to
    be mended stays visible, so that a strict request can be told of it: ``NaN``, ``Infinity`` and
    ``1e999`` come as the float of that name, and bytes that are no UTF-8 come as lone surrogates,
    as the escapes of those do. ``clean``
    mends both, and :func:`encode` does. UTF-16 is ``Unreadable``, and so is what is nested deeper
    than the interpreter bears (about a thousand levels).
    """
    try:
        return _quick(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return decode_patiently(text)


def decode_patiently(text: bytes) -> Term | Unreadable:
    """Return what :func:`decode` does, by the slower way alone."""
    whole = _HALVES.sub(_joined, text.removeprefix(BOM_UTF8))
    letters = whole.decode("utf-8", "surrogateescape")
    try:
        return _patient(letters)
    except RecursionError:
        return Unreadable("nested too deeply")
    except ValueError as error:
        return Unreadable(str(error))


def decode_lines(text: bytes) -> list[Term | Unreadable]:
    """Return the value of each line of *text* that is not blank (NDJSON; CRLF counts as LF)."""
    lines = text.removeprefix(BOM_UTF8).split(b"\n")
    return [decode(line) for line in lines if line.strip()]


def _joined(halves: re.Match[bytes]) -> bytes:
    pair = halves.group().decode("utf-8", "surrogatepass")
    return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()


def encode(term: Term) -> bytes | None:
    """Return *term* as compact JSON in UTF-8, or ``None`` where it is nested too deeply.

    Numbers that are not finite become null, lone surrogates U+FFFD, U+0000 is left out.
    """
    try:
        try:
            return _write(term)
        except (TypeError, ValueError):
            return _write(plain(term, []))
    except RecursionError:
        return None
