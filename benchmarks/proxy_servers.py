"""The proxies that are measured against each other, and the services behind them."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.ingest_servers import Missing, Start

HEAD = """
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
"""
SERVICE = """
  server {{
    listen {listen} backlog=1024;
    location / {{
      default_type text/plain;
      add_header X-Number $http_x_number;
      return 200 "1";
    }}
    location = /counted {{ stub_status; }}
  }}
}}
"""
PROXY = """
  upstream legacy {{ server 127.0.0.1:{legacy}; keepalive 256; keepalive_requests 1000000000; }}
  {candidate}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_pass http://legacy;
      {mirror}
    }}
    {location}
  }}
}}
"""
CANDIDATE = "upstream candidate {{ server {where}; keepalive 256; keepalive_requests 1000000000; }}"
MIRROR = "mirror /mirrored; mirror_request_body on;"
LOCATION = """location = /mirrored {
      internal;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_pass http://candidate$request_uri;
    }"""


@dataclass(frozen=True, slots=True)
class Behind:
    """Where the services behind a proxy listen."""

    legacy: int
    candidate: int
    socket: Path
    """The candidate's, too."""


OURS = {
    "mixmigrate": ("twisted", False),
    "mixmigrate lean": ("lean", False),
    "mixmigrate + mirror": ("twisted", True),
    "mixmigrate lean + mirror": ("lean", True),
}
"""Our variants: the loop (the first is the default), and whether the candidate gets copies."""
NAMES = (
    *OURS,
    "mixmigrate recording",
    "nginx",
    "nginx + mirror, TCP",
    "nginx + mirror, unix",
    "treq + mirror",
)


def proxy_of(name: str, port: int, behind: Behind, work: Path) -> Start | Missing:
    """Return how the proxy called *name* listens on *port*, with *behind* behind it."""
    if name in OURS:
        loop, mirrors = OURS[name]
        where = [str(port), str(behind.legacy), *([str(behind.candidate)] if mirrors else [])]
        module = "benchmarks.proxy_peers.ours"
        return Start([sys.executable, "-m", module, "--loop", loop, *where])
    match name:
        case "mixmigrate recording":
            return recording(port, behind, work)
        case "treq + mirror":
            where = [str(port), str(behind.legacy), str(behind.candidate)]
            return Start([sys.executable, "-m", "benchmarks.proxy_peers.treq_proxy", *where])
        case "nginx":
            return _nginx(work, PROXY, port=port, legacy=behind.legacy)
    address = f"127.0.0.1:{behind.candidate}" if "TCP" in name else f"unix:{behind.socket}"
    return _nginx(
        work,
        PROXY,
        port=port,
        legacy=behind.legacy,
        candidate=CANDIDATE.format(where=address),
        mirror=MIRROR,
        location=LOCATION,
    )


def recording(port: int, behind: Behind, work: Path) -> Start:
    """Return how ``mixmigrate shadow`` starts as its users start it, with empty queues."""
    queues = [f"sqlite:{work}/{side}.db#events" for side in ("legacy", "candidate")]
    return Start(
        [
            *(sys.executable, "-m", "cli", "shadow", "--listen", f"127.0.0.1:{port}"),
            *("--legacy", f"http://127.0.0.1:{behind.legacy}"),
            *("--candidate", f"http://127.0.0.1:{behind.candidate}"),
            *("--legacy-queue", queues[0], "--candidate-queue", queues[1]),
            *("--run", str(work / "run")),
        ]
    )


def service(listen: str, work: Path) -> Start | Missing:
    """Return how nginx answers ``1`` on *listen*, naming the number that a request carries.

    It counts its requests: see :func:`counted`.
    """
    return _nginx(work, SERVICE, listen=listen)


def counted(port: int) -> int:
    """Return how many requests a :func:`service` on *port* had so far, this one among them."""
    with urlopen(f"http://127.0.0.1:{port}/counted") as told:
        words: list[str] = told.read().decode().split()
    return int(words[words.index("requests") + 3])


def _nginx(work: Path, text: str, **values: object) -> Start | Missing:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        return Missing("nginx is not installed (Debian: nginx-light)")
    work.mkdir(parents=True, exist_ok=True)
    configuration = work / "nginx.conf"
    # Workers that are somebody else could not reach the candidate's socket.
    user = "user root;" if os.geteuid() == 0 else ""
    known = {"candidate": "", "mirror": "", "location": "", "directory": work, **values}
    known["user"] = user
    configuration.write_text((HEAD + text).format(**known))
    command = [nginx, "-p", str(work), "-c", str(configuration), "-g", "daemon off;"]
    return Start(command, does_the_job=False)
