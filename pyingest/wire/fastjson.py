"""Messages of mochijson2 without writing them anew: the stamp is put at the end of the text.

Text that is written again just as it came had no key twice and nothing that is spelled otherwise
on the queue, so that only the stamp has to be added. Whatever is not so is left to
:mod:`pyingest.wire.json_mochi`: ``None`` here says no more than that.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pybase64
from msgspec import Raw

from pyingest.wire.floattext import float_text
from pyingest.wire.json_mochi import ASCII_ERRORS
from pyingest.wire.term import IllFormed

_PLAIN_FLOAT = re.compile(r"(?!-0\.0$)-?(?:[1-9][0-9]{0,7}|0)\.(?:0|[0-9]{0,5}[1-9])").fullmatch
"""A spelling that is mochinum's own; fewer digits than could ever tie."""
_ADDRESS = b"0123456789abcdefABCDEF.:"


def _float(text: str) -> Raw:
    """Return a float in the text that mochijson2 writes."""
    if _PLAIN_FLOAT(text) or _is_shortest(text):
        return Raw(text.encode("ascii"))
    return Raw(float_text(float(text)).encode("ascii"))


def _is_shortest(text: str) -> bool:
    """Say whether *text* has the fewest digits for its number, and surely no equal rival.

    A double halfway between two texts of K decimals is an odd number of halves of 10**-K, which
    in lowest terms has the denominator 2**(K+1).
    """
    number = float(text)
    if repr(number) != text or not 1e-4 <= abs(number) < 1e15:
        return False
    return number.as_integer_ratio()[1] != 2 << (len(text) - text.index(".") - 1)


_decode = msgspec.json.Decoder(float_hook=_float).decode
_encode = msgspec.json.Encoder().encode


class _Unsure(Exception):
    """The text has to go the slower way."""


_REFUSALS = (_Unsure, msgspec.MsgspecError, ValueError, RecursionError, OverflowError)

Ip = str | IllFormed | None
Writer = Callable[[bytes, Ip, bytes], list[bytes] | None]
"""Takes a ``data`` parameter, the address to add (``None`` for none) and the seconds as digits.
Gives the messages, one for each record; all are valid."""


def tracked(data: bytes, ip: Ip, second: bytes) -> list[bytes] | None:
    """Return the messages for the events that *data* holds: a :data:`Writer`."""
    return _messages(data, ip, second, _tracked)


def engaged(data: bytes, ip: Ip, second: bytes) -> list[bytes] | None:
    """Return the messages for the profile updates that *data* holds: a :data:`Writer`."""
    return _messages(data, ip, second, _engaged)


def _messages(data: bytes, ip: Ip, second: bytes, write: Any) -> list[bytes] | None:
    try:
        address = None if ip is None else _quoted(ip)
        text = data if data[0] in b"{[" else pybase64.b64decode(data, validate=True)
        term = _decode(text)
        if type(term) is list:
            texts = _written_all(term, text)
            return [write(*pair, address, second) for pair in zip(term, texts, strict=True)]
        return [write(term, _written(term, text), address, second)]
    except _REFUSALS:
        return None


def _written(term: Any, text: bytes) -> bytes:
    """Return *term*, which *text* holds, as mochijson2 writes it."""
    written: bytes = _encode(term)
    if written == text:
        return _in_ascii(written)
    written = _in_ascii(written)
    _check(written == text)
    return written


def _written_all(terms: list[Any], text: bytes) -> list[bytes]:
    """Return each of *terms*, a list that *text* holds, as mochijson2 writes it."""
    _check(len(terms) > 0)
    written = [_encode(term) for term in terms]
    if b"[%b]" % b",".join(written) == text:
        return [_in_ascii(one) for one in written]
    written = [_in_ascii(one) for one in written]
    _check(b"[%b]" % b",".join(written) == text)
    return written


def _quoted(ip: str | IllFormed) -> bytes:
    """Return an address as JSON text."""
    # What stands in an address needs no escape, and almost nothing else ever comes.
    _check(type(ip) is str and ip.isascii() and not ip.encode().translate(None, _ADDRESS))
    return b'"%b"' % str(ip).encode()


def _check(sure: bool) -> None:
    """Leave the text to the slower way, unless this one is sure of it."""
    if not sure:
        raise _Unsure


def _tracked(event: Any, text: bytes, ip: bytes | None, second: bytes) -> bytes:
    """Return the message for one event that was written as *text*."""
    _check(type(event) is dict and next(reversed(event), "") == "properties")
    name, fields = event.get("event"), event["properties"]
    _check(type(name) is str and name != "" and type(fields) is dict)
    token = fields.get("token")
    _check(type(token) is str and token != "")
    tail = b"}}" if "time" in fields else b',"time":%b}}' % second
    if ip is not None and "ip" not in fields:
        tail = b',"ip":%b%b' % (ip, tail)
    return text[:-2] + tail


def _engaged(update: Any, text: bytes, ip: bytes | None, second: bytes) -> bytes:
    """Return the message for one profile update that was written as *text*."""
    _check(type(update) is dict)
    token, person = update.get("$token"), update.get("$distinct_id")
    _check(type(token) is str and token != "")
    _check((type(person) is str and person != "") or type(person) is int)
    tail = b"}" if "$time" in update else b',"$time":%b}' % second
    if ip is not None and "$ip" not in update:
        tail = b',"$ip":%b%b' % (ip, tail)
    return text[:-1] + tail


def _in_ascii(text: bytes) -> bytes:
    """Return *text* with ``\\uXXXX`` for what mochijson2 escapes and msgspec does not."""
    if not text.isascii():
        if b"\\\\" not in text:
            # Then no backslash but those of the codec can stand before an x or a U.
            plain = text.decode().encode("ascii", "backslashreplace")
            if b"\\U" not in plain:
                return plain.replace(b"\\x", b"\\u00").replace(b"\x7f", b"\\u007f")
        text = text.decode().encode("ascii", ASCII_ERRORS)
    return text.replace(b"\x7f", b"\\u007f") if b"\x7f" in text else text
