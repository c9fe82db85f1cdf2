"""Raw ASGI on uvicorn with httptools and uvloop, and the tuned job.

``python -m benchmarks.ingest_peers.asgi_server PORT FILE``
"""

import sys
from typing import Any

import uvicorn

from benchmarks.ingest_peers.sink import Sink
from benchmarks.ingest_peers.tuned import HEADERS, answer

_FIELDS = [(name.encode(), value.encode()) for name, value in HEADERS]


class Ingest:
    """The application."""

    def __init__(self, path: str) -> None:
        self._sink = Sink(path)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        pairs = scope["query_string"]
        if scope["method"] == "POST":
            message = await receive()
            pairs = message["body"]
            while message.get("more_body"):
                message = await receive()
                pairs += message["body"]
        forwarded = None
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded = value.decode("latin-1")
        body = answer(pairs, forwarded, scope["client"][0], self._sink)
        kind = b"application/json" if body[:1] == b"{" else b"text/plain"
        length = (b"content-length", b"%d" % len(body))
        fields = [(b"content-type", kind), length, *_FIELDS]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    # At its end uvicorn raises the signal again that it got, and the sink writes what waits.
    uvicorn.run(
        Ingest(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
    )
