"""Quirks of base64: what comes to the decoder, and how each can be put right."""

import re

from compare.quirks.payload import BLANKS, TO_STANDARD, Payload
from compare.quirks.quirk import EITHER, Quirk, Stage, of_payload

_ALPHABET = re.compile(rb"[A-Za-z0-9+/]")
_JUNK = re.compile(rb"[^A-Za-z0-9+/=\t\n\r _-]")


def has_junk(payload: Payload) -> bool:
    """Base64 with characters of no alphabet."""
    return payload.is_base64 and bool(_JUNK.search(payload.data or b""))


def without_junk(data: bytes) -> bytes:
    """Leave out characters of no alphabet."""
    return _JUNK.sub(b"", data)


def has_url_safe(payload: Payload) -> bool:
    """Base64 in the alphabet for addresses."""
    return payload.is_base64 and bool(set(b"-_") & set(payload.data or b""))


def in_standard_alphabet(data: bytes) -> bytes:
    """Write ``+`` for ``-`` and ``/`` for ``_``; leave them out where they are too many."""
    size = len(_ALPHABET.findall(data)) + data.count(b"=")
    return data.translate(None, b"-_") if size % 4 == 0 else data.translate(TO_STANDARD)


def has_odd_padding(payload: Payload) -> bool:
    """Base64 whose padding is not the one canonical number of ``=``."""
    data = (payload.data or b"").translate(None, BLANKS)
    bare = data.rstrip(b"=")
    return payload.is_base64 and (b"=" in bare or len(data) - len(bare) != -len(bare) % 4)


def padded(data: bytes) -> bytes:
    """Keep what ``b64decode`` takes for data, and pad it as it should be.

    To it a ``=`` ends the data where the padding it belongs to is complete; others are skipped.
    """
    kept: list[bytes] = []
    size = pads = 0
    data = data.translate(None, BLANKS)
    for segment in data.split(b"="):
        kept.append(segment)
        count = len(_ALPHABET.findall(segment))
        size += count
        pads = 1 if count else pads + 1
        if size % 4 >= 2 and size % 4 + pads >= 4:
            break
    bare = b"".join(kept)
    return (bare[:-1] if size % 4 == 1 else bare) + b"=" * (-size % 4)


def has_blanks(payload: Payload) -> bool:
    """Base64 with blanks or line ends in it; an unescaped ``+`` becomes a blank."""
    return payload.is_base64 and bool(set(BLANKS) & set(payload.data or b""))


def without_blanks(data: bytes) -> bytes:
    """Leave out blanks and line ends."""
    return data.translate(None, BLANKS)


BASE64_BLANKS = Quirk(
    "base64 blanks",
    EITHER,
    of_payload(has_blanks),
    "base64:decode skips tabs, line ends and blanks; a strict decoder (validate=True) "
    "refuses them, and an unescaped + in the parameter becomes a blank.",
    "Remove tabs, line ends and blanks before decoding.",
    Stage.BASE64,
    without_blanks,
)

BASE64_QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "base64 junk",
        EITHER,
        of_payload(has_junk),
        "base64:decode fails on characters outside the alphabet; base64.b64decode drops them by "
        "default and decodes what is left.",
        "Decode with validate=True after removing tabs, line ends and blanks.",
        Stage.BASE64,
        without_junk,
    ),
    Quirk(
        "URL-safe base64",
        EITHER,
        of_payload(has_url_safe),
        "base64:decode knows + and / only and fails on - and _; b64decode drops these two.",
        "Refuse them as legacy does; what b64decode makes of the rest is garbage.",
        Stage.BASE64,
        in_standard_alphabet,
    ),
    Quirk(
        "base64 padding",
        EITHER,
        of_payload(has_odd_padding),
        "base64:decode requires the exact number of = signs; b64decode refuses too few and "
        "ignores what follows the padding.",
        "Check that the length is a multiple of four and that = stands only at the end.",
        Stage.BASE64,
        padded,
    ),
)
