"""RSGI on granian, and the tuned job: ``granian --interface rsgi ...rsgi_app:application``."""

import os
from typing import Any

from benchmarks.ingest_peers.sink import Sink
from benchmarks.ingest_peers.tuned import HEADERS, answer


class Ingest:
    """The application; the file comes from the environment, as granian imports it by name."""

    def __init__(self, path: str) -> None:
        self._sink = Sink(path)

    def __rsgi_del__(self, loop: Any) -> None:
        """Write what waits."""
        self._sink.flush()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        pairs = await protocol() if scope.method == "POST" else scope.query_string.encode()
        forwarded = scope.headers.get("x-forwarded-for")
        body = answer(pairs, forwarded, scope.client.rpartition(":")[0], self._sink)
        kind = "application/json" if body[:1] == b"{" else "text/plain"
        protocol.response_bytes(200, [("content-type", kind), *HEADERS], body)


application = Ingest(os.environ["BENCHMARK_SINK"]) if "BENCHMARK_SINK" in os.environ else None
