"""Where a message of HTTP/1.x ends, read strictly (RFC 9112), without any I/O.

A second opinion: it shares no code with the proxy, takes nothing that the RFC does not allow, and
keeps every byte. So it can say of the proxy's framing whether it is right.
"""

import re
from dataclasses import dataclass

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(%b) ([^\x00-\x20\x7f]+) HTTP/1\.([01])" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d) ?([^\x00-\x08\x0a-\x1f\x7f]*)")
_FIELD = re.compile(rb"(%b):([^\x00-\x08\x0a-\x1f\x7f]*)" % _TOKEN)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_LENGTH = re.compile(rb"\d{1,15}")
LONGEST_LINE = 256 * 1024


class NotFramed(Exception):
    """The bytes are no strict message. The text says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """A message up to the empty line."""

    start: bytes
    """The request line or the status line, without its line end."""
    lines: tuple[bytes, ...]
    """The field lines as they stood, without their line ends."""
    fields: tuple[tuple[bytes, bytes], ...]
    """Names in lower case, values without the blanks around them."""
    size: int
    """Bytes, the empty line included."""
    minor: int
    """The version's second digit."""
    word: bytes
    """The method, or the status."""
    target: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of *name* (given in lower case)."""
        return [value for key, value in self.fields if key == name]


def request_head(data: bytes) -> Head | None:
    """Return the head that *data* begins with, or ``None`` if it is not whole yet.

    :raises NotFramed: it is none.
    """
    return _head(data, _REQUEST_LINE)


def response_head(data: bytes) -> Head | None:
    """Return the head that *data* begins with; see :func:`request_head`."""
    return _head(data, _STATUS_LINE)


def request_end(data: bytes) -> int | None:
    """Return where the request that *data* begins with ends, or ``None`` if that is not there yet.

    :raises NotFramed: it is no strict request.
    """
    head = request_head(data)
    if head is None:
        return None
    end = _body_end(data, head)
    return head.size if end is None else _within(data, end)


def response_end(data: bytes, method: bytes, closed: bool = False) -> int | None:
    """Return where the response to a request of *method* ends, or ``None``; interim ones are none.

    :param closed: nothing more will come.
    :raises NotFramed: it is no strict response.
    """
    head = response_head(data)
    if head is None:
        return None
    if method == b"HEAD" or head.word in (b"204", b"304") or head.word[:1] == b"1":
        return head.size
    end = _body_end(data, head)
    if end is not None:
        return _within(data, end)
    return len(data) if closed else None


def _head(data: bytes, first: re.Pattern[bytes]) -> Head | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > LONGEST_LINE:
            raise NotFramed("the head has no end")
        return None
    start, *lines = data[:end].split(b"\r\n")
    matched = first.fullmatch(start)
    if matched is None:
        raise NotFramed(f"a first line that is none: {start[:80]!r}")
    fields = tuple(_field(line) for line in lines)
    if first is _REQUEST_LINE:
        word, target, minor = matched.groups()
        return Head(start, tuple(lines), fields, end + 4, int(minor), word, target)
    return Head(start, tuple(lines), fields, end + 4, int(matched[1]), matched[2])


def _field(line: bytes) -> tuple[bytes, bytes]:
    matched = _FIELD.fullmatch(line)
    if matched is None:
        raise NotFramed(f"a field line that is none: {line[:80]!r}")
    return matched[1].lower(), matched[2].strip(b" \t")


def _body_end(data: bytes, head: Head) -> int | None:
    """Return where the body ends, -1 if that is not there yet, ``None`` without a length."""
    codings, lengths = head.values(b"transfer-encoding"), head.values(b"content-length")
    if codings:
        if lengths or head.minor == 0 or [coding.lower() for coding in codings] != [b"chunked"]:
            raise NotFramed(f"framed in two ways: {codings} and {lengths}")
        return _chunks_end(data, head.size)
    if not lengths:
        return None
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise NotFramed(f"a length that is none: {lengths}")
    return head.size + int(lengths[0])


def _chunks_end(data: bytes, at: int) -> int:
    while (end := data.find(b"\r\n", at)) >= 0:
        matched = _CHUNK.fullmatch(data, at, end)
        if matched is None:
            raise NotFramed(f"a chunk's size that is none: {data[at:end][:80]!r}")
        size = int(matched[1], 16)
        if not size:
            return _trailers_end(data, end + 2)
        at = end + 2 + size
        if len(data) < at + 2:
            return -1
        if data[at : at + 2] != b"\r\n":
            raise NotFramed(f"a chunk longer than its size: {data[at : at + 20]!r}")
        at += 2
    if len(data) - at > LONGEST_LINE:
        raise NotFramed("a chunk's size without an end")
    return -1


def _trailers_end(data: bytes, at: int) -> int:
    while (end := data.find(b"\r\n", at)) >= 0:
        if end == at:
            return end + 2
        _field(data[at:end])
        at = end + 2
    return -1


def _within(data: bytes, end: int) -> int | None:
    return end if 0 <= end <= len(data) else None
