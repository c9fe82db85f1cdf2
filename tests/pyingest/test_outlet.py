"""Answers on real sockets: all come, in order, and who does not read them holds up nobody."""

import gc
import hashlib
import socket
import weakref
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet import threads
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.http import HttpFactory, Reply, Timeouts
from pyingest.message import Request, Response

reactor: Any = installed
SIZE = 200_000
GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"


def answer(request: Request, peer: str) -> Reply:
    """Give a long answer that can be told from the others, or a short one."""
    if request.target == b"/short":
        return Reply(Response(200, headers=((b"Content-Length", b"1"),), body=b"1").encode())
    body = hashlib.sha256(request.target).hexdigest().encode() * (SIZE // 64)
    length = (b"Content-Length", b"%d" % len(body))
    return Reply(Response(200, headers=(length,), body=body).encode())


def whole(number: int) -> bytes:
    """Return the answer to one request."""
    return answer(Request(b"GET", b"/%d" % number), "").data


class OutletTests(TestCase):
    timeout = 20

    async def listen(self, timeouts: Timeouts | None = None) -> HttpFactory:
        factory = HttpFactory(answer, reactor, timeouts=timeouts)
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.port = listening.getHost().port

        async def leave() -> None:
            await maybeDeferred(listening.stopListening)
            await factory.drain(1)

        self.addCleanup(lambda: Deferred.fromCoroutine(leave()))
        return factory

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    def full(self, factory: HttpFactory) -> bool:
        """Say whether a client holds its connection up."""
        return any(connection.is_held_up for connection in factory.connections)

    async def test_what_a_slow_client_did_not_fetch_comes_when_it_does(self) -> None:
        factory = await self.listen()
        client = self.connect()
        count = 150
        client.sendall(b"".join(GET % number for number in range(count)))
        await self.until(lambda: self.full(factory))
        # What is not fetched is not even made: memory stays bounded.
        assert factory.requests < count
        expected = b"".join(map(whole, range(count)))
        assert await threads.deferToThread(received, client, len(expected)) == expected
        assert not self.full(factory)
        client.sendall(b"GET /short HTTP/1.1\r\nConnection: close\r\n\r\n")
        data = await threads.deferToThread(received, client, 10_000)
        assert data.endswith(b"\r\n\r\n1")

    async def test_a_client_that_does_not_read_delays_no_other(self) -> None:
        factory = await self.listen()
        slow, quick = self.connect(), self.connect()
        slow.sendall(b"".join(GET % number for number in range(60)))
        await self.until(lambda: self.full(factory))
        quick.sendall(b"GET /short HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await threads.deferToThread(received, quick, 10_000)).endswith(b"1")

    async def test_a_client_that_never_reads_is_cut(self) -> None:
        factory = await self.listen(Timeouts(idle=1))
        client = self.connect()
        client.sendall(b"".join(GET % number for number in range(60)))
        await self.until(lambda: self.full(factory))
        await self.until(lambda: not factory.connections)

    async def test_a_client_that_leaves_in_the_middle_is_forgotten(self) -> None:
        factory = await self.listen()
        client = self.connect()
        client.sendall(b"".join(GET % number for number in range(60)))
        await self.until(lambda: self.full(factory))
        client.close()
        await self.until(lambda: not factory.connections)

    async def test_a_connection_that_ended_leaves_nothing_for_the_collector(self) -> None:
        factory = await self.listen()
        self.addCleanup(gc.enable)
        gc.disable()
        for how_it_ends in (b"Connection: close", b"X: y"):
            client = self.connect()
            await self.until(lambda: len(factory.connections) == 1)
            known = weakref.ref(next(iter(factory.connections)))
            client.sendall(b"GET /short HTTP/1.1\r\n%b\r\n\r\n" % how_it_ends)
            await threads.deferToThread(client.recv, 10_000)
            client.close()
            await self.until(lambda: not factory.connections)
            await deferLater(reactor, 0)
            assert known() is None

    async def test_the_last_answer_is_whole_before_the_connection_ends(self) -> None:
        factory = await self.listen()
        client = self.connect()
        count = 60
        last = (GET % count).replace(b"Host: h", b"Connection: close")
        client.sendall(b"".join(GET % number for number in range(count)) + last)
        await self.until(lambda: self.full(factory))
        data = await threads.deferToThread(received, client, 100_000_000)
        assert data.startswith(b"".join(map(whole, range(count))))
        assert data.endswith(whole(count)[-SIZE // 2 :])
        await self.until(lambda: not factory.connections)


def received(client: socket.socket, most: int) -> bytes:
    """Return what comes, up to *most* bytes. Blocks."""
    data = bytearray()
    while len(data) < most and (piece := client.recv(65_536)):
        data += piece
    return bytes(data)
