"""Heads of HTTP/1.x messages by their exact grammar (RFC 9112, sections 2 to 6; no I/O).

This decides where a message ends, for us and, because the bytes go on untouched, for whoever stands
behind. So there is no leniency: what two servers could read in two ways is no head. That is: line
ends other than CR LF, folded lines, blanks before a colon, control characters, more than one
length, a length that is not digits alone, a length beside a transfer coding, a coding other than
``chunked`` (in small letters), a coding in HTTP/1.0. Bytes above 127 and methods that nobody knows
do no harm, and are let through.
"""

import re

from msgspec import Struct

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]"
_LINE = _TOKEN + rb"++:" + _TEXT + rb"*+\r\n"
_START = rb"(" + _TOKEN + rb"++) ([\x21-\x7e\x80-\xff]++) HTTP/1\.([01])\r\n"
_whole_head = re.compile(_START + rb"((?:" + _LINE + rb")*+)\r\n").match
_answer_head = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: " + _TEXT + rb"*+)?\r\n((?:" + _LINE + rb")*+)\r\n"
).match
_first_line = re.compile(_START).fullmatch
_line = re.compile(_LINE).fullmatch
_forbidden = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|(?<!\r)\n").search
_noted = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection|expect|x-forwarded-for):[ \t]*+([^\r]*+)",
    re.IGNORECASE,
).findall
LONGEST_NUMBER = 18
"""Digits of a length; every server holds so many in 64 bits."""


class Malformed:
    """The bytes are no head that everybody reads alike. *why* is for people."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


class RequestHead(Struct, eq=False, gc=False):
    """What the head of a request says of the message and its connection."""

    # Structs that the collector does not see, here and in what else waits for a slow side with
    # the message: to look through thousands of them over and over took the time of clients.

    method: bytes
    target: bytes
    minor: int
    """The version is 1.0 or 1.1."""
    end: int
    """Position behind the empty line."""
    keeps: bool
    """Whether the connection may stay open after the answer."""
    length: int = 0
    """Bytes of the body, if it is not chunked."""
    chunked: bool = False
    expects: bool = False
    """Whether the client waits for ``100 Continue``."""
    forwarded: bool = False
    """Whether somebody told already for whom the request is (``X-Forwarded-For``)."""


class AnswerHead(Struct, eq=False, gc=False):
    """What the head of an answer says of the message and its connection."""

    status: int
    minor: int
    end: int
    keeps: bool
    length: int = -1
    """Bytes of the body; below 0 where the head does not tell."""
    chunked: bool = False
    doubtful: bool = False
    """Whether others might read its end in another way; its connections must be closed."""


def request_head(data: bytes, at: int = 0) -> RequestHead | Malformed | None:
    """Return the head that begins at *at* of *data*; ``None`` if its end is not there, or wrong.

    :func:`is_hopeless` and :func:`is_line` tell those two apart.
    """
    found = _whole_head(data, at)
    if found is None:
        return None
    method, target, minor = found.group(1, 2, 3)
    end, is_newer = found.end(), minor == b"1"
    head = RequestHead(method, target, 1 if is_newer else 0, end, is_newer)
    noted = _noted(data, found.start(4) - 2, end - 2)
    why = _note_request(head, noted) if noted else ""
    if why or method == b"CONNECT":
        return Malformed(why or "CONNECT is for proxies that open tunnels")
    return head


def _note_request(head: RequestHead, noted: list[tuple[bytes, bytes]]) -> str:
    """Note in *head* what its header lines say; return what is wrong with them."""
    lengths, options = 0, b""
    for name, value in noted:
        name = name.lower()
        if name == b"x-forwarded-for":
            head.forwarded = True
            continue
        value = value.rstrip(b" \t")
        if name == b"connection":
            options += b"," + value
        elif name == b"content-length":
            lengths += 1
            head.length = _number(value)
        elif name == b"expect":
            head.expects = head.minor == 1 and value.lower() == b"100-continue"
        elif head.chunked or value != b"chunked" or not head.minor:
            # In small letters: MochiWeb takes "Chunked" for no coding where it reads no body,
            # and would wait for ever in the middle of it on a connection that we keep.
            return "a transfer coding other than one chunked of HTTP/1.1"
        else:
            head.chunked = True
    if options:
        head.keeps = _keeps(options, head.minor)
    if lengths > 1 or head.length < 0:
        return "Content-Length is not one number"
    return "both Content-Length and Transfer-Encoding" if lengths and head.chunked else ""


def answer_head(data: bytes, at: int = 0) -> AnswerHead | Malformed | None:
    """Return the head of an answer that begins at *at* of *data*; see :func:`request_head`.

    An answer goes to the client as it is, who read it in some way before we came; so what is only
    doubtful is framed as RFC 9112, section 6.3, says, and not refused.
    """
    found = _answer_head(data, at)
    if found is None:
        return None
    minor, status = found.group(1, 2)
    is_newer = minor == b"1"
    head = AnswerHead(int(status), 1 if is_newer else 0, found.end(), is_newer)
    return _note_answer(head, _noted(data, found.start(3) - 2, head.end - 2))


def _note_answer(head: AnswerHead, noted: list[tuple[bytes, bytes]]) -> AnswerHead | Malformed:
    """Note in *head* what its header lines say."""
    lengths, options, codings = [], b"", b""
    for name, value in noted:
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"connection":
            options += b"," + value
        elif name == b"content-length":
            lengths.append(_number(value))
        elif name == b"transfer-encoding":
            codings += b"," + value.lower()
    if options:
        head.keeps = _keeps(options, head.minor)
    if lengths:
        head.length = lengths[0]
        if min(lengths) < 0 or min(lengths) != max(lengths):
            return Malformed("Content-Length is not one number")
    if codings:
        head.length = -1
        head.chunked = codings.rpartition(b",")[2].strip(b" \t") == b"chunked"
        head.doubtful = codings != b",chunked" or bool(lengths) or not head.minor
    return head


def _keeps(options: bytes, minor: int) -> bool:
    """Return whether a connection stays (RFC 9112, section 9.3); ``close`` outweighs the rest."""
    if options == b",keep-alive":
        return True
    named = {option.strip(b" \t") for option in options.lower().split(b",")}
    return b"close" not in named and (minor == 1 or b"keep-alive" in named)


def _number(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) <= LONGEST_NUMBER else -1


def is_hopeless(data: bytes | bytearray, at: int) -> bool:
    """Return whether no head holds the bytes of *data* from *at* on (which may look one back)."""
    return _forbidden(data, at) is not None


def is_line(data: bytes | bytearray, at: int, end: int, first: bool) -> bool:
    """Return whether what lies from *at* to *end* is a header line, or the *first* one."""
    line = bytes(data[at:end])
    return line == b"\r\n" or (_first_line(line) if first else _line(line)) is not None
