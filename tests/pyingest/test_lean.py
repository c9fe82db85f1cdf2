"""The lean loop serves, times and ends like Twisted's own; in a process of its own."""

import socket
import subprocess
import sys

SERVER = """
from pyingest import lean
lean.install()
from twisted.internet import reactor, threads
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

class Echo(Protocol):
    def dataReceived(self, data):
        if data == b"raise":
            raise ZeroDivisionError
        if data == b"thread":
            threads.deferToThread(bytes, b"threaded").addCallback(self.transport.write)
        elif data == b"timer":
            deferLater(reactor, 0.05, self.transport.write, b"timed")
        elif data == b"stop":
            reactor.stop()
        else:
            self.transport.write(data)

    def connectionLost(self, reason):
        print("lost", reason.type.__name__, flush=True)

port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
print(type(reactor).__name__, port.getHost().port, flush=True)
reactor.run()
print("ended", flush=True)
"""


def asked(port: int, data: bytes) -> bytes:
    """Send *data*; return what comes back, at most one read of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        return connection.recv(100_000)


def test_reads_writes_timers_threads_faults_and_the_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        name, port_text = server.stdout.readline().split()
        port = int(port_text)
        assert name == "LeanReactor"
        assert asked(port, b"hello") == b"hello"
        assert server.stdout.readline() == "lost ConnectionDone\n"
        assert asked(port, b"timer") == b"timed"
        assert server.stdout.readline() == "lost ConnectionDone\n"
        assert asked(port, b"thread") == b"threaded"
        assert server.stdout.readline() == "lost ConnectionDone\n"
        # A fault in one connection ends that one.
        assert asked(port, b"raise") == b""
        assert server.stdout.readline() == "lost ZeroDivisionError\n"
        assert asked(port, b"stop") == b""
        assert server.stdout.read().endswith("ended\n")
    assert server.returncode == 0
