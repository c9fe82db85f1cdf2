"""A client's bytes cut into requests, which keep every byte; no I/O.

There is one rule: a request is passed on only if its end is where everybody finds it, whatever
stands behind us. See :mod:`shadow.relaying.grammar` for what is refused.
"""

from dataclasses import dataclass

from shadow.relaying.bodies import BadChunk, Body, Chunked, Sized
from shadow.relaying.grammar import Malformed, RequestHead, is_hopeless, is_line, request_head

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class FramingLimits:
    """How much one request may hold, in bytes."""

    head: int = 192 * 1024
    """Request line and header lines. Much of what clients send stands in the target."""
    kept: int = 10 * 1024 * 1024
    """A larger request is passed on as it comes in, and neither mirrored nor recorded."""
    together: int = 256 * 1024 * 1024
    """Of all clients; above it every body that is not complete is passed on as it comes in."""


class Whole:
    """A request is here, from first to last byte."""

    __slots__ = ("data", "head")

    def __init__(self, head: RequestHead, data: bytes) -> None:
        self.head = head
        self.data = data


class Begun(Whole):
    """The beginning of a request too large to be kept; the rest goes through :meth:`rest`."""

    __slots__ = ()


class Refused:
    """What came is no request; nothing after it can be read."""

    __slots__ = ("reason", "status", "why")

    def __init__(self, why: str, status: int = 400, reason: str = "Bad Request") -> None:
        self.why = why
        self.status = status
        self.reason = reason


class Waiting:
    """The client waits for ``100 Continue`` before it sends the body."""

    __slots__ = ()


Found = Whole | Refused | Waiting | None
WAITING = Waiting()


class RequestFramer:
    """Reads one connection's requests, one after the other.

    :meth:`feed` takes bytes and returns what they complete; what lies behind that is kept for
    :meth:`following`. ``None`` asks for more bytes.
    """

    __slots__ = ("_body", "_checked", "_head", "_held", "_kept", "_limits", "_lines")

    def __init__(self, limits: FramingLimits) -> None:
        self._limits = limits
        self._held = bytearray()
        self._checked = self._lines = 0
        self._head: RequestHead | None = None
        self._body: Body | None = None
        self._kept = bytearray()

    @property
    def between(self) -> bool:
        """Whether no byte of a request is here."""
        return self._head is None and not self._held

    @property
    def reads_head(self) -> bool:
        """Whether the head of a request is partly here."""
        return self._head is None and bool(self._held)

    @property
    def held(self) -> int:
        """Bytes that are kept here."""
        return len(self._held) + len(self._kept)

    def feed(self, data: bytes) -> Found:
        """Take bytes; return what they complete."""
        if self._head is not None:
            return self._go_on(data)
        if not self._held:
            head = request_head(data)
            if head is not None:
                return self._begin(head, data)
        return self._more_head(data)

    def following(self) -> Found:
        """Return what the bytes complete that lie behind the last request."""
        if not self._held:
            return None
        data = bytes(self._held)
        self._held.clear()
        return self.feed(data)

    def put(self, data: bytes) -> None:
        """Keep bytes for :meth:`following`, without looking at them."""
        self._held += data

    def let_go(self) -> Begun | None:
        """Return what is here of a request whose head is complete: it is not kept any longer."""
        if self._head is None or not self._kept:
            return None
        begun = Begun(self._head, bytes(self._kept))
        self._kept = bytearray()
        return begun

    def rest(self, data: bytes) -> int | Refused:
        """Return how many bytes of *data* belong to the request that has :class:`Begun`.

        What lies behind them is kept for :meth:`following`; :attr:`rest_ended` tells the end.
        """
        body = self._body
        assert body is not None
        try:
            end = body.take(data, 0)
        except BadChunk as why:
            return Refused(str(why))
        if body.ended:
            self._renew(data[end:])
        return end

    @property
    def rest_ended(self) -> bool:
        """Whether no request is under way of which more bytes belong to :meth:`rest`."""
        return self._body is None

    def _more_head(self, data: bytes) -> Found:
        """Take bytes of a head that is not complete, or that is none."""
        before = len(self._held)
        self._held += data
        held = self._held
        if held[:1] == b"\r" and not self._skip_empty_lines():
            before = 0
        if not held:
            return None
        if held.find(_END, max(0, before - 3)) >= 0:
            whole = bytes(held)
            head = request_head(whole)
            if head is not None:
                held.clear()
                return self._begin(head, whole)
        wrong = self._wrong(max(0, before - 1))
        if wrong:
            return Refused(wrong)
        if len(held) > self._limits.head:
            return Refused("a head too large", 431, "Request Header Fields Too Large")
        return None

    def _skip_empty_lines(self) -> bool:
        """Drop empty lines before a request (RFC 9112, section 2.2); say whether there were none.

        Old browsers send one behind a form.
        """
        before = len(self._held)
        while self._held[:2] == b"\r\n":
            del self._held[:2]
        return len(self._held) == before

    def _wrong(self, at: int) -> str:
        """Return what is wrong with a head of which the bytes from *at* on are new."""
        held = self._held
        if is_hopeless(held, at):
            return "a control character, or a line that does not end with CR LF"
        while (end := held.find(b"\n", self._checked) + 1) > 0:
            if not is_line(held, self._checked, end, self._lines == 0):
                return "a header line that is none" if self._lines else "no request line"
            self._checked = end
            self._lines += 1
        return ""

    def _begin(self, head: RequestHead | Malformed, data: bytes) -> Found:
        """Begin the request whose head is at the beginning of *data*."""
        if isinstance(head, Malformed):
            return Refused(head.why)
        self._checked = self._lines = 0
        if head.end > self._limits.head:
            return Refused("a head too large", 431, "Request Header Fields Too Large")
        if head.chunked:
            return self._begin_body(head, Chunked(), data)
        end = head.end + head.length
        if end == len(data):
            return Whole(head, data)
        if end < len(data):
            self._held += data[end:]
            return Whole(head, data[:end])
        return self._begin_body(head, Sized(head.length), data)

    def _begin_body(self, head: RequestHead, body: Body, data: bytes) -> Found:
        self._head, self._body = head, body
        found = self._go_on(data, head.end)
        waits = found is None and head.expects and len(data) == head.end
        return WAITING if waits else found

    def _go_on(self, data: bytes, at: int = 0) -> Found:
        """Take bytes of the body, which lies in *data* from *at* on."""
        head, body = self._head, self._body
        assert head is not None
        assert body is not None
        try:
            end = body.take(data, at)
        except BadChunk as why:
            return Refused(str(why))
        piece = data if end == len(data) else data[:end]
        if body.ended:
            whole = Whole(head, bytes(self._kept + piece) if self._kept else piece)
            self._renew(data[end:])
            return whole
        # One piece of memory: a list of what came would be many times as large, byte by byte.
        self._kept += piece
        most = self._limits.kept + head.end
        if len(self._kept) > most or head.length + head.end > most:
            return self.let_go()
        return None

    def _renew(self, behind: bytes) -> None:
        """Make ready for the next request, whose first bytes are *behind*."""
        self._head = self._body = None
        self._kept = bytearray()
        self._held += behind
