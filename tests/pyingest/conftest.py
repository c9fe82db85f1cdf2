"""Real servers of the queue engines: loopback, a free port, ended by their own pid."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

NATS_CONF = """
listen: 127.0.0.1:{port}
jetstream {{ store_dir: "{store}", sync_interval: always }}
"""
KESTREL = "from cli import main; main()"
KAFKA = """
from confluent_kafka import Producer
cluster = Producer({"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0})
broker, = cluster.list_topics(timeout=10).brokers.values()
print(broker.port, flush=True)
input()
"""
"""librdkafka's own mock of a cluster: real TCP, topics that come when they are asked for."""
SECONDS = 20


def program(name: str) -> str | None:
    """Return where a program is: beside this Python, or in the path."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server's process, which can be killed, halted, and begun again with what it kept."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self.port = port
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, and wait until it listens."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{self._command[0]} does not listen")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None


class MockCluster(Server):
    """Kafka, by librdkafka's mock in a process of its own; it keeps nothing over its end."""

    def start(self) -> None:
        """Begin, at whatever port it takes."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", KAFKA], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        with self._process.stdout as output:
            self.port = int(output.readline())

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        super().kill()

    def make(self, names: Sequence[str]) -> None:
        """Make topics, as a cluster with automatic topics does when a producer asks for them."""
        from confluent_kafka import Producer

        if self._process is None:
            return
        producer = Producer({"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0})
        for name in names:
            producer.list_topics(name, timeout=SECONDS)


Starter = Callable[[str], Server]


def command(engine: str, port: int, place: Path) -> list[str]:
    """Return what starts the server of an engine."""
    if engine == "kestrel":
        listen = f"127.0.0.1:{port}"
        return [sys.executable, "-c", KESTREL, "queue", "--listen", listen, "--store", str(place)]
    found = program(f"{engine}-server")
    if found is None:
        pytest.skip(f"{engine}-server is not installed: see scripts/install-services.sh")
    if engine == "nats":
        config = place / "nats.conf"
        config.write_text(NATS_CONF.format(port=port, store=place / "js"))
        return [found, "-c", str(config)]
    arguments = f"--bind 127.0.0.1 --port {port} --appendonly yes --appendfsync always"
    return [found, *arguments.split(), "--save", "", "--dir", str(place)]


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Give what starts the server of ``nats``, ``redis`` or ``kestrel``."""
    begun: list[Server] = []

    def start(engine: str) -> Server:
        if engine == "kafka":
            begun.append(cluster := MockCluster([], 0))
            cluster.start()
            return cluster
        port = free_port()
        server = Server(command(engine, port, tmp_path_factory.mktemp(engine)), port)
        begun.append(server)
        server.start()
        return server

    yield start
    for server in begun:
        server.kill()


@pytest.fixture(scope="session")
def shared_server(start_server: Starter) -> Starter:
    """Give a server of an engine that all tests share: nobody harms it."""
    running: dict[str, Server] = {}

    def get(engine: str) -> Server:
        if engine not in running:
            running[engine] = start_server(engine)
        return running[engine]

    return get
