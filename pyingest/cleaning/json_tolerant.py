"""JSON as the modern contract reads it: the standard, and what real clients send beside it.

msgspec reads nearly every text; what it refuses is read again by the standard library, with more
patience. Both give the same value for a text that keeps to the standard: a test proves it.
"""

import json
import re
from codecs import BOM_UTF8

import msgspec

from pyingest.cleaning.mending import integer
from pyingest.wire.term import Term, Unreadable

_quick = msgspec.json.Decoder().decode
_patient = json.JSONDecoder().decode
_long_integers = json.JSONDecoder(parse_int=integer).decode
_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
"""A character beyond U+FFFF in two halves (CESU-8), as the browser client's base64 sends it."""


def decode(text: bytes) -> Term | Unreadable:
    """Return the value of the JSON text *text*. Never raises.

    A byte order mark is stepped over, a character in two halves (CESU-8) is joined, of repeated
    names the last one counts, and an integer of more than 4300 digits comes as text. What has to
    be mended stays visible, so that a strict request can be told of it: ``NaN``, ``Infinity`` and
    ``1e999`` come as the float of that name, and bytes that are no UTF-8 come as lone surrogates,
    as the escapes of those do. ``clean`` mends both. UTF-16 is ``Unreadable``, and so is what is
    nested deeper than the interpreter bears (about a thousand levels).
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
    except json.JSONDecodeError as error:
        return Unreadable(str(error))
    except RecursionError:
        return Unreadable("nested too deeply")
    except ValueError:  # an integer has more digits than the interpreter converts
        return _with_long_integers(letters)


def _with_long_integers(letters: str) -> Term | Unreadable:
    # A way of its own: to ask about every integer makes the whole reading five times slower.
    try:
        return _long_integers(letters)
    except RecursionError:
        return Unreadable("nested too deeply")
    except ValueError as error:
        return Unreadable(str(error))


def _joined(halves: re.Match[bytes]) -> bytes:
    pair = halves.group().decode("utf-8", "surrogatepass")
    return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()
