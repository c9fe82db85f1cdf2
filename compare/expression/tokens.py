"""text -> tokens, each with its place."""

import re
from dataclasses import dataclass
from enum import Enum

from compare.expression.error import ExpressionError
from compare.expression.values import NUMBER, UNDEFINED, literal_number

LONGEST = 10_000
"""Characters of the longest expression."""

_BLANK = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"[^\W\d]\w*")
_SIGN = re.compile(r"==|!=|>=|<=|[><+\-*/%()\[\],]")
_PLAIN = re.compile(r'[^"\\]*')
_HINTS = {
    "=": "write == to compare",
    "!": "write not, or != to compare",
    "&": "write and",
    "|": "write or",
    "'": 'texts stand in double quotes, as in "abc"',
    ".": 'a field is written as in properties["name"]',
    "{": "there are no objects in expressions",
}


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    TEXT = "text"
    NAME = "name"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression."""

    kind: Kind
    written: str
    position: int
    value: object = None
    """Of a number or a text."""

    def __str__(self) -> str:
        """Name the token as a message about it does."""
        if self.kind is Kind.END:
            return "the end"
        return self.written if len(self.written) <= 40 else self.written[:40] + "..."


def tokens(text: str) -> list[Token]:
    """Return the tokens of *text*, an END as the last.

    :raises ExpressionError: something in *text* is no token, or it is too long.
    """
    if len(text) > LONGEST:
        message = f"An expression has at most {LONGEST} characters; this one has {len(text)}."
        raise ExpressionError(message, text, LONGEST)
    found: list[Token] = []
    at = _skipped(text, 0)
    while at < len(text):
        token = _token(text, at)
        found.append(token)
        at = _skipped(text, at + len(token.written))
    return [*found, Token(Kind.END, "", len(text))]


def _skipped(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _token(text: str, at: int) -> Token:
    if text[at] == '"':
        return _text(text, at)
    if match := NUMBER.match(text, at):
        return _number(text, at, match.group())
    if match := _NAME.match(text, at):
        return Token(Kind.NAME, match.group(), at)
    if match := _SIGN.match(text, at):
        return Token(Kind.SIGN, match.group(), at)
    hint = f": {_HINTS[text[at]]}" if text[at] in _HINTS else ""
    message = f"Expected a value or an operator, found the character {text[at]!a}{hint}."
    raise ExpressionError(message, text, at)


def _number(text: str, at: int, written: str) -> Token:
    after = text[at + len(written) : at + len(written) + 1]
    if after.isalnum() or (after in (".", "_") and after):
        message = f"Expected a number such as 1, 0.5 or 2e3, found {after!a} in it."
        raise ExpressionError(message, text, at + len(written))
    value = literal_number(written)
    if value is UNDEFINED:
        raise ExpressionError("Expected a number, found one that is too large.", text, at)
    return Token(Kind.NUMBER, written, at, value)


def _text(text: str, start: int) -> Token:
    pieces: list[str] = []
    at = start + 1
    while at < len(text):
        match = _PLAIN.match(text, at)
        assert match
        pieces.append(match.group())
        at = match.end()
        if text[at : at + 1] == '"':
            return Token(Kind.TEXT, text[start : at + 1], start, "".join(pieces))
        escaped = text[at + 1 : at + 2]
        if not escaped:
            break
        if escaped not in ('"', "\\"):
            message = f'Expected \\" or \\\\ in a text, found a backslash before {escaped!a}.'
            raise ExpressionError(message, text, at)
        pieces.append(escaped)
        at += 2
    raise ExpressionError('Expected " at the end of this text, found the end.', text, start)
