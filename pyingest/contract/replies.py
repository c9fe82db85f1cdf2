"""Answers as HTTP: the headers that every one of them carries."""

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from pyingest.answers import REMEMBERED
from pyingest.message import Headers, Response

TEXT = b"text/plain"
JSON = b"application/json"
SCRIPT = b"text/javascript"
GIF = b"image/gif"
ALLOW: Headers = ((b"Allow", b"GET, HEAD, OPTIONS, POST"),)
CHALLENGE: Headers = ((b"WWW-Authenticate", b'Basic realm="import"'),)
REASONS = {
    200: "OK",
    204: "No Content",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_LONGEST = 256
"""Of an origin or body that is worth to be remembered."""


def respond(
    status: int, kind: bytes, body: bytes, origin: bytes | None, now: float, more: Headers = ()
) -> Response:
    """Return an answer with the headers that all have.

    A browser may not read an answer without leave for the page's *origin*, and its client then
    throws its batch away: so every answer gives that leave.
    """
    if origin is not None and len(origin) > _LONGEST:
        origin = None
    if len(body) > _LONGEST:
        return _respond(status, kind, body, origin, int(now), more)
    return _remembered(status, kind, body, origin, int(now), more)


def preflight(headers: Mapping[bytes, bytes], now: float) -> Response:
    """Return the answer to OPTIONS: whatever a browser asks for is allowed."""
    asked = headers.get(b"access-control-request-headers", b"")
    more: Headers = (
        *ALLOW,
        (b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"),
        (b"Access-Control-Max-Age", b"3600"),
    )
    if asked and len(asked) <= 2 * _LONGEST:
        more += ((b"Access-Control-Allow-Headers", asked),)
    return respond(200, TEXT, b"", headers.get(b"origin"), now, more)


def retry_after(seconds: int) -> Headers:
    """Return the header that says when to come again; phones read whole seconds only."""
    return ((b"Retry-After", b"%d" % seconds),)


def _respond(
    status: int, kind: bytes, body: bytes, origin: bytes | None, second: int, more: Headers
) -> Response:
    headers: Headers = (
        ()
        if status == 204
        else (
            (b"Content-Type", kind),
            (b"Content-Length", b"%d" % len(body)),
        )
    )
    headers += (
        (b"Cache-Control", b"no-store"),
        (b"Date", _date(second)),
        (b"Vary", b"Origin"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Access-Control-Allow-Origin", b"*" if origin is None else origin),
    )
    if origin is not None:
        headers += ((b"Access-Control-Allow-Credentials", b"true"),)
    return Response(status, REASONS[status].encode(), headers + more, body)


_remembered = lru_cache(REMEMBERED)(_respond)


@lru_cache(maxsize=4)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
