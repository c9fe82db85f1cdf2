"""The service on a socket: an answer only after the queue's, and an orderly end."""

import socket

import pytest
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.queues.interface import Outcome
from pyingest.server import ListenError, Server, ServerOptions, start
from pyingest.testing import ScriptedQueue

GOOD = b'{"event":"e","properties":{"token":"T"}}'
QUERY = b"data=" + GOOD.replace(b'"', b"%22")
BATCH = b"data=[" + b",".join([GOOD.replace(b'"', b"%22")] * 3) + b"]"


def exchange(port: int, data: bytes) -> bytes:
    """Send *data* and our end of it; return all that comes back. Blocks."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


class ServerTests(TestCase):
    timeout = 20

    async def begin(self, *script: Outcome) -> Server:
        self.queue = ScriptedQueue(script)
        options = ServerOptions(now=lambda: 1311111111.5, drain=5)
        return await start(reactor, options, self.queue)

    async def body(self, server: Server, query: bytes) -> bytes:
        request = b"GET /track?%b HTTP/1.1\r\nHost: h\r\n\r\n" % query
        data = await threads.deferToThread(exchange, server.port, request)
        return data.partition(b"\r\n\r\n")[2]

    async def test_one_means_stored(self) -> None:
        server = await self.begin()
        assert await self.body(server, QUERY) == b"1"
        assert len(self.queue.events) == 1
        await server.stop()
        assert self.queue.closed

    async def test_every_other_outcome_means_zero(self) -> None:
        bad = [outcome for outcome in Outcome if outcome is not Outcome.STORED]
        server = await self.begin(*bad)
        answers = [await self.body(server, QUERY) for _ in bad]
        assert answers == [b"0"] * len(bad)
        assert await self.body(server, QUERY) == b"1"
        await server.stop()

    async def test_one_failure_in_a_batch_means_zero_and_the_others_are_stored(self) -> None:
        server = await self.begin(Outcome.STORED, Outcome.FULL, Outcome.STORED)
        expected = b'{"error":"a temporary failure occurred","status":0}'
        assert await self.body(server, BATCH + b"&verbose=1") == expected
        assert len(self.queue.events) == 2
        await server.stop()

    async def test_nothing_valid_asks_no_queue(self) -> None:
        server = await self.begin(Outcome.REFUSED)
        assert await self.body(server, b"data=x") == b"0"
        assert await self.body(server, QUERY) == b"0"
        await server.stop()

    async def test_health_is_told(self) -> None:
        server = await self.begin()
        request = b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"
        data = await threads.deferToThread(exchange, server.port, request)
        assert data.startswith(b"HTTP/1.1 200 OK\r\n")
        assert data.endswith(b"\r\n\r\nok")
        await server.stop()

    async def test_stopping_answers_what_came(self) -> None:
        server = await self.begin()
        self.queue.hold()
        answer = Deferred.fromCoroutine(self.body(server, QUERY))
        while not self.queue.waiting:
            await deferLater(reactor, 0.01)
        stopped = Deferred.fromCoroutine(server.stop())
        assert not self.queue.closed
        self.queue.release()
        assert await answer == b"1"
        assert await stopped == 0
        assert self.queue.closed

    async def test_a_large_body_refused_is_heard_of(self) -> None:
        server = await self.begin()
        head = b"POST /track HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n"
        data = await threads.deferToThread(exchange, server.port, head + b"a" * 1_000_000)
        assert data.startswith(b"HTTP/1.1 413 ")
        await server.stop()

    async def test_a_port_in_use_is_said_plainly(self) -> None:
        server = await self.begin()
        with pytest.raises(ListenError) as caught:
            await start(reactor, ServerOptions(port=server.port), ScriptedQueue())
        assert f"127.0.0.1:{server.port}" in str(caught.value)
        await server.stop()
