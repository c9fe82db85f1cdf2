"""The ``data`` parameter and the two flags, where they stand in the common spelling."""

from pyingest.wire.querystring import unquoted

IP, VERBOSE = 1, 2
_IP_OFF, _VERBOSE_OFF = 4, 8
_UNSURE = -1
_SEGMENTS = {b"ip=1": IP, b"verbose=1": VERBOSE, b"ip=0": _IP_OFF, b"verbose=0": _VERBOSE_OFF}
_USED = (b"data", b"ip", b"verbose")
_CONFLICTS = (IP | _IP_OFF, VERBOSE | _VERBOSE_OFF)
_MOST_KNOWN = 1024
_known: dict[bytes, int] = {}
"""What stood beside ``data`` before, and its flags: clients use the same few texts."""


def parameters(text: bytes) -> tuple[bytes, int] | None:
    """Return the decoded ``data`` of a query or form and its flags, or ``None`` if unsure.

    What is returned is what every profile's way to split gives: no name is encoded, nothing
    but ``&`` separates, no parameter that counts comes twice, the value is ASCII and not empty.
    """
    data, _, others = text.partition(b"&")
    if not data.startswith(b"data="):
        before, _, after = text.partition(b"&data=")
        data, _, others = after.partition(b"&")
        others = b"%b&%b" % (before, others) if others else before
    else:
        data = data[5:]
    flags = _flags(others)
    if flags == _UNSURE or not data or b";" in data or b"#" in data or not data.isascii():
        return None
    if b"%" in data or b"+" in data:
        data = unquoted(data)
        if not data.isascii():
            return None
    return data, flags


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
    if b";" in text or b"#" in text:
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
