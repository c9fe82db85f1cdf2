"""The ``data`` parameter and the two flags, where they stand in the common spelling."""

import re
from itertools import product

IP, VERBOSE = 1, 2
_IP_OFF, _VERBOSE_OFF = 4, 8
_UNSURE = -1
_SEGMENTS = {b"ip=1": IP, b"verbose=1": VERBOSE, b"ip=0": _IP_OFF, b"verbose=0": _VERBOSE_OFF}
_USED = (b"data", b"ip", b"verbose")
_CONFLICTS = (IP | _IP_OFF, VERBOSE | _VERBOSE_OFF)
_MOST_KNOWN = 1024
_known: dict[bytes, int] = {}
"""What stood beside ``data`` before, and its flags: clients use the same few texts."""
_PLUS, _PERCENT, _SEMICOLON, _HASH = b"+%;#"
# Numbers, because ``bytes in bytes`` first makes and drops an exception (CPython 3.11).
_HEX = "0123456789ABCDEFabcdef"
_CODES = [(first + second).encode() for first, second in product(_HEX, _HEX)]
_coded = re.compile(rb"%[0-9A-Fa-f]{2}").sub
_BYTES = {b"%" + code: bytes.fromhex(code.decode()) for code in _CODES}


def parameters(text: bytes) -> tuple[bytes, int] | None:
    """Return the decoded ``data`` of a query or form, not empty, and its flags; ``None`` if unsure.

    That is what every profile's way to split gives where :func:`is_undivided`: no name is encoded,
    and no parameter that counts comes twice.
    """
    data, _, others = text.partition(b"&")
    if not data.startswith(b"data="):
        before, _, after = text.partition(b"&data=")
        data, _, others = after.partition(b"&")
        data, others = b"data=" + data, b"%b&%b" % (before, others) if others else before
    flags = _flags(others)
    data = _unquoted(data)
    return None if flags == _UNSURE or not data else (data, flags)


def is_undivided(text: bytes, data: bytes) -> bool:
    """Say whether all profiles agree where in *text* its *data* ends, and on its characters.

    Base64 that is valid needs no such look.
    """
    divided = _SEMICOLON in text or _HASH in text
    return not divided and text.isascii() and data.isascii()


def _unquoted(segment: bytes) -> bytes:
    """Return the value of a segment that begins with ``data=``."""
    value = segment[5:]
    if _PLUS in value:
        value = value.replace(b"+", b" ")
    if _PERCENT not in value:
        return value
    # Base64 mostly has nothing to decode but its padding.
    if value[-6:] == b"%3D%3D":
        value = value[:-6] + b"=="
    elif value[-3:] == b"%3D":
        value = value[:-3] + b"="
    return _coded(_decoded, value) if _PERCENT in value else value


def _decoded(found: re.Match[bytes]) -> bytes:
    return _BYTES[found[0]]


def _flags(text: bytes) -> int:
    """Return the flags in what stands beside ``data``."""
    flags = _known.get(text)
    if flags is not None:
        return flags
    # A browser puts a number at the end, another one each time, against caches.
    first, _, last = text.rpartition(b"&_=")
    if last.isdigit():
        text = first
    flags = _known.get(text)
    if flags is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        flags = _known[text] = _judged(text)
    return flags


def _judged(text: bytes) -> int:
    if not is_undivided(text, b""):
        return _UNSURE
    flags = 0
    for segment in text.split(b"&") if text else ():
        if segment in _SEGMENTS:
            flags |= _SEGMENTS[segment]
        elif not segment.startswith(b"_=") and not _is_of_no_use(segment):
            return _UNSURE
    if any(flags & both == both for both in _CONFLICTS):
        return _UNSURE
    return flags & (IP | VERBOSE)


def _is_of_no_use(segment: bytes) -> bool:
    name = segment.partition(b"=")[0]
    return name.isalnum() and name not in _USED
