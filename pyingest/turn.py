"""The place of one answer in the order of a connection's answers, and how its end is told."""

from pyingest.message import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def announced(data: bytes, option: bytes) -> bytes:
    """Return the response *data* with *option* as its only ``Connection`` header."""
    head, end, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: " + option]) + end + body


def plain_response(status: int, reason: str) -> bytes:
    """Return an answer without a body, for requests that never reached a handler."""
    return Response(status, reason.encode("ascii"), ((b"Content-Length", b"0"),)).encode()


class Turn:
    """One answer that is due; ``data`` is ``None`` until it is there."""

    __slots__ = ("close", "data", "linger", "old")

    def __init__(self, data: bytes | None = None, *, close: bool = False, old: bool = False):
        self.data = data
        self.close = close
        """Whether the connection ends after it."""
        self.old = old
        """Whether the client speaks HTTP/1.0: staying open must be said then."""
        self.linger = False
        """Whether the client may still be sending, and must get the time to read."""

    def encode(self) -> bytes:
        """Return the answer as it goes out."""
        assert self.data is not None
        if self.close:
            return announced(self.data, b"close")
        return announced(self.data, b"keep-alive") if self.old else self.data


def refusing(data: bytes) -> Turn:
    """Return the refusal *data*, which is ready: the connection ends after it."""
    turn = Turn(data, close=True)
    turn.linger = True
    return turn
