"""Which partition of a run an event or an exchange lies in, and what its file is called.

Events are partitioned by the person they speak of, so that both sides of a pair normally lie
together; exchanges by their request, so that its repeats do.
"""

import re
import zlib

import msgspec

from pyingest.message import Request

PERSON = re.compile(rb'"\$?distinct_id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')
"""Finds the person whom a message names, by looking, not by parsing."""


def partition(body: bytes, partitions: int) -> int:
    """Return the partition of an event by the ``distinct_id`` it names.

    Found by looking, not by parsing: an event that no parser takes still has a partition. A
    person has one partition however the id is spelled: with escapes, as UTF-8, or as a number.
    """
    found = PERSON.search(body)
    if found is None:
        return 0
    person = found[1].strip(b'"')
    if b"\\" in person or not person.isascii():
        person = _plain(found[1])
    return zlib.crc32(person) % partitions


def _plain(quoted: bytes) -> bytes:
    try:
        text = msgspec.json.decode(quoted, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return quoted
    return text.encode("utf-8", "surrogatepass")


def request_partition(request: Request, partitions: int) -> int:
    """Return the partition of an exchange: one and the same for all repeats of its request."""
    return zlib.crc32(request.body, zlib.crc32(request.target)) % partitions


def segment_name(kind: str, number: int) -> str:
    """Return the file name of one segment: ``events-00.tsv.zst``."""
    return f"{kind}-{number:02d}.{'tsv' if kind == 'events' else 'jsonl'}.zst"
