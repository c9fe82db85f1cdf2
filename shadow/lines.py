"""One exchange or event as one line, and back.

An exchange is a JSON line. The request's fields stand at its top (``t``, ``method``, ``target``,
``headers``, ``body``), so a recorded run can be replayed as a log. Bytes that are UTF-8 are
written as text under ``body``; others in base64 under ``body_b64``. Header lines and targets
are written as latin-1, which keeps every byte.

An event is a line of text whose last column is the message as it was: ``L1795236975.930000 12``,
a tab, the queue's name, a tab, the body. ``L`` stands for legacy, ``C`` for the candidate; in
``l`` and ``c`` lines the body holds a line end and stands in base64. Two events of one queue that
are the same byte by byte have the same text after the first tab, which is how most of a run is
compared without reading a single message.
"""

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from pyingest.message import Headers, Request, Response
from shadow.exchange import (
    Answered,
    Exchange,
    Failed,
    Failure,
    NotMirrored,
    Outcome,
    Reason,
    Side,
    TappedEvent,
)

_encode = msgspec.json.Encoder().encode
_PLAIN = "!#$&'()*+,/:;=?@[]^{|}~"
"""What may stand in the column of a queue's name besides letters and digits."""


class OutcomeLine(msgspec.Struct):
    """An answer, a failure, or why there was neither."""

    seconds: float = 0.0
    status: int = 0
    reason: str = ""
    version: str = "1.1"
    headers: list[tuple[str, str]] = []
    body: str = ""
    body_b64: str = ""
    failed: str = ""
    detail: str = ""
    skipped: str = ""


class RequestLine(msgspec.Struct):
    """The request's part of an exchange line; also a line of a capture."""

    t: float
    method: str
    target: str
    headers: list[tuple[str, str]] = []
    version: str = "1.1"
    body: str = ""
    body_b64: str = ""


class ExchangeLine(RequestLine, kw_only=True):
    """One line of an exchange segment."""

    n: int
    legacy: OutcomeLine
    candidate: OutcomeLine
    owner: Side = Side.LEGACY
    handed_over: bool = False


_decode_request = msgspec.json.Decoder(RequestLine).decode
_decode_exchange = msgspec.json.Decoder(ExchangeLine).decode
_LETTERS = {Side.LEGACY: b"L", Side.CANDIDATE: b"C"}
_SIDES = {b"L": Side.LEGACY, b"C": Side.CANDIDATE}


def exchange_line(exchange: Exchange) -> bytes:
    """Return *exchange* as one line, without its line end."""
    request = exchange.request
    return _encode(
        {
            "n": exchange.number,
            "t": exchange.at,
            "method": request.method.decode("latin-1"),
            "target": request.target.decode("latin-1"),
            "version": request.version.decode("latin-1"),
            "headers": _header_lines(request.headers),
            **_body(request.body),
            "legacy": _outcome(exchange.legacy),
            "candidate": _outcome(exchange.candidate),
            **({} if exchange.owner is Side.LEGACY else {"owner": exchange.owner.value}),
            **({"handed_over": True} if exchange.handed_over else {}),
        }
    )


def event_line(event: TappedEvent) -> bytes:
    """Return *event* as one line, without its line end."""
    letter, body = _LETTERS[event.side], event.body
    if b"\n" in body:
        letter, body = letter.lower(), b64encode(body)
    queue = quote(event.queue, safe=_PLAIN).encode()
    return b"%b%b %d\t%b\t%b" % (letter, repr(event.at).encode(), event.offset, queue, body)


def read_request(line: bytes) -> tuple[float, Request]:
    """Return the time (epoch seconds) and the request of a capture or exchange line.

    :raises msgspec.DecodeError: it is no such line; the text names the field.
    :raises ValueError: ``body_b64`` is not base64.
    """
    record = _decode_request(line)
    return record.t, _request(record)


def read_exchange(line: bytes) -> Exchange:
    """Return the exchange that *line* holds; raises as :func:`read_request`."""
    record = _decode_exchange(line)
    return Exchange(
        record.n,
        record.t,
        _request(record),
        _read_outcome(record.legacy),
        _read_outcome(record.candidate),
        record.owner,
        record.handed_over,
    )


def read_event(line: bytes) -> TappedEvent:
    """Return the event that *line* holds.

    :raises ValueError: it is no such line.
    """
    head, _, rest = line.partition(b"\t")
    return event_of(head, rest)


def event_of(head: bytes, rest: bytes) -> TappedEvent:
    """Return the event whose line has *head* before its first tab and *rest* after it.

    :raises ValueError: these are no parts of such a line.
    """
    at, _, offset = head[1:].partition(b" ")
    queue, tab, body = rest.partition(b"\t")
    side = _SIDES.get(head[:1].upper())
    if side is None or not tab:
        raise ValueError("no line of an event")
    if head[:1].islower():
        body = b64decode(body, validate=True)
    return TappedEvent(side, unquote(queue.decode()), int(offset), float(at), body)


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_b64": b64encode(body).decode()}


def _bytes(text: str, base64: str) -> bytes:
    return b64decode(base64, validate=True) if base64 else text.encode()


def _header_lines(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _headers(lines: list[tuple[str, str]]) -> Headers:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in lines)


def _outcome(outcome: Outcome | NotMirrored) -> dict[str, Any]:
    match outcome:
        case Answered(response, seconds):
            return {
                "status": response.status,
                "reason": response.reason.decode("latin-1"),
                "version": response.version.decode("latin-1"),
                "headers": _header_lines(response.headers),
                **_body(response.body),
                "seconds": seconds,
            }
        case Failed(kind, detail, seconds):
            return {"failed": kind.value, "detail": detail, "seconds": seconds}
        case NotMirrored(reason):
            return {"skipped": reason.value}


def _request(record: RequestLine) -> Request:
    return Request(
        record.method.encode("latin-1"),
        record.target.encode("latin-1"),
        _headers(record.headers),
        _bytes(record.body, record.body_b64),
        record.version.encode("latin-1"),
    )


def _read_outcome(line: OutcomeLine) -> Outcome | NotMirrored:
    if line.skipped:
        return NotMirrored(Reason(line.skipped))
    if line.failed:
        return Failed(Failure(line.failed), line.detail, line.seconds)
    response = Response(
        line.status,
        line.reason.encode("latin-1"),
        _headers(line.headers),
        _bytes(line.body, line.body_b64),
        line.version.encode("latin-1"),
    )
    return Answered(response, line.seconds)
