"""HTTP messages as bytes with nothing attached."""

from dataclasses import dataclass

Headers = tuple[tuple[bytes, bytes], ...]
"""Header lines in the order and letter case in which they came; names may repeat."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """Return the first value of *name* (given in lower case), or ``None``."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def joined(headers: Headers, name: bytes) -> bytes | None:
    """Return all values of *name* (given in lower case) as one list (RFC 9110, section 5.3)."""
    values = [value for key, value in headers if key.lower() == name]
    return b", ".join(values) if values else None


def combined(headers: Headers) -> dict[bytes, bytes]:
    """Return all headers by name in lower case, those of one name as :func:`joined` gives them."""
    found: dict[bytes, bytes] = {}
    for key, value in headers:
        name = key.lower()
        found[name] = b"%b, %b" % (found[name], value) if name in found else value
    return found


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. The body is decoded from its transfer coding, and from nothing else."""

    method: bytes
    target: bytes
    """The request target as it stood in the request line, never decoded."""
    headers: Headers = ()
    body: bytes = b""
    version: bytes = b"1.1"

    def encode(self) -> bytes:
        """Return the request as bytes for the wire.

        A body that came in chunks leaves as one chunk: the framing headers are kept as they
        were, so the bytes between the head and the end of the body must agree with them.
        """
        head = [b"%b %b HTTP/%b" % (self.method, self.target, self.version)]
        head += [b"%b: %b" % pair for pair in self.headers]
        return b"\r\n".join([*head, b"", b""]) + framed(self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. The body is decoded from its transfer coding, and from nothing else."""

    status: int
    reason: bytes = b"OK"
    headers: Headers = ()
    body: bytes = b""
    version: bytes = b"1.1"

    def encode(self) -> bytes:
        """Return the response as bytes for the wire; see :meth:`Request.encode` for chunks."""
        head = [b"HTTP/%b %d %b" % (self.version, self.status, self.reason)]
        head += [b"%b: %b" % pair for pair in self.headers]
        return b"\r\n".join([*head, b"", b""]) + framed(self.headers, self.body)


def framed(headers: Headers, body: bytes) -> bytes:
    """Return *body* in the framing that *headers* announce (RFC 9112, section 6)."""
    codings = joined(headers, b"transfer-encoding")
    if codings is None or codings.rpartition(b",")[2].strip().lower() != b"chunked":
        return body
    return (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
