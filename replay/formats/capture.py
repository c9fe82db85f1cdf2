"""Our own captures and recordings: one JSON line a request, nothing lost."""

from base64 import b64encode

import msgspec

from pyingest.message import Request
from replay.entry import Captured, Unparsable
from shadow.lines import read_request


def parse(line: bytes) -> Captured | Unparsable:
    """Return the request that one line, without its line end, holds."""
    try:
        at, request = read_request(line)
    except (msgspec.DecodeError, ValueError) as error:
        return Unparsable(f"not a capture line: {error}")
    return Captured(at, request)


def capture_line(at: float, request: Request) -> bytes:
    """Return *request*, which came *at* epoch seconds, as one line without its line end."""
    record = {
        "t": at,
        "method": request.method.decode("latin-1"),
        "target": request.target.decode("latin-1"),
        "headers": [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
        ],
        "version": request.version.decode("latin-1"),
    }
    try:
        record["body"] = request.body.decode()
    except UnicodeDecodeError:
        record["body_b64"] = b64encode(request.body).decode("ascii")
    return msgspec.json.encode(record)
