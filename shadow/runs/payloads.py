"""Where in a request its records are, and the request again with what is secret in them hashed.

What cannot be taken apart is replaced as a whole: it may hold anything.
"""

import binascii
import gzip
import re
from collections.abc import Collection
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pybase64

from pyingest.contract import base64_lenient
from pyingest.contract.compression import MAGIC, Flaw, inflate
from pyingest.message import Headers, header
from shadow.runs.hiding import hide
from shadow.runs.secrets import Key

LONGEST = 64 * 1024 * 1024
"""Bytes of a decompressed body that are looked at; more is replaced as a whole."""
LEAST = 14
"""Bytes of base64 that a key and a value take at least."""
_BLANKS = b" \t\r\n"
_ODD = (b"{", b"[", b"%", b" ", b"\t", b"\r", b"\n", b"\xef")
_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(rb"[A-Za-z0-9_.$\[\]-]{0,40}")
"""Names of parameters that hold nothing but a name."""
_OPAQUE = re.compile(rb"[%{\[]|[A-Za-z0-9+/_\- \t\r\n]{16}")
"""Finds what may be a payload in an odd dress: escapes, JSON, or so much base64 that it can hold
a key and its value."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_DATA = b"data"


class Payloads:
    """Hides the values of the keys *names*. One of these hides what is in one request.

    ``secrets`` holds the strings that it hid.
    """

    def __init__(self, names: Collection[bytes], key: Key) -> None:
        self._names = names
        self._key = key
        self.secrets: set[bytes] = set()

    def target(self, target: bytes) -> bytes:
        """Return a request target without secrets in its query."""
        path, mark, query = target.partition(b"?")
        return path + mark + self._form(query) if mark else target

    def body(self, body: bytes, headers: Headers) -> bytes:
        """Return a request's body without secrets."""
        if not body:
            return body
        coding = (header(headers, b"content-encoding") or b"").strip().lower()
        if coding in (b"gzip", b"x-gzip") or (not coding and body.startswith(MAGIC)):
            plain = inflate(body, LONGEST)
            if isinstance(plain, Flaw):
                return self.whole(body)
            hidden = self._plain(plain, headers)
            return body if hidden == plain else gzip.compress(hidden, mtime=0)
        if coding not in (b"", b"identity"):
            return self.whole(body)
        return self._plain(body, headers)

    def event(self, body: bytes) -> bytes:
        """Return a queue's message without secrets."""
        hidden = self._json(body)
        return self.whole(body) if hidden is None else hidden

    def whole(self, text: bytes) -> bytes:
        """Return what stands for a text that nobody can take apart."""
        return self._key.of(text).encode()

    def _plain(self, body: bytes, headers: Headers) -> bytes:
        kind = (header(headers, b"content-type") or b"").strip().lower()
        if kind.startswith(b"multipart/"):
            return self.whole(body)
        if _is_json(body):
            return self.event(body)
        return self._form(body)

    def _form(self, text: bytes) -> bytes:
        """Return a query or form without secrets; what needs no change keeps its spelling."""
        return b"&".join(self._segment(one, b";") for one in text.split(b"&"))

    def _segment(self, segment: bytes, more: bytes = b"") -> bytes:
        """Return one parameter without secrets.

        :param more: what may divide it further, if it is not clear as it stands.
        """
        name, mark, value = segment.partition(b"=")
        plain = unquote_to_bytes(name)
        if not _NAME.fullmatch(plain) or self._is_packed(plain):
            return self._further(segment, more)
        if more and more in value and not _is_json(unquote_to_bytes(value)):
            return self._further(segment, more)
        hidden = self._field(value, is_data=plain == _DATA)
        return self._further(segment, more) if hidden is None else name + mark + hidden

    def _further(self, segment: bytes, more: bytes) -> bytes:
        if more and more in segment:
            return more.join(self._segment(one) for one in segment.split(more))
        name, mark, _ = segment.partition(b"=")
        if mark and name == _DATA:
            return name + mark + self.whole(segment)
        return self.whole(segment)

    def _field(self, value: bytes, is_data: bool) -> bytes | None:
        """Return a parameter's value without secrets, quoted; ``None`` if it is not clear."""
        plain = unquote_to_bytes(value.replace(b"+", b" "))
        if len(plain) < LEAST and not is_data and plain[:1] not in _ODD:
            return value
        if _is_json(plain):
            hidden = self._json(plain)
            if hidden is None:
                return None
            return value if hidden == plain else quote_from_bytes(hidden).encode()
        content = _unpacked(plain)
        if content is None or not _is_json(content):
            return None if is_data or _OPAQUE.search(plain) else value
        hidden = self._json(content)
        if hidden is None:
            return None
        return value if hidden == content else _packed(hidden, plain)

    def _json(self, text: bytes) -> bytes | None:
        found = hide(text, self._names, self._key)
        if found is None:
            return None
        self.secrets |= found.secrets
        return found.text

    def _is_packed(self, text: bytes) -> bool:
        """Say whether what should be a name is base64 of JSON."""
        content = _unpacked(text) if len(text) >= LEAST else None
        return content is not None and _is_json(content)


def _is_json(text: bytes) -> bool:
    """Say whether *text* can only be meant as an object or a list."""
    return text.lstrip(_BLANKS).removeprefix(_BOM).lstrip(_BLANKS)[:1] in (b"{", b"[")


def _unpacked(text: bytes) -> bytes | None:
    """Return what base64 *text* holds, in either alphabet, compressed or not."""
    try:
        content = base64_lenient.decode(text)
    except (binascii.Error, ValueError):
        return None
    if content is not None and content.startswith(MAGIC):
        plain = inflate(content, LONGEST)
        return None if isinstance(plain, Flaw) else plain
    return content


def _packed(text: bytes, like: bytes) -> bytes:
    """Return *text* in base64, quoted, in the alphabet of *like* and padded if that is."""
    packed = pybase64.b64encode(text)
    if b"-" in like or b"_" in like:
        packed = packed.translate(_URL_SAFE)
    if len(like) % 4:
        packed = packed.rstrip(b"=")
    return packed.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")
