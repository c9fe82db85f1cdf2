"""Where in a request the records are: query or body, compressed or not, in which syntax."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyingest.contract import base64_lenient
from pyingest.contract.compression import MAGIC, Flaw, inflate
from pyingest.contract.fields import Pairs, pairs, parameters, unescaped
from pyingest.contract.multipart import multipart_pairs
from pyingest.contract.outcome import NO_BASE64, NO_CODING, NO_DATA, NO_GZIP, Fault, too_large

_BLANKS = b"\t\n\r "
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FORM = b"application/x-www-form-urlencoded"
_JSON = (b"application/json", b"text/json", b"text/plain")
_LINES = (b"application/x-ndjson", b"application/jsonl", b"application/x-jsonlines")
_CODINGS = (b"gzip", b"x-gzip")
_SCALARS = (b"null", b"true", b"false")


class Syntax(enum.Enum):
    """How records are written."""

    FIELD = "field"
    """A form's or query's ``data``: base64, or JSON as it is."""
    JSON = "json"
    LINES = "lines"
    """One JSON object a line."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What a request holds, still as text."""

    parameters: Mapping[bytes, bytes]
    """First value of each name that is not empty, a form's before the query's."""
    raw: bytes = b""
    """The body without its compression, or the ``data`` field."""
    syntax: Syntax = Syntax.FIELD
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class _Body:
    fields: Pairs = field(default_factory=list)
    text: bytes = b""
    syntax: Syntax = Syntax.FIELD


_NO_BODY = _Body()


def find(query: bytes, headers: Mapping[bytes, bytes], body: bytes, limit: int) -> Payload:
    """Return what *query* and *body* hold; at most *limit* bytes of it, decompressed.

    :param headers: by name in lower case.
    """
    asked = pairs(query)
    if not body:
        return _payload(_NO_BODY, asked)
    plain = _decompressed(body, headers.get(b"content-encoding"), limit)
    if isinstance(plain, Fault):
        return Payload(parameters(asked), body, fault=plain)
    return _payload(_read(plain, headers.get(b"content-type", b"")), asked)


def _payload(body: _Body, asked: Pairs) -> Payload:
    found = parameters(body.fields, asked) if body.fields else parameters(asked)
    if body.text:
        return Payload(found, body.text, body.syntax)
    return Payload(found, found.get(b"data", b""))


def _decompressed(body: bytes, coding: bytes | None, limit: int) -> bytes | Fault:
    if len(body) > limit:
        return too_large(limit)
    if coding is not None:
        coding = coding.strip().lower()
        if coding in _CODINGS:
            return _inflated(body, limit)
        if coding not in (b"", b"identity"):
            return Fault(NO_CODING, 415)
    return _inflated(body, limit) if body.startswith(MAGIC) else body


def _inflated(data: bytes, limit: int) -> bytes | Fault:
    content = inflate(data, limit)
    if content is Flaw.TOO_LARGE:
        return too_large(limit)
    return Fault(NO_GZIP) if isinstance(content, Flaw) else content


def _read(body: bytes, content_type: bytes) -> _Body:
    """Return the fields of a form, or the JSON text: by what the bytes are, then by the type."""
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == _FORM and body.startswith(b"data="):
        return _Body(pairs(body))
    if kind == b"multipart/form-data":
        return _Body(multipart_pairs(content_type, body))
    text = stripped(body)
    lines = Syntax.LINES if kind in _LINES else Syntax.JSON
    if text[:1] in (b"{", b"[") or text[:2] in _UTF16:
        return _Body(text=text, syntax=lines)
    if text.startswith(b"data=") or b"&data=" in text:
        return _Body(pairs(text))
    if lines is Syntax.LINES or kind in _JSON or kind.endswith(b"+json") or _is_scalar(text):
        return _Body(text=text, syntax=lines)
    return _Body(pairs(text))


def stripped(text: bytes) -> bytes:
    """Return *text* without blanks at its ends and without a byte order mark."""
    return text.strip(_BLANKS).removeprefix(_BOM).lstrip(_BLANKS)


def _is_scalar(text: bytes) -> bool:
    """Say whether *text* looks like JSON that is neither an object nor a list.

    Base64 of an object or a list is never digits alone, and never one of the words.
    """
    return text in _SCALARS or text[:1] == b'"' or text.lstrip(b"-").replace(b".", b"").isdigit()


def opened(field: bytes, limit: int) -> bytes | Fault:
    """Return the JSON text in the ``data`` field, of at most *limit* bytes."""
    text = stripped(field)
    if b"%" in text and text[:1] not in (b"{", b"["):
        text = stripped(unescaped(text))
    if not text:
        return Fault(NO_DATA)
    if text[:1] in (b"{", b"[") or _is_scalar(text):
        return text
    content = base64_lenient.decode(text)
    if content is None:
        return Fault(NO_BASE64)
    return _inflated(content, limit) if content.startswith(MAGIC) else content
