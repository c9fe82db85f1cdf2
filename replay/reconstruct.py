"""A log line becomes the request it tells of, or the reason why it cannot be sent again.

Nothing is guessed: a request of which the log lost a part is not replayed, it is counted.
"""

import re

from pyingest.message import Headers, Request, header
from replay.entry import Captured, Entry, Line, Logged, Malformed, Parsed, Unparsable, Unreplayable

NO_BODY = "body not in the log"
NO_REQUEST = "request line is not HTTP"
REFUSED = "refused by the front (status {})"

LAST = 1e11
"""Epoch seconds; beyond it are milliseconds."""

_METHODS_WITH_BODY = {b"POST", b"PUT", b"PATCH"}
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[^\x00-\x20\x7f]+")
_FIELD = re.compile(rb"[^\x00\r\n]*")
# The service never saw these: nginx answers them while it reads the head or the body, and the
# logged request is no guide to what the client really sent. 494 to 497 are nginx's own.
_REFUSALS = {400, 408, 411, 413, 414, 417, 431, 494, 495, 496, 497, 501, 505}
# nginx refuses these methods itself; a 405 for any other came from the service behind it.
_REFUSED_METHODS = {b"TRACE", b"CONNECT"}
_CREDENTIALS = {b"cookie", b"authorization", b"proxy-authorization"}
_OF_THE_CONNECTION = {b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"expect"}


def rebuild(line: Line, number: int, where: str, keep_credentials: bool = False) -> Parsed:
    """Return what is to become of one line.

    :param number: of the line, from 1.
    :param where: the file's name, for what is said about a malformed line.
    :param keep_credentials: send ``Cookie`` and ``Authorization`` too, if the log holds them.
    """
    match line:
        case Unparsable(why):
            return Malformed(f"{where}:{number}", why)
        case Captured(at, _) | Logged(at) if not 0 <= at < LAST:
            return Malformed(f"{where}:{number}", f"{at:g} is not a time in epoch seconds")
        case Captured(at, request):
            return Entry(number, at, _again(request, keep_credentials))
        case Logged():
            why = obstacle(line)
            return Unreplayable(number, why) if why else Entry(number, line.at, _request(line))


def obstacle(line: Logged) -> str:
    """Return why the request cannot be replayed; empty if it can."""
    if not (_TOKEN.fullmatch(line.method) and _TARGET.fullmatch(line.target) and line.version):
        return NO_REQUEST
    if line.status in _REFUSALS:
        return REFUSED.format(line.status)
    if line.status == 405 and line.method in _REFUSED_METHODS:
        return REFUSED.format(line.status)
    if not all(_FIELD.fullmatch(value) for _, value in line.headers):
        return NO_REQUEST
    if line.body is None and line.method in _METHODS_WITH_BODY:
        return NO_BODY
    return ""


def _request(line: Logged) -> Request:
    body = line.body or b""
    headers = list(line.headers)
    if chain := forwarded_for(line.forwarded, line.remote):
        headers.append((b"X-Forwarded-For", chain))
    if body or line.method in _METHODS_WITH_BODY:
        headers.append((b"Content-Length", b"%d" % len(body)))
    # HTTP/2 and later are between the client and its front; the service is spoken to in 1.1.
    version = line.version if line.version in (b"1.0", b"1.1") else b"1.1"
    return Request(line.method, line.target, tuple(headers), body, version)


def forwarded_for(chain: bytes, remote: bytes) -> bytes:
    """Return ``X-Forwarded-For`` as a front would write it: the client's chain and the client.

    The rule is nginx's ``$proxy_add_x_forwarded_for``.
    """
    known = remote if remote not in (b"", b"-", b"unix:") else b""
    return b", ".join(part for part in (chain, known) if part)


def _again(request: Request, keep_credentials: bool) -> Request:
    drop = _OF_THE_CONNECTION if keep_credentials else _OF_THE_CONNECTION | _CREDENTIALS
    headers = tuple(pair for pair in request.headers if pair[0].lower() not in drop)
    return Request(
        request.method,
        request.target,
        _with_length(headers, request),
        request.body,
        request.version,
    )


def _with_length(headers: Headers, request: Request) -> Headers:
    """Return *headers* with a length that is the body's."""
    if header(headers, b"transfer-encoding") is not None:
        return headers
    length = b"%d" % len(request.body)
    if header(headers, b"content-length") is None:
        needed = request.body or request.method in _METHODS_WITH_BODY
        return (*headers, (b"Content-Length", length)) if needed else headers
    return tuple(
        (name, length if name.lower() == b"content-length" else value) for name, value in headers
    )
