"""Real servers of the queue engines: loopback, a free port, ended by their own pid."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NATS_CONF = """
listen: 127.0.0.1:{port}
"""
NATS_STORE = """
jetstream {{ store_dir: "{place}/js", sync_interval: always }}
"""
NATS_TLS = """
tls {{ cert_file: "{place}/cert.pem", key_file: "{place}/key.pem" }}
authorization {{ user: me, password: "open sesame" }}
"""
REDIS_TLS = (
    "--port 0 --tls-port {port} --tls-cert-file {place}/cert.pem --tls-key-file {place}/key.pem"
    " --tls-auth-clients no"
)
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

    def __init__(self, command: Sequence[str], port: int, place: Path = Path()) -> None:
        self.port = port
        self.place = place
        """Where it keeps what it has, and its certificate."""
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


Starter = Callable[..., Server]


def command(engine: str, port: int, place: Path, secure: bool, bare: bool) -> list[str]:
    """Return what starts the server of an engine; a secure one has TLS and a password."""
    if engine == "kestrel":
        listen = f"127.0.0.1:{port}"
        return [sys.executable, "-c", KESTREL, "queue", "--listen", listen, "--store", str(place)]
    found = program(f"{engine}-server")
    if found is None:
        pytest.skip(f"{engine}-server is not installed: see scripts/install-services.sh")
    if secure:
        write_certificate(place)
    if engine == "nats":
        return [found, "-c", str(nats_configuration(place, port, secure, bare))]
    arguments = f"--bind 127.0.0.1 --port {port} --appendonly yes --appendfsync always".split()
    if secure:
        arguments += [*REDIS_TLS.format(port=port, place=place).split()]
        arguments += ["--requirepass", "open sesame"]
    return [found, *arguments, "--save", "", "--dir", str(place)]


def nats_configuration(place: Path, port: int, secure: bool, bare: bool) -> Path:
    """Write and return what ``nats-server`` reads; a bare one keeps nothing."""
    text = NATS_CONF + ("" if bare else NATS_STORE) + (NATS_TLS if secure else "")
    path = place / "nats.conf"
    path.write_text(text.format(port=port, place=place))
    return path


def write_certificate(place: Path) -> None:
    """Write a certificate for the loopback address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (place / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (place / "key.pem").write_bytes(private)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Give what starts the server of ``nats``, ``redis`` or ``kestrel``."""
    begun: list[Server] = []

    def start(engine: str, secure: bool = False, bare: bool = False) -> Server:
        if engine == "kafka":
            begun.append(cluster := MockCluster([], 0))
            cluster.start()
            return cluster
        port = free_port()
        place = tmp_path_factory.mktemp(engine)
        server = Server(command(engine, port, place, secure, bare), port, place)
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
