"""base64 as the legacy service reads it, and as a straightforward port does."""

import base64
import binascii

import pybase64

_SKIPPED = b"\t\n\r "


def decode_as_erlang(data: bytes) -> bytes | None:
    """Return what ``base64:decode`` of OTP 25 makes of *data*, or ``None`` where it fails.

    Tabs, line ends and blanks are skipped wherever they stand; the rest must be whole groups
    of four from the standard alphabet, padded with the one canonical number of ``=``.
    """
    text = data.translate(None, _SKIPPED)
    if len(text) % 4 or not _canonical_padding(text):
        return None
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _canonical_padding(text: bytes) -> bool:
    first = text.find(b"=")
    return first < 0 or (first >= len(text) - 2 and text.endswith(b"=" * (len(text) - first)))


def decode_as_port(data: bytes) -> bytes | None:
    """Return ``base64.b64decode(data)`` as it stands, junk dropped, or ``None`` where it fails."""
    try:
        return base64.b64decode(data)
    except binascii.Error:
        return None
