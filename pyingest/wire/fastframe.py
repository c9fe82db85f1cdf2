"""One read of the socket that is one whole, ordinary request: framed by llhttp, at little cost.

llhttp is the only parser, here in its strict mode: line ends are CR LF, header lines are not
folded, names hold no blanks. What it refuses, and every request of an uncommon shape, is left to
:mod:`pyingest.wire.requestreader`, which then reads the same bytes. Between the request line and
the body that llhttp has found, a pattern picks the few header lines that matter.
"""

import re

import httptools

from pyingest.wire.requestreader import Limits

EXPECT = b"expect"
ORIGIN = b"origin"
FORWARDED = b"x-forwarded-for"
CONTENT_TYPE = b"content-type"
_noted = re.compile(
    rb"\r\n(origin|x-forwarded-for|content-type|expect):[ \t]*([^\r]*)", re.IGNORECASE
).findall
_expecting = re.compile(rb"\r\nexpect:", re.IGNORECASE).search
_O = ord("O")
_SHORTEST_LINE = 4
"""Bytes of the shortest header line, ``a:`` and its end."""


class WholeReader:
    """Reads one request at a time; nothing is kept between two calls.

    What :meth:`read` found stands in the attributes until it is called again.
    """

    __slots__ = (
        "_begun",
        "_complete",
        "_limits",
        "_longest",
        "_parser",
        "_stays",
        "body",
        "noted",
        "target",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._longest = min(limits.line, limits.head, limits.body)
        self._begun = self._complete = 0
        self._stays = False
        self._parser = httptools.HttpRequestParser(self)
        self.target = b""
        self.body = b""
        self.noted: dict[bytes, bytes] = {}
        """Values of the headers that matter, by name in lower case; each came once."""

    def read(self, data: bytes) -> bool:
        """Say whether *data* is exactly one GET or POST of HTTP/1.1 that keeps the connection.

        False says nothing about the bytes but that this reader does not take them.
        """
        self._begun = self._complete = 0
        if len(data) > self._longest:
            return False
        self.body = b""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._begun = 0
            self._renew()
            return False
        if self._begun == 1 == self._complete and self._stays:
            return self._is_common(data)
        self._renew()
        return False

    def is_begun(self, data: bytes) -> bool:
        """Say whether *data*, just refused, is the beginning of a POST that may be taken whole.

        Many clients send head and body in two packets. One that waits for ``100 Continue`` has to
        be answered first.
        """
        begun = (self._begun, self._complete) == (1, 0) and data.startswith(b"POST ")
        return begun and len(data) <= self._longest and _expecting(data) is None

    def _is_common(self, data: bytes) -> bool:
        """Say whether the head is of the common shape; take the headers that matter from it."""
        # llhttp knows no other method of these letters.
        at = len(self.target) + (5 if data[1] == _O else 4)
        end = len(data) - len(self.body)
        if data[:2] not in (b"GE", b"PO") or data[at : at + 11] != b" HTTP/1.1\r\n":
            return False
        most = self._limits.headers
        if end - at > _SHORTEST_LINE * most and data.count(b"\n", at, end) - 2 > most:
            return False
        found = _noted(data, at, end)
        self.noted = noted = {name.lower(): value.rstrip(b" \t") for name, value in found}
        return len(noted) == len(found) and EXPECT not in noted

    def _renew(self) -> None:
        """Begin anew: what was read last may have left the parser in the middle of something."""
        self._parser = httptools.HttpRequestParser(self)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Count the requests that begin."""
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        """Take the request target."""
        self.target = url

    def on_chunk_header(self) -> None:
        """Refuse a body in chunks."""
        self._begun += 1

    def on_body(self, data: bytes) -> None:
        """Take the body."""
        self.body = data

    def on_message_complete(self) -> None:
        """Count the requests that end, and see whether the connection does."""
        self._complete += 1
        self._stays = self._parser.should_keep_alive()
