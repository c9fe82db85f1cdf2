"""Where connections are read together all is as where they are read one by one.

On both event loops, in processes of their own.
"""

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SERVER = """
import asyncio
import gc
import sys
from pyingest.loops import begin_loop
reactor = begin_loop(sys.argv[1])
from pyingest.outlet import outlet
from twisted.internet import threads
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

there = []

class Echo(Protocol):
    fails = False

    def connectionMade(self):
        self.outlet = outlet(self.transport, self.changed)
        there.append(self)

    def changed(self):
        print("full" if self.outlet.full else "free", flush=True)

    def dataReceived(self, data):
        if data == b"raise":
            raise ZeroDivisionError
        if data == b"thread":
            threads.deferToThread(bytes, b"threaded").addCallback(self.outlet.send)
        elif data == b"timer":
            deferLater(reactor, 0.05, self.outlet.send, b"timed")
        elif data == b"much":
            self.outlet.post(b"m" * 20_000_000)
        elif data == b"all":
            for one in there:
                one.outlet.post(b"a")
                one.outlet.post(b"b")
                one.outlet.send(b"c")
        elif data == b"end all":
            for one in there:
                one.outlet.post(b"last")
                one.outlet.release()
                one.transport.loseConnection()
        elif data == b"abort all":
            for one in there:
                one.transport.abortConnection()
        elif data == b"pause all":
            for one in there:
                one.transport.pauseProducing()
                reactor.callLater(0.2, one.transport.resumeProducing)
        elif data == b"fail at the end":
            self.fails = True
        elif data == b"sleep":
            import time
            time.sleep(0.3)
        elif data == b"frozen":
            self.outlet.post(b"%d" % gc.get_freeze_count())
        elif data == b"stop":
            reactor.stop()
        else:
            self.outlet.post(data)

    def connectionLost(self, reason):
        there.remove(self)
        print("lost", reason.type.__name__, flush=True)
        if self.fails:
            raise asyncio.CancelledError

port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
print(type(reactor).__name__, port.getHost().port, flush=True)
reactor.run()
print("ended", len(there), flush=True)
"""


class Server:
    """The server above."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._clients: list[socket.socket] = []
        self.loop, port = self.line().split()
        self.port = int(port)

    def line(self) -> str:
        """Return the next line that it writes."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip()

    def client(self) -> socket.socket:
        """Return a connection to it that is served."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self._clients.append(made)
        made.sendall(b"here")
        assert made.recv(100) == b"here"
        return made

    def leave(self) -> None:
        """Close what is still open."""
        for client in self._clients:
            client.close()

    def stall(self) -> None:
        """Let it sleep, so that what is sent now is read together."""
        with self.client() as client:
            client.sendall(b"sleep")
        time.sleep(0.1)

    def awake(self) -> None:
        """Take it that it sleeps no more; whoever made it sleep has left."""
        assert self.line() == "lost ConnectionDone"

    def stop(self) -> None:
        """Let it end."""
        with self.client() as client:
            client.sendall(b"stop")
            assert client.recv(100) == b""


@contextmanager
def serving(loop: str) -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, loop], stdout=subprocess.PIPE, text=True
    ) as process:
        server = Server(process)
        try:
            yield server
        finally:
            server.leave()
            process.kill()


@pytest.fixture(params=["twisted", "lean"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as found:
        assert (found.loop == "LeanReactor") == (request.param == "lean")
        yield found


def asked(server: Server, data: bytes) -> bytes:
    """Send *data* on a connection of its own; return what comes back, at most one read of it."""
    with server.client() as client:
        client.sendall(data)
        return client.recv(100_000)


def test_reads_writes_timers_threads_faults_and_the_end(server: Server) -> None:
    assert asked(server, b"hello") == b"hello"
    assert server.line() == "lost ConnectionDone"
    assert asked(server, b"timer") == b"timed"
    assert server.line() == "lost ConnectionDone"
    assert asked(server, b"thread") == b"threaded"
    assert server.line() == "lost ConnectionDone"
    # A fault in one connection ends that one.
    assert asked(server, b"raise") == b""
    assert server.line() == "lost ZeroDivisionError"
    with server.client():
        server.stop()
        assert [server.line() for _ in range(3)] == [*["lost ConnectionLost"] * 2, "ended 0"]


def test_what_was_there_at_the_start_is_nothing_to_the_collector(server: Server) -> None:
    assert int(asked(server, b"frozen")) > 10_000


@pytest.mark.parametrize("others", [0, 3])
def test_a_fault_at_the_end_of_one_is_nothing_to_the_others(server: Server, others: int) -> None:
    failing, *clients = [server.client() for _ in range(1 + others)]
    failing.sendall(b"fail at the end")
    server.stall()
    failing.close()
    for client in clients:
        client.sendall(b"hello")
    server.awake()
    assert server.line() == "lost ConnectionDone"
    assert [client.recv(100) for client in clients] == [b"hello"] * others
    assert asked(server, b"still there") == b"still there"


def test_a_reset_is_told_from_an_orderly_end(server: Server) -> None:
    client = server.client()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert server.line() == "lost ConnectionLost"


def test_what_is_posted_and_sent_arrives_in_that_order_at_everybody(server: Server) -> None:
    clients = [server.client() for _ in range(100)]
    server.stall()
    clients[3].sendall(b"all")
    clients[4].sendall(b"own")
    server.awake()
    for number, client in enumerate(clients):
        expected = b"abcown" if number == 4 else b"abc"
        found = b""
        while len(found) < len(expected):
            found += client.recv(100)
        assert sorted(found) == sorted(expected)
        assert b"abc" in found
        assert number != 4 or b"own" in found
        client.close()


def test_what_was_posted_leaves_before_the_connection_ends(server: Server) -> None:
    clients = [server.client() for _ in range(10)]
    server.stall()
    clients[0].sendall(b"end all")
    clients[1].sendall(b"and more")
    server.awake()
    for client in clients:
        found = b""
        while piece := client.recv(100):
            found += piece
        assert found.endswith(b"last")
        client.close()
    assert [server.line() for _ in clients] == ["lost ConnectionDone"] * 10


def test_who_was_ended_by_another_is_not_dealt_with(server: Server) -> None:
    clients = [server.client() for _ in range(10)]
    server.stall()
    clients[0].sendall(b"abort all")
    for client in clients[1:]:
        client.sendall(b"never heard")
    server.awake()
    assert [server.line() for _ in clients] == ["lost ConnectionAborted"] * 10
    assert asked(server, b"hello") == b"hello"


def test_who_is_paused_is_read_later_and_loses_nothing(server: Server) -> None:
    clients = [server.client() for _ in range(10)]
    server.stall()
    for client in clients[1:]:
        client.sendall(b"one")
    clients[0].sendall(b"pause all")
    server.awake()
    for client in clients[1:]:
        assert client.recv(100) == b"one"
        client.sendall(b"two")
    for client in clients[1:]:
        assert client.recv(100) == b"two"


def test_a_slow_reader_gets_all_that_was_posted(server: Server) -> None:
    slow, other = server.client(), server.client()
    slow.sendall(b"much")
    assert server.line() == "full"
    other.sendall(b"hello")
    assert other.recv(100) == b"hello"
    found = 0
    while found < 20_000_000:
        found += len(slow.recv(1_000_000))
    assert server.line() == "free"
