"""A resource of twisted.web with simplejson: the obvious Twisted server.

``python -m benchmarks.ingest_peers.twistedweb_server PORT FILE``
"""

import sys
from typing import Any

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

from benchmarks.ingest_peers.obvious import FIELDS, answer
from benchmarks.ingest_peers.sink import Sink


class Ingest(Resource):
    """Takes every path."""

    isLeaf = True

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def render(self, request: Any) -> bytes:
        """Answer one request."""
        query = request.uri.partition(b"?")[2].decode("latin-1")
        form = request.content.read() if request.method == b"POST" else b""
        forwarded = request.getHeader("x-forwarded-for")
        body = answer(query, form, forwarded, request.getClientAddress().host, self._sink)
        kind = "application/json" if body[:1] == b"{" else "text/plain"
        for name, value in (("Content-Type", kind), *FIELDS):
            request.setHeader(name, value)
        return body


if __name__ == "__main__":
    loop: Any = reactor
    loop.listenTCP(int(sys.argv[1]), Site(Ingest(Sink(sys.argv[2]))), 1024, "127.0.0.1")
    print("ready", flush=True)
    loop.run(installSignalHandlers=False)
