"""Bytes to responses, on llhttp, without any I/O (RFC 9112, section 6)."""

from dataclasses import dataclass

import httptools

from pyingest.message import Response

LONGEST = 16 * 1024 * 1024
"""Bytes beyond which an answer is given up: head, body and framing, interim answers included."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer is complete."""

    response: Response
    keep_alive: bool
    """Whether the connection can carry another request."""


@dataclass(frozen=True, slots=True)
class NotHttp:
    """What came is no answer. Nothing after it can be read."""

    why: str


class ResponseReader:
    """Reads one connection's answers, one for each :meth:`expect`."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._longest = longest
        self._head_only = False
        self._whole: Response | None = None
        self._reason = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._headers_done = self._framed = self._keep_alive = False

    def expect(self, method: bytes) -> None:
        """Make ready for the answer to a request of *method*."""
        self._head_only = method == b"HEAD"
        self._whole = None
        self._size = 0

    def feed(self, data: bytes) -> Whole | NotHttp | None:
        """Take bytes; return the answer once it is complete.

        Whatever follows it was not asked for: the answer stands, and its connection is not to
        be used again, because the next request would be answered by what is left over.
        """
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return NotHttp("the connection was upgraded")
        except httptools.HttpParserError as error:
            if self._whole is None:
                return NotHttp(str(error))
            self._keep_alive = False
        if self._head_only and self._whole is not None:
            # The parser would wait for a body that the head announces and that never comes.
            self._parser = httptools.HttpResponseParser(self)
        if self._size > self._longest:
            return NotHttp(f"an answer of more than {self._longest} bytes")
        return self._take()

    def end(self) -> Whole | None:
        """Return the answer that the end of the connection completes, if it is one of those."""
        if self._headers_done and not self._framed and self._whole is None:
            self._keep_alive = False
            self._finish()
        return self._take()

    def _take(self) -> Whole | None:
        response, self._whole = self._whole, None
        if response is None:
            return None
        whole = Whole(response, self._keep_alive)
        self._begin()
        return whole

    def _begin(self) -> None:
        self._reason = b""
        self._headers = []
        self._body = []
        self._headers_done = self._framed = self._keep_alive = False

    def _finish(self) -> None:
        self._whole = Response(
            self._parser.get_status_code(),
            self._reason,
            tuple(self._headers),
            b"".join(self._body),
            self._parser.get_http_version().encode("ascii"),
        )

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Forget an interim answer; a second final one spoils the connection."""
        if self._whole is None:
            self._begin()
        else:
            self._keep_alive = False

    def on_status(self, reason: bytes) -> None:
        """Take a piece of the reason phrase."""
        if self._whole is None:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Take a header line."""
        if self._whole is not None:
            return
        self._headers.append((name, value or b""))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        """Note the end of the head; an interim answer (1xx) has no more to it."""
        if self._whole is None and self._parser.get_status_code() >= 200:
            self._headers_done = True
            self._keep_alive = self._parser.should_keep_alive()
            if self._head_only:
                self._finish()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self._whole is None:
            self._body.append(data)
        else:
            self._keep_alive = False

    def on_message_complete(self) -> None:
        """Note a complete answer."""
        if self._headers_done and self._whole is None:
            self._finish()
