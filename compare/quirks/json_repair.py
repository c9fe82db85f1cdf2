"""One oddity at a time out of a JSON text: what is left tells whether it was to blame.

Each function leaves a text without its oddity as it is, byte by byte.
"""

import json
import math
import re
from collections.abc import Callable

STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
DEEP = 500
"""Levels; simplejson's C scanner gives up near Python's recursion limit of 1000 frames."""
_PIECES = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]|[^][{}"]+|"', re.DOTALL)

_TRAILING_COMMA = re.compile(rb",(\s*[}\]])")
_ODD_KEY = re.compile(rb"([{,]\s*)(-?[0-9][0-9.eE+-]*|true|false|null)(\s*:)")
_ESCAPE = re.compile(rb'(\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))|\\')
_CONTROL = re.compile(rb"[\x00-\x1f]")
_SURROGATE = re.compile(
    rb"(\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..", re.DOTALL
)
_CESU8 = re.compile(
    rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]?"
)
_BIG_INTEGER = re.compile(rb"[0-9]{4301,}")
_NUMBER = re.compile(rb"-?\b(?:NaN|Infinity)\b|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def without_trailing_commas(text: bytes) -> bytes:
    """Leave out a comma before a closing bracket."""
    return _outside(_TRAILING_COMMA, rb"\1", text)


def with_text_keys(text: bytes) -> bytes:
    """Put numbers and words that are keys in quotes."""
    return _outside(_ODD_KEY, rb'\1"\2"\3', text)


def without_controls(text: bytes) -> bytes:
    """Put a blank for each raw control character in a string."""
    return STRING.sub(lambda found: _CONTROL.sub(b" ", found[0]), text)


def with_known_escapes(text: bytes) -> bytes:
    """Double a backslash before something that needs none."""
    return STRING.sub(lambda found: _ESCAPE.sub(lambda one: one[1] or rb"\\", found[0]), text)


def with_whole_characters(text: bytes) -> bytes:
    """Put U+FFFD for each escape of half a character."""
    return _SURROGATE.sub(lambda found: found[1] or rb"\ufffd", text)


def with_finite_numbers(text: bytes) -> bytes:
    """Put 0 for numbers beyond 64-bit floats, and for the words that stand for one."""
    return _outside(_NUMBER, _finite, text)


def _finite(found: re.Match[bytes]) -> bytes:
    number = found[0]
    if number.lstrip(b"-").isdigit():
        return number
    return number if math.isfinite(float(number)) else b"0"


def with_short_integers(text: bytes) -> bytes:
    """Put 7 for each integer of more than 4 300 digits."""
    return _outside(_BIG_INTEGER, b"7", text)


def without_depths(text: bytes) -> bytes:
    """Put 0 for each list and object that lies deeper than ``DEEP``."""
    if text.count(b"[") + text.count(b"{") <= DEEP:
        return text
    kept: list[bytes] = []
    depth = 0
    for piece in _PIECES.findall(text):
        opens, closes = piece in (b"[", b"{"), piece in (b"]", b"}")
        depth += opens
        if depth <= DEEP:
            kept.append(piece)
        elif opens and depth == DEEP + 1:
            kept.append(b"0")
        depth -= closes
    return b"".join(kept)


def in_utf8(text: bytes) -> bytes:
    """Take off a byte order mark; write UTF-16 and UTF-32 in UTF-8."""
    encoding = json.detect_encoding(text) if text else "utf-8"
    if encoding == "utf-8":
        return text
    try:
        return text.decode(encoding).encode()
    except UnicodeError:
        return text


def without_cesu8(text: bytes) -> bytes:
    """Write surrogates that were encoded one by one as one character, a lone one as U+FFFD."""
    return _CESU8.sub(_character, text)


def _character(found: re.Match[bytes]) -> bytes:
    if len(found[0]) < 6:
        return "\ufffd".encode()
    halves = found[0].decode("utf-8", "surrogatepass")
    return halves.encode("utf-16", "surrogatepass").decode("utf-16").encode()


def readable(text: bytes) -> bytes:
    """Put U+FFFD for what is not UTF-8."""
    return text.decode("utf-8", "replace").encode()


def _outside(
    pattern: re.Pattern[bytes], new: bytes | Callable[[re.Match[bytes]], bytes], text: bytes
) -> bytes:
    """Replace *pattern* where *text* is no string.

    The strings go out of the way and come back, so that a pattern may reach across one.
    """
    strings = iter(STRING.findall(text))
    bare = pattern.sub(new, STRING.sub(b'""', text))
    return re.sub(rb'""', lambda _: next(strings, b'""'), bare)
