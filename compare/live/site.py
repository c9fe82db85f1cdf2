"""The live page over HTTP, by ``twisted.web``: nothing here changes anything, whatever is asked."""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import parse_qsl

import msgspec
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from compare.live.access import Access, Caller, Entry, cookie_name
from compare.live.gate import WrongQuestion, answer, question, status, told
from compare.live.metrics import CONTENT_TYPE, render_metrics
from compare.live.page import POLICY, page
from compare.live.stream import PATIENCE, Board, Stream
from compare.live.view import View

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

MOST_BODY = 64 * 1024
"""Bytes of a webhook; Flagger's has some hundred."""
MOST_STREAMS = 64
"""Pages that are open at the same time."""
SEND_BUFFER = 64 * 1024
"""Bytes that the system keeps of what a page has not read: what it reads next is not old."""
IDLE = 60
"""Seconds for which a connection may wait for its next request."""
_ANSWER_AGAIN = 10
"""Seconds after which an UNDECIDED may be asked about again."""
_HEADERS = {
    b"Content-Security-Policy": POLICY,
    b"X-Content-Type-Options": b"nosniff",
    b"X-Frame-Options": b"DENY",
    b"Referrer-Policy": b"no-referrer",
    b"Cross-Origin-Resource-Policy": b"same-origin",
    b"Cross-Origin-Opener-Policy": b"same-origin",
    b"Cache-Control": b"no-store",
}
_REFUSALS = {
    Entry.UNAUTHORIZED: b"a token is needed: open /?token=..., or send Authorization: Bearer ...\n",
    Entry.FORBIDDEN: b"asked by another site's page\n",
    Entry.MISDIRECTED: b"asked for by a name that is not this machine's; use localhost\n",
}
_PATHS = b"/, /events, /verdict, /metrics or /health\n"


class LimitedRequest(Request):
    """A request whose body is cut off beyond what anybody here reads."""

    def gotLength(self, length: int | None) -> None:
        """Make room in memory, whatever length is announced: what comes is bounded."""
        super().gotLength(0)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep *data*, or end the connection of who sends too much."""
        if self.content is None or self.content.tell() + len(data) > MOST_BODY:
            _socket(self).abortConnection()
        else:
            super().handleContentChunk(data)


class QuietSite(Site):
    """Writes no line for each request: tokens may stand in them."""

    noisy = False

    def log(self, request: http.Request) -> None:
        """Leave it."""


class Live(Resource):
    """Every path of the live page."""

    isLeaf = True

    def __init__(self, view: Callable[[], View], board: Board, access: Access, clock: Any) -> None:
        super().__init__()
        self._view = view
        self._board = board
        self._access = access
        self._clock = clock
        self.patience = PATIENCE
        """Seconds without reading after which a page is dropped."""
        self.streams: set[Stream] = set()

    def render(self, request: Request) -> Any:
        """Answer one request."""
        request.responseHeaders.removeHeader(b"Server")
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        query = _query(request)
        if request.path == b"/health":
            return self._health(request)
        entry = self._access.check(_caller(request, query))
        if entry is not Entry.GRANTED:
            if entry is Entry.UNAUTHORIZED:
                request.setHeader(b"WWW-Authenticate", b"Bearer")
            return _text(request, entry.value, _REFUSALS[entry])
        allowed = (b"GET", b"HEAD", b"POST") if request.path == b"/verdict" else (b"GET", b"HEAD")
        if request.method not in allowed:
            request.setHeader(b"Allow", b", ".join(allowed))
            return _text(request, 405, b"only " + b", ".join(allowed) + b"\n")
        handler = self._handlers.get(request.path)
        return handler(self, request, query) if handler else _text(request, 404, _PATHS)

    def update(self) -> None:
        """Let every page have what is new."""
        for one in list(self.streams):
            one.update()

    def end(self) -> None:
        """Finish all streams."""
        for one in list(self.streams):
            one.end()

    def _page(self, request: Request, query: dict[str, str]) -> bytes:
        if self._access.token and query.get("token"):
            # Not by a redirect: a browser that came by a link from elsewhere would not send a
            # strict cookie along with it.
            name = cookie_name(request.getHeader("Host") or "")
            request.addCookie(name, self._access.token, path="/", httpOnly=True, sameSite="strict")
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        return page()

    def _events(self, request: Request, query: dict[str, str]) -> Any:
        if len(self.streams) >= MOST_STREAMS:
            return _text(request, 503, b"too many pages are open\n")
        request.setHeader(b"Content-Type", b"text/event-stream")
        request.setHeader(b"X-Accel-Buffering", b"no")  # nginx passes on what comes, at once
        if request.method == b"HEAD":
            return b""
        transport = _socket(request)
        handle = transport.getHandle()
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        drop = transport.abortConnection
        stream = Stream(request, self._board, self._clock, drop, self.patience)
        self.streams.add(stream)
        gone = request.notifyFinish()
        gone.addBoth(lambda _: self._forget(stream))
        return NOT_DONE_YET

    def _forget(self, stream: Stream) -> None:
        stream.ended = True
        self.streams.discard(stream)

    def _verdict(self, request: Request, query: dict[str, str]) -> bytes:
        body = request.content.read() if request.method == b"POST" and request.content else b""
        try:
            asked = question(query, body)
        except WrongQuestion as error:
            return _text(request, 400, f"{error}\n".encode("utf-8", "backslashreplace"))
        found = answer(self._view(), asked)
        if request.method != b"POST":
            request.setHeader(b"Content-Type", b"application/json")
            return msgspec.json.encode(found) + b"\n"
        code = status(found["result"], asked.hook)
        if code == 503:
            request.setHeader(b"Retry-After", b"%d" % _ANSWER_AGAIN)
        return _text(request, code, f"{told(found)}\n".encode("utf-8", "backslashreplace"))

    def _metrics(self, request: Request, query: dict[str, str]) -> bytes:
        request.setHeader(b"Content-Type", CONTENT_TYPE)
        return render_metrics(self._view())

    def _health(self, request: Request) -> bytes:
        return _text(request, 200, b"ok\n")

    _handlers: ClassVar[dict[bytes, Callable[["Live", Request, dict[str, str]], Any]]] = {
        b"/": _page,
        b"/events": _events,
        b"/verdict": _verdict,
        b"/metrics": _metrics,
    }


def site(live: Live) -> Site:
    """Return the factory that serves *live*."""
    return QuietSite(live, requestFactory=LimitedRequest, timeout=IDLE)


def _socket(request: Request) -> "Connection":
    """Return what the request came in by."""
    return cast("Connection", request.channel.transport)


def _text(request: Request, code: int, body: bytes) -> bytes:
    request.setResponseCode(code)
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    return body


def _query(request: Request) -> dict[str, str]:
    text = request.uri.partition(b"?")[2].decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=32))
    except ValueError:
        return {}


def _caller(request: Request, query: dict[str, str]) -> Caller:
    def header(name: str) -> str:
        return request.getHeader(name) or ""

    return Caller(
        host=header("Host"),
        authorization=header("Authorization"),
        cookie=header("Cookie"),
        token=query.get("token", ""),
        site=header("Sec-Fetch-Site"),
        mode=header("Sec-Fetch-Mode"),
    )
