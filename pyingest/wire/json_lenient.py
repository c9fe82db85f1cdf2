"""mochijson2's grammar, followed rule by rule (MochiWeb 3.1.1): the reference for the fast path.

It takes more than JSON: trailing commas, numbers and words as keys, raw control characters,
unknown escapes as literal text, a sign inside ``\\u``, any depth. Neither function recurses.
"""

import re
from itertools import chain
from json.encoder import encode_basestring_ascii

from msgspec import Raw

from pyingest.wire.floattext import float_text
from pyingest.wire.term import IllFormed, Object, Term, Unreadable, is_integer, made

_BLANK = re.compile(rb"[ \t\r\n]*")
_NUMBER = re.compile(rb"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?")
_RUN = re.compile(rb'[^"\\]*')
_CODE = re.compile(rb"[+-]?[0-9a-fA-F]+")
_UTF8_SHAPE = re.compile(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})*+"
)
_ESCAPES = {
    ord('"'): b'"',
    ord("\\"): b"\\",
    ord("/"): b"/",
    ord("b"): b"\b",
    ord("f"): b"\f",
    ord("n"): b"\n",
    ord("r"): b"\r",
    ord("t"): b"\t",
}
_WORDS = ((b"null", None), (b"true", True), (b"false", False))


class _Bad(Exception):
    """The text leaves the grammar."""


def decode(data: bytes) -> Term | Unreadable:
    """Return the value of *data* as ``mochijson2:decode`` gives it.

    Strings that have UTF-8's shape without being UTF-8 come as :class:`IllFormed`: mochijson2
    reads them too, and fails only when it writes them. Floats come as ``msgspec.Raw``, in the
    text that mochijson2 would write.
    """
    try:
        return _Reader(data).read()
    except _Bad as problem:
        return Unreadable(str(problem))
    except IndexError:
        return Unreadable("the text ends too early")


class _Reader:
    """One pass over one text."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def read(self) -> Term:
        # Each frame is [values, keys or None]; the root frame takes exactly one value.
        root: tuple[list[Term], None] = ([], None)
        stack: list[tuple[list[Term], list[Term] | None]] = [root]
        while True:
            if self._opens(stack):
                continue
            while len(stack) > 1 and self._closes(stack):
                pass
            if len(stack) == 1:
                break
        if self._skip() != len(self.data):
            raise _Bad(f"more text at byte {self.at}")
        return root[0][0]

    def _skip(self) -> int:
        match = _BLANK.match(self.data, self.at)
        assert match is not None
        self.at = match.end()
        return self.at

    def _take(self, character: bytes) -> bool:
        """Step over *character* if it comes next."""
        at = self._skip()
        if self.data[at : at + 1] != character:
            return False
        self.at += 1
        return True

    def _opens(self, stack: list[tuple[list[Term], list[Term] | None]]) -> bool:
        """Read one value into the innermost frame; say whether it opened a frame that has more."""
        if self._take(b"["):
            stack.append(([], None))
            return not self._ends(stack, b"]")
        if self._take(b"{"):
            stack.append(([], []))
            return not self._ends(stack, b"}")
        stack[-1][0].append(self._constant())
        return False

    def _closes(self, stack: list[tuple[list[Term], list[Term] | None]]) -> bool:
        """After a value: take a comma or the frame's end; say whether the frame ended."""
        end = b"]" if stack[-1][1] is None else b"}"
        if self._take(b","):
            return self._ends(stack, end)
        if self._ends(stack, end, key=False):
            return True
        raise _Bad(f"expected , or {end.decode()} at byte {self.at}")

    def _ends(
        self, stack: list[tuple[list[Term], list[Term] | None]], end: bytes, *, key: bool = True
    ) -> bool:
        """Close the innermost frame at *end*; else, before a pair, read its key."""
        values, keys = stack[-1]
        if self._take(end):
            stack.pop()
            stack[-1][0].append(
                values if keys is None else made(list(zip(keys, values, strict=True)))
            )
            return True
        if key and keys is not None:
            keys.append(self._constant())
            if not self._take(b":"):
                raise _Bad(f"expected : at byte {self.at}")
        return False

    def _constant(self) -> Term:
        at = self._skip()
        first = self.data[at]
        if first == 0x22:
            self.at += 1
            return self._string()
        for word, value in _WORDS:
            if self.data.startswith(word, at):
                self.at += len(word)
                return value
        match = _NUMBER.match(self.data, at)
        if match is None:
            raise _Bad(f"no value at byte {at}")
        self.at = match.end()
        return _number(match)

    def _string(self) -> str | IllFormed:
        """Read on from behind the opening quote to behind the closing one."""
        pieces: list[bytes] = []
        while True:
            run = _RUN.match(self.data, self.at)
            assert run is not None
            pieces.append(run.group())
            self.at = run.end()
            if self.data[self.at] == 0x22:
                self.at += 1
                return _text(b"".join(pieces))
            pieces.append(self._escape())

    def _escape(self) -> bytes:
        """Read one escape; one that nobody knows stays as it is, backslash included."""
        data, at = self.data, self.at
        plain = _ESCAPES.get(data[at + 1])
        if plain is not None:
            self.at += 2
            return plain
        if data[at + 1] != 0x75 or len(data) < at + 6:
            self.at += 1
            return b"\\"
        code = _code(data[at + 2 : at + 6])
        self.at += 6
        if 0xD800 <= code <= 0xDBFF:
            if data[at + 6 : at + 8] != b"\\u":
                raise _Bad(f"half a surrogate pair at byte {at}")
            low = _code(data[at + 8 : at + 12])
            self.at += 6
            if not 0xDC00 <= low <= 0xDFFF:
                raise _Bad(f"half a surrogate pair at byte {at}")
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        if code < 0 or 0xDC00 <= code <= 0xDFFF:
            raise _Bad(f"no character has the number at byte {at}")
        return chr(code).encode()


def _code(digits: bytes) -> int:
    if len(digits) != 4 or not _CODE.fullmatch(digits):
        raise _Bad("four hexadecimal digits are missing")
    return int(digits, 16)


def _text(content: bytes) -> str | IllFormed:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if _UTF8_SHAPE.fullmatch(content):
            return IllFormed(content)
        raise _Bad("a string is not UTF-8") from None


def _number(match: re.Match[bytes]) -> int | Raw:
    whole, fraction, exponent = match.groups()
    if fraction is None and exponent is None:
        return int(whole) if len(whole) < 4000 else Raw(whole)
    try:
        return Raw(float_text(float(match.group())).encode("ascii"))
    except ValueError:
        raise _Bad("a number is too big") from None


def encode(term: Term) -> bytes | None:
    """Return the bytes of ``mochijson2:encode`` for *term*, or ``None`` where it fails.

    It fails for a string that is not UTF-8, and for a float as a key.
    """
    try:
        return "".join(_pieces(term)).encode("ascii")
    except (_Bad, ValueError):
        return None


def _pieces(term: Term) -> list[str]:
    """Return the text in pieces; *todo* is a stack of what is still to be written, last first."""
    out: list[str] = []
    todo: list[Term] = [term]
    while todo:
        match todo.pop():
            case _Text(text):
                out.append(text)
            case dict() | Object() as fields:
                todo += _unfolded("{", "}", [_entry(pair) for pair in fields.items()])
            case list() as items:
                todo += _unfolded("[", "]", [(item,) for item in items])
            case other:
                out.append(_scalar(other))
    return out


class _Text:
    """Text that is ready to be written."""

    __match_args__ = ("text",)
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _entry(pair: tuple[Term, Term]) -> tuple[Term, ...]:
    return _Text(_key(pair[0]) + ":"), pair[1]


def _unfolded(opening: str, closing: str, entries: list[tuple[Term, ...]]) -> list[Term]:
    """Return the parts of a container in reverse."""
    comma = _Text(",")
    parts = chain.from_iterable((comma, *entry) for entry in entries)
    next(parts, None)
    return [_Text(opening), *parts, _Text(closing)][::-1]


def _scalar(term: Term) -> str:
    match term:
        case str():
            return encode_basestring_ascii(term)
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[term]
        case int():
            return str(term)
        case float():
            return float_text(term)
        case Raw():
            return bytes(term).decode("ascii")
        case _:
            raise _Bad("a string is not UTF-8")


def _key(key: Term) -> str:
    if isinstance(key, float) or (isinstance(key, Raw) and not is_integer(key)):
        raise _Bad("mochijson2 cannot write a float as a key")
    return encode_basestring_ascii(key if isinstance(key, str) else _scalar(key))
