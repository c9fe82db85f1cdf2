"""Bytes to responses, on llhttp, without any I/O (RFC 9112, section 6)."""

from dataclasses import dataclass

import httptools

from pyingest.message import Response

LONGEST = 16 * 1024 * 1024
"""Bytes of a body beyond which an answer is given up."""


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

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head_only = False
        self._whole: Whole | None = None
        self._reason = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._begun = self._headers_done = self._framed = self._keep_alive = False

    def expect(self, method: bytes) -> None:
        """Make ready for the answer to a request of *method*."""
        self._head_only = method == b"HEAD"
        self._whole = None

    @property
    def begun(self) -> bool:
        """Whether bytes of the expected answer have come."""
        return self._begun

    def feed(self, data: bytes) -> Whole | NotHttp | None:
        """Take bytes; return the answer once it is complete."""
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return NotHttp("the connection was upgraded")
        except httptools.HttpParserError as error:
            if self._whole is None and not self._is_bodiless():
                return NotHttp(str(error))
        if self._is_bodiless() and self._whole is None:
            self._finish()
            self._parser = httptools.HttpResponseParser(self)
        if self._size > LONGEST:
            return NotHttp(f"an answer of more than {LONGEST} bytes")
        return self._take()

    def end(self) -> Whole | None:
        """Return the answer that the end of the connection completes, if it is one of those."""
        if self._headers_done and not self._framed and self._whole is None:
            self._keep_alive = False
            self._finish()
        return self._take()

    def _is_bodiless(self) -> bool:
        return self._head_only and self._headers_done

    def _take(self) -> Whole | None:
        whole, self._whole = self._whole, None
        if whole is not None:
            self._begin()
        return whole

    def _begin(self) -> None:
        self._reason = b""
        self._headers = []
        self._body = []
        self._size = 0
        self._begun = self._headers_done = self._framed = self._keep_alive = False

    def _finish(self) -> None:
        response = Response(
            self._parser.get_status_code(),
            self._reason,
            tuple(self._headers),
            b"".join(self._body),
            self._parser.get_http_version().encode("ascii"),
        )
        self._whole = Whole(response, self._keep_alive)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Forget an interim answer."""
        if self._whole is None:
            self._begin()
            self._begun = True

    def on_status(self, reason: bytes) -> None:
        """Take a piece of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Take a header line."""
        self._headers.append((name, value or b""))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        """Note the end of the head; an interim answer (1xx) has no more to it."""
        if self._parser.get_status_code() >= 200:
            self._headers_done = True
            self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._size += len(data)
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Note a complete answer."""
        if self._headers_done and not self._head_only:
            self._finish()
