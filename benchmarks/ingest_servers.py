"""The servers that are measured against each other: how each is started."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from replay.legacy import Absent, find_erlang

HERE = Path(__file__).parent
NGINX = """
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type text/plain; add_header Cache-Control no-store; return 200 "1"; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Start:
    """How a server is started."""

    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    does_the_job: bool = True
    """Whether it stores events; one that only answers is a floor, not a peer."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A server that is not installed here."""

    why: str


def start_of(name: str, port: int, sink: Path, work: Path) -> Start | Missing:
    """Return how the server called *name* listens on *port* and puts its events into *sink*."""
    if name == COMPILED:
        built = compiled()
        return built if isinstance(built, Missing) else _ours(name, port, sink, built)
    if name in OURS:
        return _ours(name, port, sink)
    match name:
        case "mochiweb":
            return _mochiweb(port, sink, work)
        case "nginx static":
            return _nginx(port, work)
        case "granian":
            return _granian(port, sink)
        case _:
            module = f"benchmarks.ingest_peers.{MODULES[name]}"
            return Start([sys.executable, "-m", module, str(port), str(sink)])


COMPILED = "mixmigrate compiled"
OURS = {
    "mixmigrate": [],
    "mixmigrate lean": ["--loop", "lean"],
    COMPILED: ["--loop", "lean"],
    "mixmigrate sqlite": [],
}
"""Our own variants, and their flags."""
MODULES = {
    "eventlet": "eventlet_server",
    "twisted.web": "twistedweb_server",
    "uvicorn": "asgi_server",
}
NAMES = (*OURS, "mochiweb", "eventlet", "twisted.web", "uvicorn", "granian", "nginx static")


@cache
def compiled() -> Path | Missing:
    """Return where our code lies with its hot path compiled; it is removed with this process."""
    if shutil.which("gcc") is None:
        return Missing("there is no C compiler (Debian: gcc)")
    work = Path(tempfile.mkdtemp(prefix="mixmigrate-compiled-"))
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--quiet", "--outdir", str(work), str(HERE.parent)],
        env={**os.environ, "HATCH_BUILD_HOOKS_ENABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        return Missing(f"it could not be built: {built.stderr.strip()[-300:]}")
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work / "code")
    return work / "code"


def _ours(name: str, port: int, sink: Path, code: Path | None = None) -> Start:
    queue = f"sqlite:{sink}#events" if name == "mixmigrate sqlite" else f"file:{sink}#events"
    listen = ["--listen", f"127.0.0.1:{port}", "--queue", queue]
    python = [sys.executable, "-m"] if code is None else [sys.executable, "-P", "-m"]
    where = {} if code is None else {"PYTHONPATH": str(code)}
    return Start([*python, "cli", "ingest", *listen, *OURS[name]], where)


def _mochiweb(port: int, sink: Path, work: Path) -> Start | Missing:
    erlang = find_erlang()
    if isinstance(erlang, Absent):
        return Missing(erlang.why)
    erlang.build(work)
    source = HERE / "ingest_peers" / "kestrel_writer.erl"
    subprocess.run([erlang.erlc, "-o", str(work), str(source)], check=True)
    command = erlang.command(work, f"127.0.0.1:{port}", "127.0.0.1:1", ("events", "profiles"))
    one_scheduler = ["+S", "1:1", "+SDcpu", "1:1", "+SDio", "1"]
    command[1:1] = one_scheduler
    return Start(command, {"BENCHMARK_SINK": str(sink)})


def _nginx(port: int, work: Path) -> Start | Missing:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        return Missing("nginx is not installed (Debian: nginx-light)")
    configuration = work / "nginx.conf"
    configuration.write_text(NGINX.format(directory=work, port=port))
    command = [nginx, "-p", str(work), "-c", str(configuration), "-g", "daemon off;"]
    return Start(command, does_the_job=False)


def _granian(port: int, sink: Path) -> Start:
    flags = ["--interface", "rsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    more = ["--runtime-threads", "1", "--loop", "uvloop", "--no-ws", "--log-level", "error"]
    target = "benchmarks.ingest_peers.rsgi_app:application"
    command = [sys.executable, "-m", "granian", *flags, *more, target]
    return Start(command, {"BENCHMARK_SINK": str(sink)})
