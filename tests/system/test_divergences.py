"""Each known divergence, sent to the Erlang server and to the strict profile: is it recognised?

``fixtures/divergent-requests.jsonl`` holds a request a line, how its two outcomes differ
(``differs``: the kinds), and the quirk that is the right explanation, checked by hand; ``null``
where no quirk is. A row without ``differs`` is one in which nothing may be found.
"""

import base64
import http.client
import json
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compare.engine import Rules, summarise
from compare.tally import Summary
from compare.testing import recorded
from pyingest.ingest import ingest
from pyingest.message import Headers, Request, Response
from pyingest.routing import Routes
from pyingest.wire.profile import STRICT
from pyingest.wire.requestreader import Arrived, Malformed, RequestReader
from replay.legacy import Erlang
from replay.processes import ServerProcess
from shadow.exchange import Answered, Exchange, Failed, Failure, Outcome, Side, TappedEvent

pytestmark = pytest.mark.erlang

QUEUES = ("events", "profiles")
Queued = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Row:
    """One request, and what is known about it."""

    id: str
    what: str
    request: Request
    differs: list[str]
    quirk: str | None


def rows() -> list[Row]:
    lines = (Path(__file__).parent / "fixtures" / "divergent-requests.jsonl").read_text()
    return [row(json.loads(line)) for line in lines.splitlines()]


def row(told: dict[str, Any]) -> Row:
    body = base64.b64decode(told.get("body", ""))
    if "deflated" in told:
        body = zlib.decompress(base64.b64decode(told["deflated"]))
    headers = tuple(
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in told["headers"]
    )
    target = told["target"].encode("latin-1")
    version = told.get("version", "1.1").encode()
    request = Request(told["method"].encode(), target, headers, body, version)
    return Row(told["id"], told["what"], request, told.get("differs", []), told.get("quirk"))


def encoded(headers: Iterable[Sequence[str]]) -> Headers:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


class Sink:
    """A Kestrel that confirms everything and keeps it."""

    def __init__(self) -> None:
        self.items: Queued = []
        sink = self

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while line := self.rfile.readline():
                    _, queue, _, _, size = line.split()
                    sink.items.append((queue.decode(), self.rfile.read(int(size) + 2)[:-2]))
                    self.connection.sendall(b"STORED\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def taken(self) -> Queued:
        items = self.items[:]
        self.items.clear()
        return items

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Legacy:
    """The Erlang server, one connection a request, and the queue behind it."""

    def __init__(self, address: str, sink: Sink) -> None:
        host, _, port = address.rpartition(":")
        self._address = host, int(port)
        self._sink = sink

    def outcome(self, request: Request) -> tuple[Outcome, Queued]:
        with socket.create_connection(self._address, 10) as connection:
            try:
                connection.sendall(request.encode())
                answer = http.client.HTTPResponse(connection, method=request.method.decode())
                answer.begin()
                body = answer.read()
            except (http.client.HTTPException, OSError) as error:
                return Failed(Failure.RESET, str(error), 0.001), self._sink.taken()
            headers = tuple(
                (k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.getheaders()
            )
            response = Response(answer.status, answer.reason.encode(), headers, body)
            answer.close()
        return Answered(response, 0.001), self._sink.taken()


@pytest.fixture(scope="module")
def legacy(erlang: Erlang, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Legacy]:
    directory = tmp_path_factory.mktemp("legacy")
    erlang.build(directory)
    sink = Sink()
    command = erlang.command(directory, "127.0.0.1:0", sink.address, QUEUES)
    process = ServerProcess(command, directory / "log")
    yield Legacy(process.address, sink)
    process.kill()
    sink.close()


def strict(request: Request) -> tuple[Outcome, Queued]:
    """Return what the strict profile makes of *request*, its own reader in front."""
    [*_, received] = RequestReader().feed(request.encode())
    if isinstance(received, Malformed):
        refusal = Response(received.status, received.reason.encode(), (), b"")
        return Answered(refusal, 0.001), []
    assert isinstance(received, Arrived)
    decision = ingest(received.request, "127.0.0.1", time.time(), STRICT, Routes(*QUEUES))
    events = [(event.queue, event.body) for event in decision.events]
    return Answered(decision.stored, 0.001), events


def compared(directory: Path, legacy: Legacy, requests: list[Request]) -> Summary:
    """Return the summary of a run of *requests*, the Erlang server on the legacy side."""
    exchanges: list[Exchange] = []
    events: list[TappedEvent] = []
    for number, request in enumerate(requests, 1):
        at = time.time()
        outcomes = []
        for side, (outcome, queued) in (
            (Side.LEGACY, legacy.outcome(request)),
            (Side.CANDIDATE, strict(request)),
        ):
            outcomes.append(outcome)
            events += [
                TappedEvent(side, queue, len(events) + place, at, body)
                for place, (queue, body) in enumerate(queued)
            ]
        exchanges.append(Exchange(number, at, request, *outcomes))
    return summarise(recorded(directory, exchanges, events), Rules())
