"""What the servers of the echo test answer: every framing there is, each fixed by its request."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from shadow.doctor.framing import Head, request_head
from shadow.exchange import Side

LARGE = 100_000
"""Bytes of the largest answer; several reads of a socket."""


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """What a server says, and whether it closes the connection behind it."""

    data: bytes
    close: bool = False


def answer_to(raw: bytes, side: Side, may_close: bool = True) -> EchoAnswer:
    """Return what *side* answers to the request *raw*: no two requests get the same.

    :param may_close: whether an answer may end with its connection, unasked.

    The body names the side and holds the digest of the request, so that an answer that went
    to another client, or that came from the wrong side, is not taken for the right one.
    """
    head = request_head(raw)
    digest = hashlib.sha256(raw).hexdigest().encode()
    if head is None:
        return EchoAnswer(_with_length(b"400 Bad Request", b"", True), close=True)
    body = side.value.encode() + b" " + digest
    close = wants_close(head)
    if head.minor == 0:
        return EchoAnswer(_with_length(b"200 OK", body, head.word != b"HEAD", close), close)
    styles = _STYLES if may_close else _STYLES[1:]
    style = styles[int(digest[:4], 16) % len(styles)]
    return style(head, body, close)


def wants_close(head: Head) -> bool:
    """Return whether the connection ends after this request (RFC 9112, section 9.3)."""
    words = b",".join(head.values(b"connection")).lower().replace(b" ", b"").split(b",")
    return b"close" in words or (head.minor == 0 and b"keep-alive" not in words)


def _with_length(status: bytes, body: bytes, with_body: bool, close: bool = False) -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body)]
    lines += [b"Connection: close"] if close else []
    return b"\r\n".join([*lines, b"", body if with_body else b""])


def _plain(head: Head, body: bytes, close: bool) -> EchoAnswer:
    return EchoAnswer(_with_length(b"200 OK", body, head.word != b"HEAD", close), close)


def _large(head: Head, body: bytes, close: bool) -> EchoAnswer:
    return _plain(head, body * (LARGE // len(body)), close)


def _chunked(head: Head, body: bytes, close: bool) -> EchoAnswer:
    lines = [b"HTTP/1.1 200 Fine, thanks", b"Transfer-Encoding: chunked", b"Trailer: X-End"]
    lines += [b"Connection: close"] if close else []
    at = len(body) // 2
    chunks = b"%X;part=1\r\n%b\r\n%x\r\n%b\r\n0\r\nX-End: yes\r\n\r\n" % (
        at,
        body[:at],
        len(body) - at,
        body[at:],
    )
    data = b"\r\n".join([*lines, b"", b""])
    return EchoAnswer(data + (chunks if head.word != b"HEAD" else b""), close)


def _until_close(head: Head, body: bytes, close: bool) -> EchoAnswer:
    lines = [b"HTTP/1.1 200 OK", b"Connection: close", b"X-Framing: the end", b"", b""]
    return EchoAnswer(b"\r\n".join(lines) + (body if head.word != b"HEAD" else b""), True)


def _empty(head: Head, body: bytes, close: bool) -> EchoAnswer:
    lines = [b"HTTP/1.1 204 No Content", b"X-Digest: " + body]
    lines += [b"Connection: close"] if close else []
    return EchoAnswer(b"\r\n".join([*lines, b"", b""]), close)


def _odd(head: Head, body: bytes, close: bool) -> EchoAnswer:
    lines = [
        b"HTTP/1.1 299 caf\xe9 \xe2\x82\xac",
        b"sErVeR: x",
        b"X-Empty:",
        b"Set-Cookie: a=1",
        b"X-Blank:\t two  words \t",
        b"Set-Cookie: b=2",
        b"content-length:%d" % len(body),
    ]
    lines += [b"Connection: close"] if close else []
    data = b"\r\n".join([*lines, b"", b""])
    return EchoAnswer(data + (body if head.word != b"HEAD" else b""), close)


def _failing(head: Head, body: bytes, close: bool) -> EchoAnswer:
    return EchoAnswer(_with_length(b"503 ", body, head.word != b"HEAD", close), close)


_Style = Callable[[Head, bytes, bool], EchoAnswer]
_STYLES: tuple[_Style, ...] = (
    *(_until_close, _plain, _plain, _plain, _plain, _odd, _odd),
    *(_chunked, _chunked, _empty, _failing, _large),
)
