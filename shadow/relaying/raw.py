"""One message as the bytes that it is; its parts are read when somebody asks for them."""

import re

from msgspec import Struct

from pyingest.message import Headers, Request, Response
from shadow.exchange import Answered
from shadow.relaying.bodies import unchunked
from shadow.relaying.grammar import AnswerHead, RequestHead

_RECORDS = 700
"""Bytes of memory of a message in the lane besides its texts: the records around it."""
_HEADER = 152
"""Bytes of memory of one header line besides its text: two objects, and their pair."""
_pairs = re.compile(rb"([^:\r\n]+):[ \t]*([^\r\n]*)\r\n").findall


class RawRequest(Struct, eq=False, gc=False):
    """A request on its way; it is what :class:`shadow.routing.Seen` asks for."""

    head: RequestHead
    data: bytes
    """As it is sent on: head, and body in its framing."""
    end: int
    """Position of the body in the data."""
    whole: bool = True
    """Whether all of it is here; the body of another one is passed on as it comes."""
    at: float = 0.0
    """Epoch seconds at which it was here."""
    _headers: Headers | None = None
    _body: bytes | None = None

    @property
    def method(self) -> bytes:
        """As it came."""
        return self.head.method

    @property
    def target(self) -> bytes:
        """The request target, never decoded."""
        return self.head.target

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body, whatever it announces."""
        return self.head.method == b"HEAD"

    @property
    def headers(self) -> Headers:
        """In the order and case in which they are sent on."""
        if self._headers is None:
            self._headers = header_pairs(self.data, self.end)
        return self._headers

    @property
    def body(self) -> bytes:
        """Decoded from its transfer coding; of a request that is not whole, nothing."""
        if self._body is None:
            body = self.data[self.end :] if self.whole else b""
            self._body = unchunked(body) if self.head.chunked else body
        return self._body

    @property
    def weight(self) -> int:
        """Bytes of memory, with what was read of the parts so far; rather too many."""
        held = _RECORDS + len(self.data) + len(self.head.target)
        if self._headers is not None:
            held += self.end + _HEADER * len(self._headers)
        return held if self._body is None else held + len(self._body)

    @property
    def request(self) -> Request:
        """The record of it."""
        version = b"1.1" if self.head.minor else b"1.0"
        return Request(self.method, self.target, self.headers, self.body, version)


class RawAnswer(Struct, eq=False, gc=False):
    """An answer of a side, interim answers not among it."""

    head: AnswerHead
    data: bytes
    """Head, and body in its framing; of a long one the beginning."""
    kept: bool
    """Whether the data are all of it."""
    keeps: bool
    """Whether it lets the client's connection stay open."""
    early: bool = False
    """Whether it was there before the whole request was sent: neither connection can go on."""
    seconds: float = 0.0
    """From the moment the request was handed to the side until its whole answer was there."""

    @property
    def status(self) -> int:
        """The status code."""
        return self.head.status

    @property
    def outcome(self) -> Answered:
        """The record of it."""
        head, end = self.head, self.head.end
        body = self.data[end:]
        reason = self.data[: self.data.index(b"\r")].split(b" ", 2)[2:]
        response = Response(
            head.status,
            reason[0] if reason else b"",
            header_pairs(self.data, end),
            unchunked(body) if head.chunked else body,
            b"1.1" if head.minor else b"1.0",
        )
        return Answered(response, self.seconds)


def header_pairs(data: bytes, end: int) -> Headers:
    """Return the header lines of the head that ends at *end*, without blanks around values."""
    begin = data.index(b"\n") + 1
    return tuple((name, value.rstrip(b" \t")) for name, value in _pairs(data, begin, end))
