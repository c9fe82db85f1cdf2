"""gzip bodies (RFC 1952), decompressed up to a limit and no further."""

import enum
import zlib

MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_MEMBERS = 64
"""More members than a client has reason to send; the cost of each grows with what follows it."""


class Flaw(enum.Enum):
    """Why there is no result."""

    INVALID = "invalid"
    TOO_LARGE = "too large"


def inflate(data: bytes, limit: int) -> bytes | Flaw:
    """Return the content of the gzip members in *data*, if that is at most *limit* bytes.

    Never makes more than one byte beyond *limit*, whatever *data* announces.
    """
    chunks: list[bytes] = []
    room = limit + 1
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        try:
            chunk = member.decompress(data, room)
        except zlib.error:
            return Flaw.INVALID
        room -= len(chunk)
        if room <= 0:
            return Flaw.TOO_LARGE
        if not member.eof:
            return Flaw.INVALID
        chunks.append(chunk)
        data = member.unused_data.lstrip(b"\0")
        if not data:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return Flaw.INVALID
