"""The same job with the fast libraries that we use too, for servers that are fast themselves."""

import time
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import pybase64

from benchmarks.ingest_peers.sink import Sink

ANSWERS = {
    (False, None): b"1",
    (True, None): b'{"error":null,"status":1}',
}
HEADERS = (
    ("cache-control", "no-store"),
    ("access-control-allow-origin", "*"),
)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def answer(pairs: bytes, forwarded: str | None, peer: str, sink: Sink) -> bytes:
    """Return the body of the answer to one request whose parameters are *pairs*.

    ``data`` is looked for first, and the rest only behind it: the order in which clients write.
    """
    data, _, rest = pairs.removeprefix(b"data=").partition(b"&")
    if b"%" in data:
        data = unquote_to_bytes(data)
    verbose = b"verbose=1" in rest
    problem: str | None = "data, invalid base64 encoding"
    good = False
    try:
        read: Any = _decode(pybase64.b64decode(data))
    except ValueError:
        read = []
    address = (
        (forwarded.rpartition(",")[2].strip() if forwarded else peer) if b"ip=1" in rest else ""
    )
    for event in read if type(read) is list else (read,):
        problem = put(event, address, sink)
        good = good or problem is None
    if good:
        return ANSWERS[verbose, None]
    return b'{"error":"%b","status":0}' % str(problem).encode() if verbose else b"0"


def put(event: dict[str, Any], address: str, sink: Sink) -> str | None:
    """Put *event* on the sink, stamped; return what is wrong with it, or ``None``."""
    if not event.get("event"):
        return "event, missing"
    properties = event.get("properties")
    if not properties or not properties.get("token"):
        return "token, missing or empty"
    if address and "ip" not in properties:
        properties["ip"] = address
    if "time" not in properties:
        properties["time"] = int(time.time())
    sink.put(_encode(event))
    return None
