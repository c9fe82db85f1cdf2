"""base64 as clients really send it."""

import binascii

import pybase64

_ALPHABET = bytes.maketrans(b" -_", b"++/")
_DROPPED = b"\t\n\r"


def decode(text: bytes) -> bytes | None:
    """Return what *text* holds, or ``None`` if it is no base64.

    Blanks were ``+`` before a form was decoded (Node and PHP do not escape it); ``-`` and ``_``
    are of the URL-safe alphabet (RFC 4648, section 5); line ends do not count; padding may lack
    or be too much.
    """
    text = text.translate(_ALPHABET, _DROPPED).rstrip(b"=")
    surplus = len(text) % 4
    if surplus == 1:
        return None
    try:
        return pybase64.b64decode(text + b"==="[: (4 - surplus) % 4], validate=True)
    except (binascii.Error, ValueError):
        return None
