"""Real servers behind the proxy, and how each splits the bytes that it is sent.

Every backend is asked in the same way: bytes on a connection of their own, and behind them an
honest request, ``end``, which asks for the connection to be closed. What the backend made of them
is told by its answers, and by the names of the requests that it carried out.
"""

import base64
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from replay.legacy import Erlang
from replay.processes import ServerProcess
from tests.system.attacks import get
from tests.system.twins import Server, candidate_server, legacy_server

SILENCE = 5.0
"""Seconds without a byte after which a backend is taken to wait for more."""
END = get("end", b"Connection: close")
STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[ \r]")
_NAME = re.compile(rb'"event"\s*:\s*"([a-z]+)"')
_MARK = re.compile(rb"/track\?data=([A-Za-z0-9%]+)")


@dataclass(frozen=True, slots=True)
class Split:
    """What a backend made of some bytes."""

    names: tuple[str, ...]
    """The requests that it carried out, in their order as far as it can be told."""
    statuses: tuple[int, ...]
    """Of its final answers."""
    silent: bool
    """Whether it kept the connection open and waited for more."""


@dataclass(frozen=True)
class Backend:
    """A server under attack."""

    name: str
    port: int
    seen: Callable[[bytes], list[str]]
    """From what it answered on one connection to the names of the requests it carried out."""

    def split(self, raw: bytes) -> Split:
        """Return what the backend makes of *raw* and an honest request behind it."""
        said, silent = exchanged(self.port, raw + END)
        statuses = tuple(int(status) for status in STATUS.findall(said))
        return Split(tuple(self.seen(said)), statuses, silent)


def exchanged(port: int, data: bytes, silence: float = SILENCE) -> tuple[bytes, bool]:
    """Return what a server answers to *data*, and whether it then waited for more."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), silence) as connection:
        try:
            connection.sendall(data)
            while chunk := connection.recv(1 << 16):
                said += chunk
        except TimeoutError:
            return said, True
        except OSError:
            pass  # One that hangs up in the middle has said what it had to say.
    return said, False


def named(target: bytes) -> str:
    """Return the name of the event that *target* queues, or the target itself."""
    found = _MARK.search(target)
    if found is None:
        return target[:40].decode("latin-1")
    event = _NAME.search(base64.b64decode(unquote_to_bytes(found[1]) + b"==", validate=False))
    return event[1].decode() if event else target[:40].decode("latin-1")


def echoed(said: bytes) -> list[str]:
    """Return the names in answers that repeat their targets."""
    return [named(target) for target in re.findall(rb"seen \S+ (\S+)", said)]


@contextmanager
def nginx(directory: Path) -> Iterator[Backend]:
    """Run the nginx of this machine; it answers with the method and target it saw."""
    directory.mkdir()
    port = free_port()
    (directory / "nginx.conf").write_text(_NGINX.format(directory=directory, port=port))
    command = ["nginx", "-p", str(directory), "-e", "error.log", "-c", "nginx.conf"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield Backend("nginx", port, echoed)
    finally:
        process.terminate()
        process.wait(10)


_NGINX = """daemon off; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 0; keepalive_timeout 5; lingering_close off;
  client_header_timeout 5; client_body_timeout 5;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "seen $request_method $request_uri\\n"; }}
  }}
}}
"""


@contextmanager
def nginx_front(directory: Path, behind: int) -> Iterator[tuple[int, Path]]:
    """Run an nginx that passes on to the port *behind*; give its port and its log.

    The log has one line for each request: where it was passed to (or a dash), and its target.
    """
    directory.mkdir()
    port = free_port()
    text = _FRONT.format(directory=directory, port=port, behind=behind)
    (directory / "nginx.conf").write_text(text)
    command = ["nginx", "-p", str(directory), "-e", "error.log", "-c", "nginx.conf"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, directory / "passed.log"
    finally:
        process.terminate()
        process.wait(10)


_FRONT = """daemon off; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format passed '$upstream_addr $request_uri';
  access_log {directory}/passed.log passed;
  client_header_timeout 5; client_body_timeout 5; large_client_header_buffers 4 256k;
  client_max_body_size 0;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  upstream behind {{ server 127.0.0.1:{behind}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off; proxy_ignore_client_abort on;
    }}
  }}
}}
"""


@contextmanager
def mochiweb(directory: Path, erlang: Erlang) -> Iterator[Backend]:
    """Run the legacy server; what it carried out lies on its queue."""
    directory.mkdir()
    with legacy_server(erlang, directory) as server:
        yield _queueing("MochiWeb", server)


@contextmanager
def pyingest(directory: Path) -> Iterator[Backend]:
    """Run the rewrite's stand-in; what it carried out lies on its queue."""
    directory.mkdir()
    with candidate_server(directory) as server:
        yield _queueing("pyingest", server)


@contextmanager
def twisted_web(directory: Path) -> Iterator[Backend]:
    """Run twisted.web; it answers with the method and target it saw."""
    directory.mkdir()
    script = Path(__file__).parent / "attack_twisted_web.py"
    process = ServerProcess([sys.executable, str(script)], directory / "log")
    try:
        yield Backend("twisted.web", int(process.address.rpartition(":")[2]), echoed)
    finally:
        process.kill()


def _queueing(name: str, server: Server) -> Backend:
    def seen(said: bytes) -> list[str]:
        # A request in a body that is answered and not carried out queues nothing.
        return [named_event(body) for _, body in server.sink.taken()]

    return Backend(name, server.address[1], seen)


def named_event(body: bytes) -> str:
    """Return the name of a queued event."""
    found = _NAME.search(body)
    return found[1].decode() if found else repr(body)


def has_nginx() -> bool:
    """Return whether nginx is installed."""
    return shutil.which("nginx") is not None


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 10.0) -> None:
    """Return when a server listens on *port*.

    :raises TimeoutError: none does.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")
