"""Query strings and form bodies as browsers write them (URL Standard, section 5.1)."""

import binascii
from urllib.parse import unquote_to_bytes

Pairs = list[tuple[bytes, bytes]]
MOST = 1000
"""Fields that are read; what comes after them is not looked at."""
_OFF = (b"", b"0", b"false")


def pairs(text: bytes) -> Pairs:
    """Return names and values in order: ``&`` separates, ``;`` does not, ``+`` is a blank."""
    if not text:
        return []
    found = []
    for segment in text.split(b"&", MOST)[:MOST]:
        name, _, value = segment.partition(b"=")
        found.append((_plain(name), _plain(value)))
    return found


def _plain(text: bytes) -> bytes:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return unescaped(text) if b"%" in text else text


def unescaped(text: bytes) -> bytes:
    """Return *text* with each ``%XY`` as its byte; a ``%`` without two hex digits stays."""
    if b"%\n" not in text and b"%\r" not in text:
        # Quoted-printable differs in its sign and in line ends behind it, and is decoded in C: a
        # form of plain JSON is a third escapes. A sign that is no escape makes more than this.
        quoted = text.replace(b"=", b"=3D") if b"=" in text else text
        plain = binascii.a2b_qp(quoted.replace(b"%", b"="))
        if len(plain) == len(text) - 2 * text.count(b"%"):
            return plain
    return unquote_to_bytes(text)


def parameters(*sources: Pairs) -> dict[bytes, bytes]:
    """Return the first value of each name that is not empty, earlier sources first."""
    found: dict[bytes, bytes] = {}
    for source in sources:
        for name, value in source:
            if not found.get(name):
                found[name] = value
    return found


def is_on(value: bytes | None) -> bool:
    """Say whether a flag is set: everything but nothing, ``0``, ``false`` and less than 0."""
    if value == b"1":
        return True
    if value is None:
        return False
    text = value.strip().lower()
    if text in _OFF or text.startswith(b"-"):
        return False
    return text.strip(b"0") != b""
