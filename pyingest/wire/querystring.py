"""Query strings and form bodies, as the legacy service splits them and as a port does."""

from urllib.parse import parse_qs, unquote_to_bytes

Pairs = list[tuple[bytes, bytes]]


def split_as_mochiweb(text: bytes) -> Pairs:
    """Return the pairs of ``mochiweb_util:parse_qs``, in order.

    ``;`` separates like ``&``; a name without ``=`` has an empty value; an empty segment gives
    an empty pair, except after the last separator; ``+`` is a blank, and ``%`` without two hex
    digits stands for itself.
    """
    segments = text.replace(b";", b"&").split(b"&")
    if not segments[-1]:
        segments.pop()
    return [_pair(segment) for segment in segments]


def _pair(segment: bytes) -> tuple[bytes, bytes]:
    name, _, value = segment.partition(b"=")
    return unquoted(name), unquoted(value)


def unquoted(text: bytes) -> bytes:
    """Return *text* with ``+`` as a blank and ``%XY`` as a byte."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text


def split_as_port(text: bytes) -> Pairs:
    """Return what ``parse_qs`` of the standard library makes of *text*, first value of each name.

    Blank values are dropped, ``;`` separates nothing, and bytes that are not UTF-8 are replaced:
    what a port gets that relies on the defaults.
    """
    parsed = parse_qs(text.decode("latin-1"))
    return [(name.encode(), values[0].encode()) for name, values in parsed.items()]
