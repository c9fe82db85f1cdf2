"""The ``data`` parameter and the two flags, where they stand in the common spelling."""

from pyingest.wire.querystring import unquoted

IP, VERBOSE = 1, 2
_IP_OFF, _VERBOSE_OFF = 4, 8
_FLAGS = {b"ip=1": IP, b"verbose=1": VERBOSE, b"ip=0": _IP_OFF, b"verbose=0": _VERBOSE_OFF}
_USED = (b"data", b"ip", b"verbose")
_CONFLICTS = (IP | _IP_OFF, VERBOSE | _VERBOSE_OFF)


def parameters(text: bytes) -> tuple[bytes, int] | None:
    """Return the decoded ``data`` of a query or form and its flags, or ``None`` if unsure.

    What is returned is what every profile's way to split gives: no name is encoded, nothing
    but ``&`` separates, no parameter that counts comes twice, the value is ASCII and not empty.
    """
    if b";" in text or b"#" in text:
        return None
    data: bytes | None = None
    flags = 0
    for segment in text.split(b"&"):
        if segment.startswith(b"data="):
            if data is not None:
                return None
            data = segment[5:]
        elif segment in _FLAGS:
            flags |= _FLAGS[segment]
        elif not segment.startswith(b"_=") and not _is_of_no_use(segment):
            return None
    if not data:
        return None
    if b"%" in data or b"+" in data:
        data = unquoted(data)
    if not data.isascii():
        return None
    if flags > VERBOSE and any(flags & both == both for both in _CONFLICTS):
        return None
    return data, flags & (IP | VERBOSE)


def _is_of_no_use(segment: bytes) -> bool:
    name = segment.partition(b"=")[0]
    return name.isalnum() and name not in _USED
