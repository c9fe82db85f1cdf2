"""What a client hears when the server, not its data, is why nothing was stored."""

import re
from math import ceil

from pyingest import answers
from pyingest.message import Request, Response, joined

TEMPORARY = "a temporary failure occurred"
RATE = "rate limit exceeded, retry later"
NOT_ALLOWED = "token, not allowed"
_VERBOSE = re.compile(rb"(?:^|[?&])verbose=[1-9]")
_STRICT = re.compile(rb"[?&]strict=(?:1|true)(?:&|$)")


def unavailable(request: Request, now: float, retry_after: int) -> Response:
    """Return 503 with ``Retry-After``, in the dialect that *request* asked for.

    The only status for which every client that queues keeps its data.
    """
    verbose = bool(_VERBOSE.search(request.target) or _VERBOSE.search(request.body))
    origin = joined(request.headers, b"origin")
    plain = answers.answer(origin, now, verbose=verbose, problem=TEMPORARY, good=False)
    return delayed(plain, retry_after)


def fault(request: Request, now: float) -> Response:
    """Return 500: a defect of ours."""
    origin = joined(request.headers, b"origin")
    plain = answers.answer(origin, now, verbose=False, problem=None, good=False)
    return Response(500, b"Internal Server Error", plain.headers, plain.body)


def not_allowed(request: Request, now: float) -> Response:
    """Return what a project hears that may not store: status 200, so that nobody sends again."""
    verbose = bool(_VERBOSE.search(request.target) or _VERBOSE.search(request.body))
    origin = joined(request.headers, b"origin")
    return answers.answer(origin, now, verbose=verbose, problem=NOT_ALLOWED, good=False)


def too_fast(request: Request, refused: Response, seconds: float) -> Response:
    """Return *refused*, the answer for what was not stored, as one to a client that is too fast.

    503, as phones delete their data on 429; 429 where the client is known to expect it.
    """
    wait = max(1, ceil(seconds))
    path = request.target.partition(b"?")[0].rstrip(b"/")
    if path.endswith(b"/import") and _STRICT.search(request.target):
        body = (
            b'{"code":429,"error":"Project exceeded rate limits. Please retry the request '
            b'with exponential backoff.","status":"Too Many Requests"}'
        )
        return _with_body(Response(429, b"Too Many Requests", refused.headers), body, wait)
    body = refused.body.replace(TEMPORARY.encode(), RATE.encode())
    return _with_body(Response(503, b"Service Unavailable", refused.headers), body, wait)


def delayed(response: Response, retry_after: int) -> Response:
    """Return *response* as 503, to be tried again after whole seconds."""
    return _with_body(
        Response(503, b"Service Unavailable", response.headers), response.body, retry_after
    )


def _with_body(head: Response, body: bytes, retry_after: int) -> Response:
    skipped = (b"content-length", b"retry-after")
    headers = tuple(pair for pair in head.headers if pair[0].lower() not in skipped)
    more = ((b"Content-Length", b"%d" % len(body)), (b"Retry-After", b"%d" % retry_after))
    return Response(head.status, head.reason, headers + more, body)
