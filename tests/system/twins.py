"""Two ingestion servers as processes, a queue behind each, and the same bytes to both.

A request goes over a connection of its own, whose sending half is closed behind it: so a server
that waits for more is done at once, and everything up to the end of the connection is the answer.
"""

import http.client
import io
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from replay.legacy import Erlang
from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND, QUEUES

PATIENCE = 10.0
"""Seconds that an answer may take."""
OF_THE_LIBRARY = ("server", "date")
"""Headers that tell which library answered, and when; of no use to a client."""

Queued = tuple[tuple[str, bytes], ...]


class Sink:
    """A Kestrel that confirms everything and keeps it, unless it is told to refuse."""

    def __init__(self) -> None:
        self.items: list[tuple[str, bytes]] = []
        self.refusing = False
        sink = self

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while line := self.rfile.readline():
                    _, queue, _, _, size = line.split()
                    body = self.rfile.read(int(size) + 2)[:-2]
                    if not sink.refusing:
                        sink.items.append((queue.decode(), body))
                    self.connection.sendall(b"NOT_STORED\r\n" if sink.refusing else b"STORED\r\n")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Connection)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def taken(self) -> Queued:
        """Return what came since the last call."""
        items = tuple(self.items)
        self.items.clear()
        return items

    def close(self) -> None:
        """Take no more."""
        self.server.shutdown()
        self.server.server_close()


@dataclass(frozen=True)
class Reply:
    """One response as far as a client can see it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Sorted, names in lower case, without those of the library."""
    body: bytes


@dataclass(frozen=True)
class Effect:
    """What the bytes of one connection led to."""

    replies: tuple[Reply, ...]
    events: Queued
    held: bool = False
    """Whether the connection was still open when patience was over."""

    @property
    def statuses(self) -> tuple[int, ...]:
        """The status of each reply."""
        return tuple(reply.status for reply in self.replies)


@dataclass(frozen=True)
class Server:
    """A running server and what it puts on its queue."""

    address: tuple[str, int]
    sink: Sink

    def effect(self, raw: bytes, patience: float = PATIENCE) -> Effect:
        """Return what *raw* leads to within *patience* seconds of silence."""
        with socket.create_connection(self.address, patience) as connection:
            said, held = _said(connection, raw)
        method = raw.split(maxsplit=1)[0][:8].decode("latin-1") if raw.split() else ""
        return Effect(tuple(_replies(said, method)), self.sink.taken(), held)


def _said(connection: socket.socket, raw: bytes) -> tuple[bytes, bool]:
    chunks: list[bytes] = []
    try:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(1 << 16):
            chunks.append(chunk)
    except TimeoutError:
        return b"".join(chunks), True
    except (ConnectionError, OSError):
        pass  # A server that hangs up in the middle has said what it had to say.
    return b"".join(chunks), False


class _Bytes:
    """What ``HTTPResponse`` needs of a socket."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)
        self.file.close = lambda: None  # type: ignore[method-assign]  # several replies are read

    def makefile(self, _: str) -> io.BytesIO:
        """Return the same file for each reply."""
        return self.file


def _replies(said: bytes, method: str) -> Iterator[Reply]:
    source = _Bytes(said)
    while source.file.tell() < len(said):
        answer = http.client.HTTPResponse(source, method=method)  # type: ignore[arg-type]  # reads
        try:
            answer.begin()
            body = answer.read()
        except (http.client.HTTPException, OSError) as error:
            yield Reply(0, (), f"{error!r}: {said[:200]!r}".encode())
            return
        headers = ((name.lower(), value) for name, value in answer.getheaders())
        seen = sorted(pair for pair in headers if pair[0] not in OF_THE_LIBRARY)
        yield Reply(answer.status, tuple(seen), body)


@dataclass(frozen=True)
class Twins:
    """Legacy and candidate, both running."""

    legacy: Server
    candidate: Server

    def effects(self, raw: bytes, patience: float = PATIENCE) -> tuple[Effect, Effect]:
        """Return what *raw* leads to on each side, within one second of the clock.

        *patience* is for legacy alone: MochiWeb waits in silence where others refuse.
        """
        while True:
            second = int(time.time())
            found = self.legacy.effect(raw, patience), self.candidate.effect(raw)
            # Both stamp events with the second in which they came.
            if found[0] == found[1] or int(time.time()) == second or found[0].held:
                return found


@contextmanager
def running(erlang: Erlang, directory: Path, *words: str) -> Iterator[Twins]:
    """Run the Erlang server, and pyingest with *words* added to its command."""
    with legacy_server(erlang, directory) as legacy, candidate_server(directory, *words) as other:
        yield Twins(legacy, other)


@contextmanager
def legacy_server(erlang: Erlang, directory: Path) -> Iterator[Server]:
    """Run the Erlang server, built in *directory*."""
    erlang.build(directory)
    with ExitStack() as stack:
        sink = Sink()
        stack.callback(sink.close)
        command = erlang.command(directory, ANY_PORT, sink.address, QUEUES)
        yield _started(stack, command, directory / "legacy.log", sink)


@contextmanager
def candidate_server(directory: Path, *words: str) -> Iterator[Server]:
    """Run pyingest with *words* added to its command."""
    with ExitStack() as stack:
        sink = Sink()
        stack.callback(sink.close)
        url = f"kestrel://{sink.address}/{','.join(QUEUES)}"
        command = [*COMMAND, "ingest", "--listen", ANY_PORT, "--queue", url, *words]
        yield _started(stack, command, directory / "candidate.log", sink)


def _started(stack: ExitStack, command: Sequence[str], log: Path, sink: Sink) -> Server:
    process = ServerProcess(command, log)
    stack.callback(process.kill)
    host, _, port = process.address.rpartition(":")
    return Server((host, int(port)), sink)


Explain = Callable[[bytes, Effect, Effect], str | None]
"""Request, legacy's effect, candidate's: why they may differ, or ``None``."""


def differing(
    twins: Twins, rows: Sequence[tuple[str, bytes]], explain: Explain
) -> tuple[list[str], Counter[str]]:
    """Return the unexplained differences as texts, and how often each explanation was used."""
    unexplained: list[str] = []
    explained: Counter[str] = Counter()
    for name, raw in rows:
        legacy, candidate = twins.effects(raw)
        if legacy == candidate:
            continue
        reason = explain(raw, legacy, candidate)
        if reason is None:
            text = f"{name}: {raw[:400]!r}\n  legacy    {legacy}\n  candidate {candidate}"
            unexplained.append(text)
        else:
            explained[reason] += 1
    return unexplained, explained
