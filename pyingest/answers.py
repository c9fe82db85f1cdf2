"""The reply dialects: what a client hears."""

from email.utils import formatdate
from functools import lru_cache

from pyingest.message import Headers, Request, Response, joined

ALLOW = (b"Allow", b"GET, HEAD, OPTIONS, POST")
PLAIN = b"text/plain"
JSON = b"application/json"
REMEMBERED = 512
"""Answers that are kept to be given again. They carry the date: after a second they are of no more
use, and more of them would only be memory that grows for minutes before the last is replaced."""


def answer(
    origin: bytes | None, now: float, *, verbose: bool, problem: str | None, good: bool
) -> Response:
    """Return the answer to ``/track`` or ``/engage``: always status 200.

    Plain is ``1`` or ``0``; verbose is a JSON object that also names the first *problem*.
    *origin* is the request's ``Origin`` header.
    """
    return _answer(verbose, problem, good, origin, int(now))


@lru_cache(maxsize=REMEMBERED)
def _answer(
    verbose: bool, problem: str | None, good: bool, origin: bytes | None, second: int
) -> Response:
    body = b"1" if good else b"0"
    if verbose:
        error = b"null" if problem is None else b'"%b"' % problem.encode("ascii")
        body = b'{"error":%b,"status":%b}' % (error, body)
    return _response(200, b"OK", JSON if verbose else PLAIN, body, origin, second)


def without_body(response: Response) -> Response:
    """Return *response* as an answer to HEAD: the same head, no body."""
    return Response(response.status, response.reason, response.headers)


def refusal(request: Request, now: float, status: int) -> Response:
    """Return the answer to a request that is for nobody here: 404, or 405 with what is allowed."""
    origin = joined(request.headers, b"origin")
    if status == 405:
        return _response(405, b"Method Not Allowed", PLAIN, b"0", origin, int(now), (ALLOW,))
    return _response(404, b"Not Found", PLAIN, b"0", origin, int(now))


def preflight(request: Request, now: float) -> Response:
    """Return the answer to OPTIONS: everything a browser may ask for is allowed."""
    asked = joined(request.headers, b"access-control-request-headers")
    more: Headers = (
        ALLOW,
        (b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"),
        (b"Access-Control-Max-Age", b"3600"),
    )
    if asked is not None:
        more += ((b"Access-Control-Allow-Headers", asked),)
    return _response(200, b"OK", PLAIN, b"", joined(request.headers, b"origin"), int(now), more)


def _response(
    status: int,
    reason: bytes,
    kind: bytes,
    body: bytes,
    origin: bytes | None,
    second: int,
    more: Headers = (),
) -> Response:
    headers: Headers = (
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (b"Date", _date(second)),
        (b"Access-Control-Allow-Origin", b"*" if origin is None else origin),
    )
    if origin is not None:
        headers += ((b"Access-Control-Allow-Credentials", b"true"),)
    return Response(status, reason, headers + more, body)


@lru_cache(maxsize=4)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
