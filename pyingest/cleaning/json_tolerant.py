"""JSON as the modern contract reads it: the standard, and what real clients send beside it.

msgspec reads nearly every text; what it refuses is read again by the standard library with more
patience. Both give the same value for a text that keeps to the standard: a test proves it.
"""

import json
from codecs import BOM_UTF8

import msgspec

from pyingest.cleaning.mending import integer, plain
from pyingest.wire.term import Term, Unreadable

_quick = msgspec.json.Decoder().decode
_patient = json.JSONDecoder(parse_int=integer).decode
_write = msgspec.json.Encoder().encode


def decode(text: bytes) -> Term | Unreadable:
    """Return the value of the JSON text *text*. Never raises.

    A byte order mark is stepped over, of repeated names the last one counts, and an integer of
    more than 4300 digits comes as text. What has to be mended stays visible, so that a strict
    request can be told of it: ``NaN``, ``Infinity`` and ``1e999`` come as the float of that name,
    and bytes that are no UTF-8 come as lone surrogates, as the escapes of those do. ``clean``
    mends both, and :func:`encode` does. UTF-16 is ``Unreadable``, and so is what is nested deeper
    than the interpreter bears (about a thousand levels).
    """
    try:
        return _quick(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return decode_patiently(text)


def decode_patiently(text: bytes) -> Term | Unreadable:
    """Return what :func:`decode` does, by the slower way alone."""
    letters = text.removeprefix(BOM_UTF8).decode("utf-8", "surrogateescape")
    try:
        return _patient(letters)
    except RecursionError:
        return Unreadable("nested too deeply")
    except ValueError as error:
        return Unreadable(str(error))


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
