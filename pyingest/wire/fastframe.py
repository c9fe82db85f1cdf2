"""One read of the socket that is one whole, ordinary request: framed by llhttp, at little cost.

llhttp is the only parser, here in its strict mode; what it refuses, and every request of an
uncommon shape, is left to :mod:`pyingest.wire.requestreader`, which then reads the same bytes.
"""

import httptools

from pyingest.wire.requestreader import Limits

ORIGIN = b"origin"
FORWARDED = b"x-forwarded-for"
CONTENT_TYPE = b"content-type"
_NOTED = frozenset((ORIGIN, FORWARDED, CONTENT_TYPE))
_ODD = frozenset((b"expect", b"transfer-encoding", b"upgrade"))
_MOST_NAMES = 4096
_SHORTEST_LINE = 4
"""Bytes of the shortest header line, ``a:`` and its end."""


class WholeReader:
    """Reads one request at a time; nothing is kept between two calls.

    What :meth:`read` found stands in the attributes until it is called again.
    """

    __slots__ = (
        "_begun",
        "_complete",
        "_kinds",
        "_limits",
        "_longest",
        "_odd",
        "_parser",
        "body",
        "noted",
        "target",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._longest = min(limits.line, limits.head, limits.body)
        self._kinds: dict[bytes, bytes] = {}
        self.target = b""
        self.body = b""
        self.noted: dict[bytes, bytes] = {}
        """Values of the headers that matter, by name in lower case; each came once."""
        self._begun = self._complete = 0
        self._odd = False
        self._parser = httptools.HttpRequestParser(self)

    def read(self, data: bytes) -> bool:
        """Say whether *data* is exactly one GET or POST of HTTP/1.1 that keeps the connection.

        False says nothing about the bytes but that this reader does not take them.
        """
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._renew()
            return False
        if self._begun == 1 and self._complete == 1 and not self._odd and self._ordinary(data):
            self._begun = self._complete = 0
            return True
        self._renew()
        return False

    def _ordinary(self, data: bytes) -> bool:
        """Say whether the request line is of the one common shape, and no limit can be reached."""
        at = 4 if data.startswith(b"GET ") else 5 if data.startswith(b"POST ") else 0
        end = at + len(self.target)
        if not at or len(data) > self._longest or not data.startswith(b" HTTP/1.1\r\n", end):
            return False
        head = len(data) - len(self.body)
        most = self._limits.headers
        return head - end <= _SHORTEST_LINE * most or data.count(b"\r\n", end, head) - 2 <= most

    def _renew(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._begun = self._complete = 0
        self._odd = False

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._begun += 1
        self._odd = False
        self.body = b""
        if self.noted:
            self.noted.clear()

    def on_url(self, url: bytes) -> None:
        """Take the request target."""
        self.target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the value if it matters."""
        kind = self._kinds.get(name)
        if kind:
            if kind in self.noted or kind in _ODD:
                self._odd = True
            self.noted[kind] = value.rstrip(b" \t")
        elif kind is None:
            self._learn(name)
            self.on_header(name, value)

    def on_body(self, data: bytes) -> None:
        """Take the body."""
        self._odd = self._odd or bool(self.body)
        self.body = data

    def on_message_complete(self) -> None:
        """Count the request."""
        self._complete += 1
        if not self._parser.should_keep_alive():
            self._odd = True

    def _learn(self, name: bytes) -> None:
        """Remember what a spelling of a header's name means; most clients use the same few."""
        if len(self._kinds) >= _MOST_NAMES:
            self._kinds.clear()
        lower = name.lower()
        self._kinds[name] = lower if lower in _NOTED or lower in _ODD else b""
