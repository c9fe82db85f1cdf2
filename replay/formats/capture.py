"""Our own captures and recordings: one JSON line a request, nothing lost."""

import msgspec

from replay.entry import Captured, Unparsable
from shadow.lines import read_request


def parse(line: bytes) -> Captured | Unparsable:
    """Return the request that one line, without its line end, holds."""
    try:
        at, request = read_request(line)
    except (msgspec.DecodeError, ValueError) as error:
        return Unparsable(f"not a capture line: {error}")
    return Captured(at, request)
