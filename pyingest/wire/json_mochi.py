"""JSON as the legacy service reads and writes it, fast where that is provably the same.

msgspec reads what both grammars take, in C. Whatever it refuses, and whatever it might lose,
goes to :mod:`pyingest.wire.json_lenient`, whose bytes these functions give in every case.
"""

import codecs

import msgspec
from msgspec import Raw

from pyingest.wire import json_lenient
from pyingest.wire.floattext import float_text
from pyingest.wire.term import Term, Unreadable

ASCII_ERRORS = "pyingest.json"
"""The name of the codec error handler that writes ``\\uXXXX``."""
_UNSAFE_COLONS = (b" :", b"\n:", b"\t:", b"\r:")
_REFUSALS = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


def _float(text: str) -> Raw:
    """Return a float as the text it will be written with."""
    return Raw(float_text(float(text)).encode("ascii"))


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return the characters that ASCII lacks as ``\\uXXXX``, in UTF-16 units."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)), error.end


codecs.register_error(ASCII_ERRORS, _escaped)
_decoder = msgspec.json.Decoder(float_hook=_float)
_encoder = msgspec.json.Encoder()


def decode(data: bytes) -> Term | Unreadable:
    """Return the value of *data* as ``mochijson2:decode`` gives it.

    Floats come as ``msgspec.Raw``, in the text that mochijson2 would write.
    """
    try:
        term = _decoder.decode(data)
        if _surely_unique(term, data):
            return term
    except _REFUSALS:
        pass
    return json_lenient.decode(data)


def _surely_unique(term: Term, data: bytes) -> bool:
    """Say whether no object in *data* can have had a key twice.

    A colon between key and value follows a quote or a blank. If none follows a blank, there are
    at most as many pairs as ``":`` occurs; and a key that came twice leaves fewer in *term*.
    """
    if _entries(term) != data.count(b'":'):
        return False
    # Spelled out: this runs for each request, and a generator would cost more than the search.
    blank, line, tab, back = _UNSAFE_COLONS
    return blank not in data and line not in data and tab not in data and back not in data


def _entries(term: Term) -> int:
    if type(term) is dict:
        count = len(term)
        for value in term.values():
            if type(value) is dict or type(value) is list:
                count += _entries(value)
        return count
    count = 0
    if type(term) is list:
        for item in term:
            if type(item) is dict or type(item) is list:
                count += _entries(item)
    return count


def encode(term: Term) -> bytes | None:
    """Return the bytes of ``mochijson2:encode`` for *term*, or ``None`` where it fails.

    Floats must be ``msgspec.Raw``, as :func:`decode` gives them.
    It fails for a string that is not UTF-8, and for a float as a key.
    """
    try:
        text = _encoder.encode(term)
    except (*_REFUSALS, TypeError):
        return json_lenient.encode(term)
    if text.isascii():
        return text if b"\x7f" not in text else text.replace(b"\x7f", b"\\u007f")
    return text.decode().encode("ascii", ASCII_ERRORS).replace(b"\x7f", b"\\u007f")
