"""Bytes to requests: HTTP/1.x on llhttp, with limits, without any I/O (RFC 9112)."""

from dataclasses import dataclass
from typing import Any

import httptools

from pyingest.message import Headers, Request, header


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may hold. Units are bytes, and header lines."""

    line: int = 131_072
    """The request target: much of what clients send stands there."""
    head: int = 65_536
    """Header lines together; enforced to within one read of the socket."""
    body: int = 10 * 1024 * 1024
    headers: int = 1000


@dataclass(frozen=True, slots=True)
class Arrived:
    """A whole request came in."""

    request: Request
    keep_alive: bool
    """Whether the client lets the connection stay open after the answer."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The client waits for ``100 Continue`` before it sends the body (RFC 9110, 10.1.1)."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """The bytes are no request, or one beyond the limits. Nothing after them can be read."""

    status: int
    reason: str


Received = Arrived | Continue | Malformed

BAD_REQUEST = Malformed(400, "Bad Request")
BODY_TOO_LARGE = Malformed(413, "Content Too Large")
TARGET_TOO_LONG = Malformed(414, "URI Too Long")
REQUEST_TIMEOUT = Malformed(408, "Request Timeout")
HEAD_TOO_LARGE = Malformed(431, "Request Header Fields Too Large")


class _Refused(Exception):
    """Raised inside a parser callback to stop the parser."""


class RequestReader:
    """Cuts a byte stream into requests. Give it to nobody else while it lives."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._received: list[Received] = []
        self._refusal: Malformed | None = None
        self._done = False
        self._headers: list[tuple[bytes, bytes]]
        self._body: list[bytes]
        self._looked: bool
        self._parser: Any
        self._partial: int
        self._renew()

    @property
    def between(self) -> bool:
        """Whether no request is partly read."""
        return not self._begun

    def feed(self, data: bytes) -> list[Received]:
        """Return what *data* completed, in order; after a ``Malformed`` all bytes are ignored."""
        if self._done:
            return []
        begun = self._begun
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._stop(self._refusal or BAD_REQUEST)
        else:
            if self._begun:
                self._judge_partial(len(data) if begun else 0)
        received, self._received = self._received, []
        return received

    def close(self) -> None:
        """Read nothing more, and let go of the parser, which refers to this reader."""
        self._done = True
        self._parser = None

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        # As MochiWeb: bare LFs, any HTTP version, blanks behind a chunk's size. (llhttp takes a
        # bare LF in the request line only with both line-end options.) What is passed on is
        # written anew from its parts, so no leniency here can smuggle a request.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_optional_lf_after_cr=True,
            lenient_version=True,
            lenient_spaces_after_chunk_size=True,
        )
        self.on_message_begin()
        self._begun = False

    def _parse(self, data: bytes) -> None:
        while data and not self._done:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # No protocol is upgraded to here: the next request follows as usual.
                data = data[upgrade.args[0] :]
                self._renew()

    def _stop(self, malformed: Malformed) -> None:
        if not self._done:
            self._done = True
            self._received.append(malformed)

    def _judge_partial(self, waited: int) -> None:
        """Look at a request that is not complete yet; *waited* more bytes went into it."""
        if not self._headers_complete:
            self._partial += waited
            if self._partial > self._limits.head + len(self._target):
                self._stop(HEAD_TOO_LARGE)
            return
        if self._looked:
            return
        self._looked = True
        length = header(tuple(self._headers), b"content-length")
        if length is not None and int(length) > self._limits.body:
            self._stop(BODY_TOO_LARGE)
        elif not self._body and self._expects_continue():
            self._received.append(Continue())

    def _expects_continue(self) -> bool:
        value = header(tuple(self._headers), b"expect")
        return (
            value is not None
            and value.lower() == b"100-continue"
            and self._parser.get_http_version() != "1.0"
        )

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._begun = True
        self._target = b""
        self._headers = []
        self._body = []
        self._headers_complete = False
        self._looked = False
        self._head_size = self._body_size = self._partial = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        self._target += url
        self._refuse_if(len(self._target) > self._limits.line, TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Take a header line; trailers of a chunked body are dropped, as MochiWeb does.

        llhttp leaves the blanks after a value on; they are no part of it (RFC 9112, section 5.1).
        """
        value = (value or b"").rstrip(b" \t")
        self._head_size += len(name) + len(value) + 4
        if self._headers_complete:
            self._refuse_if(self._head_size > self._limits.head, HEAD_TOO_LARGE)
        else:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head as a whole."""
        too_many = len(self._headers) > self._limits.headers
        self._refuse_if(too_many or self._head_size > self._limits.head, HEAD_TOO_LARGE)
        self._headers_complete = True

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body_size += len(data)
        self._refuse_if(self._body_size > self._limits.body, BODY_TOO_LARGE)
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Hand the request over."""
        headers: Headers = tuple(self._headers)
        version = self._parser.get_http_version().encode("ascii")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(self._parser.get_method(), self._target, headers, body, version)
        keep_alive = self._parser.should_keep_alive()
        self._received.append(Arrived(request, keep_alive))
        self._begun = False
        self._done = not keep_alive

    def _refuse_if(self, too_much: bool, refusal: Malformed) -> None:
        if too_much:
            self._refusal = refusal
            raise _Refused
