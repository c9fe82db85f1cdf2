"""Messages of mochijson2 without writing them anew: the stamp is put at the end of the text.

Text that is written again just as it came had no key twice and nothing that is spelled otherwise
on the queue, so that only the stamp has to be added. Whatever is not so is left to
:mod:`pyingest.wire.json_mochi`: ``None`` here says no more than that.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pybase64
from msgspec import Raw

from pyingest.wire.floattext import float_text
from pyingest.wire.json_mochi import ASCII_ERRORS


def _float(text: str) -> float | Raw:
    """Return a float that will be written as mochijson2 writes it, or as it does not stand here.

    msgspec writes the shortest digits, as mochinum does, and what is not written as it came is
    left to the slower way. So only two things matter: the layout, which is the same within these
    bounds, and numbers that have two shortest texts. Six decimals below 10**8 are at most fourteen
    digits, which never have. And a double halfway between two texts of K decimals is an odd number
    of halves of 10**-K, so that 2**(K+1) times it is whole.
    """
    number = float(text)
    if 1e-4 <= abs(number) < 1e8 and (number * 1e6).is_integer():
        return number
    decimals = len(text) - text.find(".") - 1
    if 1e-4 <= abs(number) < 1e15 and not (number * (2 << decimals)).is_integer():
        return number
    return Raw(float_text(number).encode("ascii"))


class _Unsure(Exception):
    """The text has to go the slower way."""


_decode = msgspec.json.Decoder(float_hook=_float).decode
_encode = msgspec.json.Encoder().encode
_REFUSALS = (_Unsure, msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
_JSON = b"{["

Writer = Callable[[bytes, bytes, bytes], list[bytes] | None]
"""Takes a ``data`` parameter, the address to add as JSON text (empty adds none) and the seconds
as digits. Gives the messages, one for each record; all are valid."""
_One = Callable[[Any, bytes, bytes, bytes], bytes]


def tracked(data: bytes, ip: bytes, second: bytes) -> list[bytes] | None:
    """Return the messages for the events that *data* holds: a :data:`Writer`."""
    return _messages(data, ip, second, _tracked)


def engaged(data: bytes, ip: bytes, second: bytes) -> list[bytes] | None:
    """Return the messages for the profile updates that *data* holds: a :data:`Writer`."""
    return _messages(data, ip, second, _engaged)


def _messages(data: bytes, ip: bytes, second: bytes, write: _One) -> list[bytes] | None:
    try:
        text = data if data[0] in _JSON else pybase64.b64decode(data, None, True)
        term = _decode(text)
        if type(term) is list and term:
            texts = _written_all(term, text)
            return [write(*pair, ip, second) for pair in zip(term, texts, strict=True)]
        written = _encode(term)
        if written != text or not written.isascii() or b"\x7f" in written:
            written = _in_ascii(written, text)
        return [write(term, written, ip, second)]
    except _REFUSALS:
        return None


def _written_all(terms: list[Any], text: bytes) -> list[bytes]:
    """Return each of *terms*, a list that *text* holds, as mochijson2 writes it."""
    written = [_encode(term) for term in terms]
    if b"[%b]" % b",".join(written) == text:
        return [_in_ascii(one, one) for one in written]
    written = [_in_ascii(one, None) for one in written]
    if b"[%b]" % b",".join(written) != text:
        raise _Unsure
    return written


def _tracked(event: Any, text: bytes, ip: bytes, second: bytes) -> bytes:
    """Return the message for one event that was written as *text*."""
    if type(event) is not dict:
        raise _Unsure
    name, fields = event.get("event"), event.get("properties")
    if type(name) is not str or not name or type(fields) is not dict:
        raise _Unsure
    token = fields.get("token")
    if type(token) is not str or not token or next(reversed(event)) != "properties":
        raise _Unsure
    tail = b"}}" if "time" in fields else b',"time":' + second + b"}}"
    if ip and "ip" not in fields:
        tail = b',"ip":' + ip + tail
    return text[:-2] + tail


def _engaged(update: Any, text: bytes, ip: bytes, second: bytes) -> bytes:
    """Return the message for one profile update that was written as *text*."""
    if type(update) is not dict:
        raise _Unsure
    token, person = update.get("$token"), update.get("$distinct_id")
    if type(token) is not str or not token:
        raise _Unsure
    if type(person) is not int and (type(person) is not str or not person):
        raise _Unsure
    tail = b"}" if "$time" in update else b',"$time":' + second + b"}"
    if ip and "$ip" not in update:
        tail = b',"$ip":' + ip + tail
    return text[:-1] + tail


def _in_ascii(written: bytes, text: bytes | None) -> bytes:
    """Return *written* with ``\\uXXXX`` for what mochijson2 escapes and msgspec does not.

    Either form must equal *text*, if there is one.
    """
    same = text is None or written == text
    plain = _escaped(written)
    if same or plain == text:
        return plain
    raise _Unsure


def _escaped(text: bytes) -> bytes:
    if not text.isascii():
        plain = text.decode().encode("ascii", "backslashreplace")
        if b"\\\\" in text or b"\\U" in plain:
            plain = text.decode().encode("ascii", ASCII_ERRORS)
        else:
            # No backslash but those of the codec can stand before an x then.
            plain = plain.replace(b"\\x", b"\\u00")
        text = plain
    return text.replace(b"\x7f", b"\\u007f") if b"\x7f" in text else text
