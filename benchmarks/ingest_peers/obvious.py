"""The job as a Python team of 2011 would write it: the standard library and simplejson."""

import base64
import time
from urllib.parse import parse_qs

import simplejson

from benchmarks.ingest_peers.sink import Sink

FIELDS = (
    ("Cache-Control", "no-store"),
    ("Access-Control-Allow-Origin", "*"),
)


def answer(query: str, form: bytes, forwarded: str | None, peer: str, sink: Sink) -> bytes:
    """Return the body of the answer to one request; its events go to *sink*."""
    parameters = parse_qs(query)
    if form:
        parameters.update(parse_qs(form.decode("latin-1")))
    good, problem = False, "data, missing or empty"
    address = forwarded.rpartition(",")[2].strip() if forwarded else peer
    for event in _events(parameters.get("data", [""])[0]):
        properties = event.get("properties") or {}
        if not event.get("event"):
            problem = "event, missing"
        elif not properties.get("token"):
            problem = "token, missing or empty"
        else:
            if parameters.get("ip", ["0"])[0] == "1":
                properties.setdefault("ip", address)
            properties.setdefault("time", int(time.time()))
            sink.put(simplejson.dumps(event, separators=(",", ":")).encode())
            good = True
    if parameters.get("verbose", ["0"])[0] == "0":
        return b"1" if good else b"0"
    said = {"error": None if good else problem, "status": int(good)}
    return simplejson.dumps(said, separators=(",", ":")).encode()


def _events(data: str) -> list[dict[str, dict[str, object]]]:
    try:
        read = simplejson.loads(base64.b64decode(data.replace(" ", "+")))
    except ValueError:
        return []
    return read if isinstance(read, list) else [read]
