"""Events as records of a log: their bytes, and what is whole in bytes that were torn.

A record is ``length crc payload`` (little endian, 32 bits each, CRC-32 of the payload), and its
payload ``flags milliseconds sizes queue key id body``. A log begins with :data:`MAGIC`.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pyingest.event import Event

MAGIC = b"mixspool1\n"
LARGEST = 256 << 20
"""Bytes of a payload; a length beyond them is no length."""
DOUBTFUL = 1
"""Flag: the event may be on the queue already."""

_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<BQHHH")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event that waits for its queue."""

    event: Event
    doubtful: bool = False
    """Whether it may be on the queue already."""
    milliseconds: int = 0
    """When it was taken, in epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record as it lies in a log."""

    start: int
    end: int
    entry: Entry | None
    """``None``: a damaged record with a whole one behind it."""


def encode(entry: Entry) -> bytes:
    """Return the record of *entry*.

    :raises ValueError: the queue's name, the key or the id has more than 65,535 bytes.
    """
    event = entry.event
    name = event.queue.encode("utf-8", "surrogateescape")
    flags = DOUBTFUL if entry.doubtful else 0
    try:
        head = _HEAD.pack(flags, entry.milliseconds, len(name), len(event.key), len(event.id))
    except struct.error as error:
        raise ValueError(f"cannot be spooled: {error}") from None
    payload = b"".join((head, name, event.key, event.id, event.body))
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def records(data: bytes, start: int = 0) -> Iterator[Found]:
    """Yield the records of *data* from *start* on, up to the first that is torn.

    A damaged record is stepped over when a whole one follows it.
    """
    view = memoryview(data)
    while (found := _at(view, start)) is not None:
        if found.entry is None and _whole_at(view, found.end) is None:
            return
        yield found
        start = found.end


def _at(view: memoryview, start: int) -> Found | None:
    """Return what is at *start*; ``None`` when no record can be there."""
    body = start + _FRAME.size
    if body > len(view):
        return None
    length, crc = _FRAME.unpack_from(view, start)
    end = body + length
    if not _HEAD.size <= length <= LARGEST or end > len(view):
        return None
    payload = view[body:end]
    entry = _entry(bytes(payload)) if zlib.crc32(payload) == crc else None
    return Found(start, end, entry)


def _whole_at(view: memoryview, start: int) -> Entry | None:
    found = _at(view, start)
    return None if found is None else found.entry


def _entry(payload: bytes) -> Entry | None:
    flags, milliseconds, *sizes = _HEAD.unpack_from(payload)
    if _HEAD.size + sum(sizes) > len(payload):
        return None
    at, parts = _HEAD.size, []
    for size in sizes:
        parts.append(payload[at : at + size])
        at += size
    name, key, identity = parts
    event = Event(name.decode("utf-8", "surrogateescape"), payload[at:], key, identity)
    return Entry(event, bool(flags & DOUBTFUL), milliseconds)
