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

_SURE = 16
"""Characters of a float, its point among them, that no other float can be spelled with."""


def _float(text: str) -> float | Raw:
    """Return a float that will be written as mochijson2 writes it, or not as it came.

    Both writers give the shortest digits, and lay them out alike within these bounds unless six
    zeros stand before the point. A text of at most 15 digits is the shortest of one number only.
    """
    number = float(text)
    if 1e-4 <= number < 1e6 and len(text) <= _SURE:
        return number
    if 1e-4 <= abs(number) < 1e15 and number % 1e6 != 0 and not _has_rival(number, text):
        return number
    return Raw(float_text(number).encode("ascii"))


def _has_rival(number: float, text: str) -> bool:
    """Say whether another text of the length of *text* might be as near to *number*.

    A double halfway between two texts of K decimals is an odd number of halves of 10**-K, so that
    2**(K+1) times it is whole.
    """
    return (number * (2 << (len(text) - text.find(".") - 1))).is_integer()


class _Unsure(Exception):
    """The text has to go the slower way."""


class _Wanting(Exception):
    """A record lacks what it must have, as far as one can see from here."""


_decode = msgspec.json.Decoder(float_hook=_float).decode
_encode = msgspec.json.Encoder().encode
_REFUSALS = (_Unsure, msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
_JSON = b"{["
_DELETE = 0x7F

Writer = Callable[[bytes, bytes, bytes], list[bytes] | None]
"""Takes a ``data`` parameter, the address to add as JSON text (empty adds none) and the seconds
as digits. Gives the messages, one for each record: all are valid. Gives none where a record seems
to lack something."""
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
        is_ascii = text.isascii() and _DELETE not in text
        if type(term) is dict and is_ascii and _encode(term) == text:
            return [write(term, text, ip, second)]
        if type(term) is list and term:
            texts = _written_all(term, text, is_ascii)
            return [
                write(one, written, ip, second) for one, written in zip(term, texts, strict=True)
            ]
        return [write(term, _in_ascii(_encode(term), text), ip, second)]
    except _Wanting:
        return []
    except _REFUSALS:
        return None


def _written_all(terms: list[Any], text: bytes, is_ascii: bool) -> list[bytes]:
    """Return each of *terms*, a list that *text* holds, as mochijson2 writes it."""
    written = [_encode(term) for term in terms]
    same = b"[%b]" % b",".join(written) == text
    if not same or not is_ascii:
        written = [_escaped(one) for one in written]
        if not same and b"[%b]" % b",".join(written) != text:
            raise _Unsure
    return written


def _tracked(event: Any, text: bytes, ip: bytes, second: bytes) -> bytes:
    """Return the message for one event that was written as *text*."""
    if type(event) is not dict:
        raise _Unsure
    try:
        name, fields = event["event"], event["properties"]
        token = fields["token"]
    except (KeyError, TypeError):
        raise _Wanting from None
    if type(name) is not str or not name or type(token) is not str or not token:
        raise _Wanting
    if next(reversed(event)) != "properties":
        raise _Unsure
    tail = b"}}" if "time" in fields else b',"time":' + second + b"}}"
    if ip and "ip" not in fields:
        return b"".join((text[:-2], b',"ip":', ip, tail))
    return text[:-2] + tail


def _engaged(update: Any, text: bytes, ip: bytes, second: bytes) -> bytes:
    """Return the message for one profile update that was written as *text*."""
    if type(update) is not dict:
        raise _Unsure
    token, person = update.get("$token"), update.get("$distinct_id")
    if type(token) is not str or not token:
        raise _Wanting
    if type(person) is not int and (type(person) is not str or not person):
        raise _Wanting
    tail = b"}" if "$time" in update else b',"$time":' + second + b"}"
    if ip and "$ip" not in update:
        tail = b',"$ip":' + ip + tail
    return text[:-1] + tail


def _in_ascii(written: bytes, text: bytes) -> bytes:
    """Return *written* in ASCII, if either form of it equals *text*."""
    plain = _escaped(written)
    if written != text and plain != text:
        raise _Unsure
    return plain


def _escaped(text: bytes) -> bytes:
    """Return *text* with ``\\uXXXX`` for what mochijson2 escapes and msgspec does not."""
    if not text.isascii():
        plain = text.decode().encode("ascii", "backslashreplace")
        if text.find(b"\\\\") >= 0 or plain.find(b"\\U") >= 0:
            plain = text.decode().encode("ascii", ASCII_ERRORS)
        else:
            # No backslash but those of the codec can stand before an x then.
            plain = plain.replace(b"\\x", b"\\u00")
        text = plain
    return text.replace(b"\x7f", b"\\u007f") if _DELETE in text else text
