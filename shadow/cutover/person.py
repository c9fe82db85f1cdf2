"""Whose request it is: what keeps a person on one side while traffic shifts.

The first event's ``distinct_id`` (or ``$distinct_id``), else its ``token``. A batch cannot be torn
apart, so its first event decides for all; a batch of one client library is one person's anyway.
Where nothing of that can be found, the whole request decides, so that a client that sends the same
bytes again meets the same side.
"""

import re
import zlib
from urllib.parse import unquote_to_bytes

import msgspec
import pybase64

from shadow.routing import Seen

LONGEST = 1 << 16
"""Bytes of a payload that are looked at; the first event of a longer one is within them."""
_FIELDS = re.compile(rb'"\$?(distinct_id|token)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')
_URL_SAFE = bytes.maketrans(b"-_ ", b"+/+")


class _Properties(msgspec.Struct):
    distinct_id: str | int | None = None
    token: str | None = None


class _Record(msgspec.Struct):
    """An event or a profile update, as far as it says whose it is."""

    properties: _Properties | None = None
    distinct_id: str | int | None = msgspec.field(default=None, name="$distinct_id")
    token: str | None = msgspec.field(default=None, name="$token")


_one = msgspec.json.Decoder(_Record).decode
_many = msgspec.json.Decoder(list[_Record]).decode


def key_of(request: Seen) -> bytes:
    """Return what the side of *request* is chosen by. Never raises, whatever the bytes."""
    payload = _payload(request)
    if payload:
        found = _read(payload)
        if found:
            return found
    return b"%b\n%b" % (request.target, request.body)


def _payload(request: Seen) -> bytes:
    """Return the JSON text that *request* carries, as far as it can be found."""
    data = _parameter(request.target.partition(b"?")[2])
    if data is None:
        body = _opened(request.body)
        data = body if body[:1] in (b"{", b"[") else _parameter(body)
    if not data:
        return b""
    if data[:1] in (b"{", b"["):
        return data
    try:
        text = data.translate(_URL_SAFE, b"\r\n\t")
        return pybase64.b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b""


def _opened(body: bytes) -> bytes:
    """Return *body* without the coding gzip, of a long one the beginning."""
    if body[:2] != b"\x1f\x8b":
        return body
    try:
        return zlib.decompressobj(31).decompress(body, LONGEST)
    except zlib.error:
        return b""


def _parameter(text: bytes) -> bytes | None:
    """Return the parameter ``data`` of a query or form, or ``None``."""
    at = 0 if text.startswith(b"data=") else text.find(b"&data=") + 1
    if not at and not text.startswith(b"data="):
        return None
    value = text[at + 5 :].partition(b"&")[0]
    return unquote_to_bytes(value) if b"%" in value else value


def _read(text: bytes) -> bytes:
    """Return the key of the first record in *text*, or nothing."""
    try:
        record = _many(text)[0] if text[:1] == b"[" else _one(text)
    except (msgspec.MsgspecError, ValueError, IndexError, RecursionError):
        return _searched(text[:LONGEST])
    inner = record.properties or _Properties()
    for value in (inner.distinct_id, record.distinct_id, inner.token, record.token):
        if value not in (None, ""):
            return str(value).encode("utf-8", "surrogatepass")
    return b""


def _searched(text: bytes) -> bytes:
    """Return the key in *text* that is no strict JSON: legacy may take it all the same."""
    found = dict(reversed(_FIELDS.findall(text)))
    value = found.get(b"distinct_id") or found.get(b"token") or b""
    return bytes(value.strip(b'"'))
