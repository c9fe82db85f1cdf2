"""Raw WSGI on eventlet with simplejson: what the rewrite of 2011 was made of.

``python -m benchmarks.ingest_peers.eventlet_server PORT FILE``
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import eventlet
import eventlet.wsgi

from benchmarks.ingest_peers.obvious import FIELDS, answer
from benchmarks.ingest_peers.sink import Sink


def application(sink: Sink) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Return the WSGI application."""

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        form = b""
        if environ["REQUEST_METHOD"] == "POST":
            form = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        forwarded, peer = environ.get("HTTP_X_FORWARDED_FOR"), environ["REMOTE_ADDR"]
        body = answer(environ.get("QUERY_STRING", ""), form, forwarded, peer, sink)
        kind = "application/json" if body[:1] == b"{" else "text/plain"
        fields = [("Content-Type", kind), ("Content-Length", str(len(body))), *FIELDS]
        start_response("200 OK", fields)
        return [body]

    return handle


if __name__ == "__main__":
    listening = eventlet.listen(("127.0.0.1", int(sys.argv[1])))
    print("ready", flush=True)
    eventlet.wsgi.server(
        listening, application(Sink(sys.argv[2])), log_output=False, keepalive=True
    )
