"""What a choice sticks to: the request itself, its project's token, or the person it speaks of.

Nearly all requests have one of three shapes, and are read by the same means as ``pyingest`` reads
them: the ``data`` of a query or form, base64 or not, and JSON as a body. Of the JSON only four
keys are looked at; what no strict parser takes, or is too long to be looked at as a whole, is
searched for them, so that a person stays where they are when one of their requests is broken.
"""

import enum
import re
import zlib
from dataclasses import dataclass
from typing import Any

import msgspec
import pybase64

from pyingest.contract.compression import MAGIC
from pyingest.contract.payload import Syntax, find, opened
from pyingest.message import combined, header
from pyingest.wire.fastquery import parameters
from shadow.routing import Seen

LOOKED_AT = 64 * 1024
"""Bytes of a request, decompressed, that are looked at. The first record stands in them, and no
request, however large it is or would become, may keep the proxy from the others."""
_FORM = b"application/x-www-form-urlencoded"
_TOKEN = re.compile(rb'"\$?token"\s*:\s*("(?:[^"\\]|\\.)*")')
_PERSON = re.compile(rb'"\$?distinct_id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')
_PLAIN = (b"{", b"[")


class Sticky(enum.StrEnum):
    """What of a request decides."""

    REQUEST = "request"
    """Target and body: the same request is chosen in every run and by every worker."""
    TOKEN = "token"
    """The project's token."""
    PERSON = "distinct_id"
    """The token and the ``distinct_id``."""


@dataclass(frozen=True, slots=True)
class Person:
    """Of whom a request speaks: of its first record, if it holds several."""

    token: bytes = b""
    """Empty where it is not found."""
    distinct_id: bytes = b""
    """As text, a number as its digits; empty where it is not found."""


NOBODY = Person()


class _Properties(msgspec.Struct):
    token: Any = None
    distinct_id: Any = None


class _Record(msgspec.Struct):
    properties: _Properties | None = None
    token: Any = msgspec.field(default=None, name="$token")
    distinct_id: Any = msgspec.field(default=None, name="$distinct_id")


_decode = msgspec.json.Decoder(_Record | list[_Record]).decode


def sticky_key(request: Seen, sticky: Sticky) -> bytes:
    """Return the bytes by which *request* is chosen: equal for what must be chosen alike.

    A request in which the token or the person is not found is chosen by itself.
    """
    if sticky is not Sticky.REQUEST:
        found = person(request)
        if sticky is Sticky.TOKEN and found.token:
            return found.token
        if sticky is Sticky.PERSON and found.distinct_id:
            return b"%b\0%b" % (found.token, found.distinct_id)
    return b"%b\0%b" % (request.target, request.body)


def person(request: Seen) -> Person:
    """Return of whom *request* speaks. Never raises, whatever the bytes."""
    text = _common(request)
    if text is None:
        return _uncommon(request)
    return _of_json(text)


def _common(request: Seen) -> bytes | None:
    """Return the JSON of a request of the common shape, or ``None`` if that is not sure."""
    if len(request.target) + len(request.body) > LOOKED_AT:
        return None
    text = request.target.partition(b"?")[2]
    if request.method == b"POST":
        kind = header(request.headers, b"content-type")
        if kind is None or not kind.startswith(_FORM):
            return None
        text = b"%b&%b" % (request.body, text) if text else request.body
    found = parameters(text)
    if found is None:
        return None
    data = found[0]
    if data[:1] in _PLAIN:
        return data
    try:
        return pybase64.b64decode(data, validate=True)
    except ValueError:
        return None


def _uncommon(request: Seen) -> Person:
    """Read a request as the modern contract does: compressed, JSON or lines of it, any spelling."""
    query = request.target[:LOOKED_AT].partition(b"?")[2]
    headers = combined(request.headers)
    headers.pop(b"content-encoding", None)
    payload = find(query, headers, _beginning(request.body), LOOKED_AT)
    text = payload.raw
    if payload.syntax is Syntax.FIELD:
        if not text:
            given = payload.parameters
            return Person(given.get(b"token", b""), given.get(b"distinct_id", b""))
        text = _plain(text)
    elif payload.syntax is Syntax.LINES:
        text = text.partition(b"\n")[0]
    return _of_json(text)


def _beginning(body: bytes) -> bytes:
    """Return what *body* begins with, decompressed."""
    if not body.startswith(MAGIC):
        return body[:LOOKED_AT]
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, LOOKED_AT)
    except zlib.error:
        return b""


def _plain(field: bytes) -> bytes:
    """Return the JSON in a ``data`` field, which may have been cut off anywhere."""
    for end in (len(field), len(field) - len(field) % 4):
        plain = opened(field[:end], LOOKED_AT)
        if isinstance(plain, bytes):
            return plain
    return field


def _of_json(text: bytes) -> Person:
    try:
        records = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _searched(text)
    if isinstance(records, list):
        if not records:
            return NOBODY
        records = records[0]
    inner = records.properties
    token, distinct_id = records.token, records.distinct_id
    if inner is not None:
        token = inner.token if token is None else token
        distinct_id = inner.distinct_id if distinct_id is None else distinct_id
    return Person(_text(token), _text(distinct_id))


def _searched(text: bytes) -> Person:
    """Return what a look at the text finds where no parser takes it."""
    return Person(*(_value(pattern.search(text)) for pattern in (_TOKEN, _PERSON)))


def _value(found: re.Match[bytes] | None) -> bytes:
    if found is None:
        return b""
    try:
        return _text(msgspec.json.decode(found[1]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return found[1].strip(b'"')


def _text(value: Any) -> bytes:
    """Return a token or id as text, however it was written: ``"7"`` and ``7`` are one person."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return b"" if value is None else msgspec.json.encode(value)
