"""What a request and an answer look like on the other side of the proxy.

Everything is passed on as it came but what belongs to one connection (RFC 9110, section 7.6.1):
``Connection``, ``Keep-Alive``, ``Proxy-Connection``; and ``Expect``, which was answered at the
door, with the body already here.
"""

from ipaddress import ip_address

from pyingest.message import Headers, Request, Response
from shadow.exchange import Answered, Failure, Outcome

_ONE_CONNECTION = frozenset((b"connection", b"keep-alive", b"proxy-connection"))
_NOT_PASSED_ON = _ONE_CONNECTION | {b"expect"}
_FORWARDED = b"x-forwarded-for"
_STATUS = {Failure.TIMED_OUT: (504, b"Gateway Timeout")}
_BAD_GATEWAY = (502, b"Bad Gateway")


def outbound(request: Request, peer: str) -> Request:
    """Return *request* as both sides get it, with the client's address in ``X-Forwarded-For``.

    The address is appended once, as any front does it; but not when *peer* is itself a private
    or loopback address that sent the header: then a front stands before us, and MochiWeb, which
    believes the last element when its own peer is private, would read the front's address as
    the client's. Legacy's events would change by our being there.
    """
    headers = [pair for pair in request.headers if pair[0].lower() not in _NOT_PASSED_ON]
    chain = [position for position, pair in enumerate(headers) if pair[0].lower() == _FORWARDED]
    if chain:
        if not _is_private(peer):
            name, value = headers[chain[-1]]
            headers[chain[-1]] = (name, value + b", " + peer.encode("ascii"))
    elif peer:
        headers.append((b"X-Forwarded-For", peer.encode("ascii")))
    return Request(request.method, request.target, tuple(headers), request.body, request.version)


def reply(outcome: Outcome, method: bytes) -> bytes:
    """Return the bytes that the client gets for legacy's *outcome*.

    Without an answer of legacy's: 502, or 504 after a time-out, as a plain reverse proxy says.
    """
    if not isinstance(outcome, Answered):
        status, reason = _STATUS.get(outcome.kind, _BAD_GATEWAY)
        return Response(status, reason, ((b"Content-Length", b"0"),)).encode()
    response = outcome.response
    bodiless = method == b"HEAD" or response.status in (204, 304)
    headers = _kept(response, bodiless)
    whole = Response(response.status, response.reason, headers, response.body)
    data = whole.encode()
    return data[: data.index(b"\r\n\r\n") + 4] if bodiless else data


def _kept(response: Response, bodiless: bool) -> Headers:
    """Return the headers of *response* for an answer on a connection of our own.

    An answer that legacy ended by closing has no length; with its body here it gets one. One
    that never has a body (RFC 9112, section 6.3) ends with its head, and gets none.
    """
    kept = tuple(pair for pair in response.headers if pair[0].lower() not in _ONE_CONNECTION)
    if bodiless or any(
        name.lower() in (b"content-length", b"transfer-encoding") for name, _ in kept
    ):
        return kept
    return (*kept, (b"Content-Length", b"%d" % len(response.body)))


def _is_private(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return address.is_private or address.is_loopback
