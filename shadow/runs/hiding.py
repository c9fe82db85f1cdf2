"""JSON text with the values of some keys replaced by hashes, and every other byte as it was.

Only the text is cut, nothing is written anew: what a service makes of odd JSON (trailing commas,
repeated keys, spellings of numbers) can still be seen. A key counts wherever it stands, since a
candidate may put it where it does not belong.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from shadow.runs.secrets import HEX, MARK, Key

_TOKEN = re.compile(
    rb"[ \t\r\n]*+(?:"
    rb'(?P<string>"(?:[^"\\]|\\.)*+")|(?P<mark>[{}\[\],:])|(?P<word>[^ \t\r\n"{}\[\],:]++))',
    re.DOTALL,
)
_BLANKS = b" \t\r\n"
_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_INTEGER = re.compile(rb"-?\d+")
_HASH = re.compile(b"%b[0-9a-f]{%d}" % (MARK.encode(), HEX))
_SAID_NOTHING = (b"null",)


@dataclass(slots=True)
class Hidden:
    """A text without its secrets, and which they were."""

    text: bytes
    secrets: set[bytes] = field(default_factory=set)
    """The strings that were hidden, as UTF-8."""


def hide(text: bytes, names: Collection[bytes], key: Key) -> Hidden | None:
    """Return *text* with the values of the keys *names* hashed.

    Equal values have equal hashes, however they are spelled.

    :returns: ``None`` if the text cannot be taken apart, so that nobody knows what it holds.
    """
    if b"\\" not in text:
        found = sum(text.count(name) for name in names)
        if not found:
            return Hidden(text)
        quick = _quick(text, frozenset(names), key, found)
        if quick is not None:
            return quick
    return _Hiding(text, names, key).done()


def _quick(text: bytes, names: frozenset[bytes], key: Key, found: int) -> Hidden | None:
    """Do what :func:`hide` does for most texts: sound JSON without escapes, plain values.

    Without escapes every quote opens or closes a string, so a name in quotes before a colon is a
    key. ``None`` if a name stands anywhere else, or has a value that is no string or number.
    """
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    secrets: set[bytes] = set()
    keys = 0

    def hidden(match: re.Match[bytes]) -> bytes:
        nonlocal keys
        keys += 1
        content, number = match["text"], match["number"]
        if number is not None:
            secrets.add(number)
            return b'%b"%b"' % (match["key"], key.of(_number(number)).encode())
        if _HASH.fullmatch(content):
            return match[0]
        secrets.add(content)
        return b'%b"%b"' % (match["key"], key.of(b"s" + content).encode())

    out = _fields(names).sub(hidden, text)
    return Hidden(out, secrets) if keys == found else None


@lru_cache(maxsize=64)
def _fields(names: frozenset[bytes]) -> re.Pattern[bytes]:
    any_name = b"|".join(re.escape(name) for name in sorted(names))
    return re.compile(
        rb'(?P<key>"(?:%b)"[ \t\r\n]*+:[ \t\r\n]*+)'
        rb'(?:"(?P<text>[^"]*+)"|(?P<number>-?[0-9.eE+-]++))' % any_name
    )


@dataclass(slots=True)
class _Frame:
    is_object: bool
    hidden: bool
    """Whether everything in it is secret."""
    secret_next: bool = False
    """Whether the value that comes next is."""


class _Hiding:
    """One pass over one text."""

    def __init__(self, text: bytes, names: Collection[bytes], key: Key) -> None:
        self._text = text
        self._names = names
        self._key = key
        self._out: list[bytes] = []
        self._kept = 0
        """Where what is not yet in the output begins."""
        self._secrets: set[bytes] = set()

    def done(self) -> Hidden | None:
        text, at, end = self._text, 0, len(self._text.rstrip(_BLANKS))
        stack = [_Frame(is_object=False, hidden=False)]
        while at < end:
            token = _TOKEN.match(text, at)
            if token is None:
                return None  # a string without an end
            at = token.end()
            mark = token["mark"]
            if mark is None:
                self._value(token, stack[-1], followed=self._after(at))
            elif mark in (b"{", b"["):
                top = stack[-1]
                hidden = top.hidden or top.secret_next
                top.secret_next = False
                stack.append(_Frame(mark == b"{", hidden))
            elif mark in (b"}", b"]"):
                stack.pop()
                if not stack:
                    return None
            elif mark == b",":
                stack[-1].secret_next = False
        if len(stack) != 1:
            return None
        self._out.append(text[self._kept :])
        return Hidden(b"".join(self._out), self._secrets)

    def _after(self, at: int) -> bytes:
        """Return the mark that follows, if one does."""
        token = _TOKEN.match(self._text, at)
        return (token["mark"] or b"") if token is not None else b""

    def _value(self, token: re.Match[bytes], top: _Frame, followed: bytes) -> None:
        kind = token.lastgroup or ""
        said = token[kind]
        content = unescaped(said[1:-1]) if kind == "string" else said
        if top.is_object and followed == b":":
            top.secret_next = content in self._names
            if top.hidden:
                self._replace(token, kind, content)
            return
        is_secret = top.hidden or top.secret_next or self._is_nested(kind, content)
        if is_secret and said not in _SAID_NOTHING:
            self._replace(token, kind, content)
        top.secret_next = False

    def _is_nested(self, kind: str, content: bytes) -> bool:
        """Say whether a string holds JSON in which one of the keys may be."""
        return kind == "string" and b"{" in content and any(name in content for name in self._names)

    def _replace(self, token: re.Match[bytes], kind: str, content: bytes) -> None:
        if _HASH.fullmatch(content):
            return  # what a tap has hidden is not hidden again when it is recorded
        self._secrets.add(content)
        value = b"s" + content if kind == "string" else _number(content)
        self._out.append(self._text[self._kept : token.start(kind)])
        self._out.append(b'"%b"' % self._key.of(value).encode())
        self._kept = token.end(kind)


def _number(text: bytes) -> bytes:
    """Return a number's value in one spelling; ``1`` and ``1.0`` are two values."""
    if _INTEGER.fullmatch(text) and len(text) < 4000:
        return b"i%d" % int(text)
    try:
        return b"f" + repr(float(text)).encode()
    except ValueError:
        return b"w" + text


def unescaped(content: bytes) -> bytes:
    """Return the bytes that a JSON string's *content* stands for; half a surrogate pair stays."""
    if b"\\" not in content:
        return content
    joined = _ESCAPE.sub(_unescape, content)
    if b"\xed" not in joined:
        return joined
    # Two escapes that make up one character stand as two halves of three bytes each.
    try:
        text = joined.decode("utf-8", "surrogatepass")
        return text.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeDecodeError:
        return joined


def _unescape(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    if len(escape) == 5:
        return chr(int(escape[1:], 16)).encode("utf-8", "surrogatepass")
    return _PLAIN.get(escape, escape)
