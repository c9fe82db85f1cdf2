"""Fields of a ``multipart/form-data`` body (RFC 7578)."""

import re

from pyingest.contract.fields import MOST, Pairs

_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name=(?:"([^"\r\n]*)"|([^\s;"]+))', re.IGNORECASE)


def multipart_pairs(kind: bytes, body: bytes) -> Pairs:
    """Return names and values of the fields; *kind* is the ``Content-Type`` with its boundary.

    Empty where there is no boundary, or nothing that it bounds.
    """
    found = _BOUNDARY.search(kind)
    if found is None:
        return []
    mark = b"--" + (found[1] or found[2])
    parts = (b"\r\n" + body).split(b"\r\n" + mark, MOST)[1:]
    return [pair for part in parts if (pair := _field(part)) is not None]


def _field(part: bytes) -> tuple[bytes, bytes] | None:
    head, end, value = part.partition(b"\r\n\r\n")
    name = _NAME.search(head)
    if not end or name is None:
        return None
    return name[1] or name[2] or b"", value
