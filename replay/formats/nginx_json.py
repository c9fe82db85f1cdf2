"""nginx logging one JSON object a line, with ``escape=json`` and ``$request_body``.

The format to recommend, because it is the one that keeps bodies. nginx escapes only ``"``, ``\\``
and bytes below 0x20 there; bytes from 0x80 stand raw, so a line need not be UTF-8: it is read
as latin-1, which gives every byte back (source: nginx ``ngx_http_log_module``, and a log of
binary bodies compared with what the service received).
"""

import msgspec

from pyingest.message import Headers
from replay.entry import Logged, Unparsable


class Record(msgspec.Struct):
    """The keys that are read; others are let pass. Only the first three must be there."""

    msec: float
    method: str
    request_uri: str
    protocol: str = ""
    status: int = 0
    request_time: float | None = None
    request_id: str = ""
    upstream_response_time: str | float | None = None
    upstream_header_time: str | float | None = None
    upstream_status: str | int | None = None
    mirrored: str | None = None
    """Empty when the front did not mirror the request."""
    duration_ms: str | float | None = None
    """Envoy's ``%DURATION%``, whose ``msec`` is the time of the request's begin."""
    host: str = ""
    remote_addr: str = ""
    x_forwarded_for: str = ""
    user_agent: str = ""
    referer: str = ""
    origin: str = ""
    content_type: str = ""
    content_encoding: str = ""
    content_length: str | int | None = None
    request_body: str | None = None


_decode = msgspec.json.Decoder(Record, strict=False).decode
_HEADERS = (
    (b"Host", "host"),
    (b"User-Agent", "user_agent"),
    (b"Referer", "referer"),
    (b"Origin", "origin"),
    (b"Content-Type", "content_type"),
    (b"Content-Encoding", "content_encoding"),
)


def parse(line: bytes) -> Logged | Unparsable:
    """Return what one line, without its line end, tells of a request."""
    try:
        # Each byte becomes the character of that number, and back again in _bytes.
        record = _decode(line.decode("latin-1"))
    except msgspec.DecodeError as error:
        return Unparsable(f"not a JSON log line: {error}")
    try:
        return _logged(record)
    except UnicodeEncodeError:
        return Unparsable("holds characters beyond one byte; is it written with escape=json?")


def _logged(record: Record) -> Logged:
    header, status = _last(record.upstream_header_time), _last(record.upstream_status)
    return Logged(
        at=record.msec - (record.request_time or 0.0),
        method=_bytes(record.method),
        target=_bytes(record.request_uri),
        version=_bytes(record.protocol).removeprefix(b"HTTP/"),
        status=record.status if status is None else int(status),
        remote=_bytes(record.remote_addr),
        headers=_headers(record),
        forwarded=_bytes(record.x_forwarded_for),
        body=_body(record),
        id=_bytes(record.request_id),
        seconds=_seconds(record),
        mirrored=record.mirrored != "",
        reached=None if record.upstream_header_time is None else header is not None,
    )


def _seconds(record: Record) -> float:
    """Return how long the service took; the whole time of the request where that is not logged.

    While nginx mirrors, its ``$request_time`` lasts until the mirrored request has ended, too.
    """
    seconds, millis = _last(record.upstream_response_time), _last(record.duration_ms)
    if seconds is not None:
        return seconds
    if millis is not None:
        return millis / 1000
    return -1.0 if record.request_time is None else record.request_time


def _last(told: str | float | None) -> float | None:
    """Return the last of nginx's figures (``0.001, 0.002``: one for each server it tried)."""
    if told is None:
        return None
    last = str(told).replace(" : ", ", ").rpartition(",")[2].strip()
    try:
        return float(last)
    except ValueError:
        return None  # "-": that server gave none


def _headers(record: Record) -> Headers:
    fields = ((name, _bytes(getattr(record, key))) for name, key in _HEADERS)
    return tuple((name, value) for name, value in fields if value)


def _body(record: Record) -> bytes | None:
    """Return the body, or ``None`` unless it is certain that this is the whole of it.

    A body that nginx spooled to a file, or that did not arrive whole, is logged as empty or
    cut; the announced length tells. Without one (a chunked body), only text that is there counts.
    """
    if record.request_body is None:
        return None
    body = _bytes(record.request_body)
    length = str(record.content_length if record.content_length is not None else "")
    if length.isdecimal():
        return body if len(body) == int(length) else None
    return body or None


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")
