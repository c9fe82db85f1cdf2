"""The nginx configuration of docs/mirroring.md, in a real nginx: mirrored, imported, judged."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replay.processes import ServerProcess
from replay.rig import ANY_PORT, COMMAND

PAGE = Path(__file__).parents[2] / "docs" / "mirroring.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
MAIN = """
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log info;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
{snippet}
}}
"""
PEOPLE = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def snippet(place: Path, port: int, legacy: str, candidate: str, sampled: bool = False) -> str:
    """Return the page's configuration with addresses and files of this test."""
    blocks = PAGE.read_text().split("```nginx\n")[1:]
    text, split, condition = (block.partition("```")[0] for block in blocks)
    if sampled:
        text = split.replace("10%", "50%") + text
        text = text.replace("    internal;\n", condition + "    internal;\n")
        text = text.replace("candidate.log mixmigrate;", "candidate.log mixmigrate if=$mirrored;")
        text = text.replace('{"msec"', '{"mirrored":"$mirrored","msec"')
    changes = {
        "127.0.0.1:8080": legacy,
        "unix:/run/candidate.sock": candidate,
        "127.0.0.1:8000": f"127.0.0.1:{port}",
        "/var/log/nginx": str(place),
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


class Front:
    """A real nginx before two services, each with a queue of its own."""

    def __init__(self, place: Path, profile: str, sampled: bool = False) -> None:
        assert NGINX is not None
        self.place = place
        self.awaited = 0 if sampled else PEOPLE
        self.queues = [f"sqlite:{place}/{side}.db#events,profiles" for side in ("l", "c")]
        self._servers = [
            ServerProcess([*COMMAND, "ingest", "--listen", ANY_PORT, *words], place / f"{n}.log")
            for n, words in enumerate(
                (
                    ("--queue", self.queues[0]),
                    ("--queue", self.queues[1], "--profile", profile),
                )
            )
        ]
        self.port = free_port()
        legacy, candidate = (server.address for server in self._servers)
        conf = place / "nginx.conf"
        text = snippet(place, self.port, legacy, candidate, sampled)
        conf.write_text(MAIN.format(place=place, snippet=text))
        self._nginx = subprocess.Popen([NGINX, "-c", str(conf), "-p", str(place)])
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.place / "error.log").read_text())

    def ask(self, head: bytes, body: bytes = b"") -> bytes:
        """Send one request on a connection of its own; return the answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.sendall(head + b"Host: api.example.test\r\nConnection: close\r\n\r\n" + body)
            heard = b""
            while data := client.recv(65536):
                heard += data
            return heard

    def traffic(self, odd: bytes = b"") -> None:
        """Send GETs and POSTs; every tenth carries *odd* in the JSON."""
        for n in range(PEOPLE):
            text = b'{"event":"e","properties":{"token":"t","distinct_id":"%d","time":%d%b}}' % (
                n,
                1321862400 + n,
                odd if n % 10 == 0 else b"",
            )
            data = b"data=" + b"".join(b"%%%02X" % byte for byte in text)
            if n % 2:
                answer = self.ask(b"GET /track?%b HTTP/1.1\r\n" % data)
            else:
                head = b"POST /track HTTP/1.1\r\nContent-Length: %d\r\n" % len(data)
                kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
                answer = self.ask(head + kind, data)
            assert answer.startswith(b"HTTP/1.1 200"), answer

    def lines(self, log: str) -> int:
        path = self.place / log
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def ends_candidate(self) -> None:
        """Stop the candidate alone."""
        self._servers.pop().stop()

    def stop(self) -> None:
        """End everything; the logs are written as requests end."""
        end = time.monotonic() + 5
        while time.monotonic() < end and self.lines("candidate.log") < self.awaited:
            time.sleep(0.05)
        self._nginx.send_signal(signal.SIGQUIT)  # what is under way comes to its end
        self._nginx.wait(10)
        for server in self._servers:
            server.stop()

    def kill(self) -> None:
        self._nginx.kill()
        self._nginx.wait()
        for server in self._servers:
            server.kill()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx")
    return tmp_path


@pytest.fixture
def fronts(place: Path) -> Iterator[list[Front]]:
    begun: list[Front] = []
    yield begun
    for front in begun:
        front.kill()


def mixmigrate(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, timeout=60
    )


def judged(front: Front) -> tuple[dict[str, Any], str]:
    """Import what was mirrored, judge it; return the report and what the import said."""
    run, place = front.place / "run", front.place
    words = ["--legacy-log", str(place / "legacy.log")]
    words += ["--candidate-log", str(place / "candidate.log"), "--run", str(run)]
    words += ["--legacy-queue", front.queues[0], "--candidate-queue", front.queues[1]]
    made = mixmigrate("import", *words)
    assert made.returncode == 0, made.stderr
    done = mixmigrate("compare", str(run))
    assert (run / "report.json").exists(), done.stderr
    return json.loads((run / "report.json").read_text()), made.stdout


def test_equal_services_behind_the_documented_mirror_do_not_differ(
    fronts: list[Front], place: Path
) -> None:
    fronts.append(front := Front(place, "mochiweb"))
    front.traffic()
    front.stop()
    report, said = judged(front)
    assert f"{PEOPLE} requests were found in both logs, {PEOPLE} by their id" in said
    # All is well, but for there being too little of it.
    assert report["verdict"]["outcome"] == "UNDECIDED", report["verdict"]["reasons"]
    assert report["ledger"]["mirrored"] == PEOPLE
    assert report["ledger"]["remainder"] == 0
    assert report["causes"] == []
    assert report["events"]["legacy"] == report["events"]["candidate"] == PEOPLE


def test_a_planted_difference_is_found_through_the_documented_mirror(
    fronts: list[Front], place: Path
) -> None:
    fronts.append(front := Front(place, "strict"))
    front.traffic(odd=rb',"sign":"\ud83d"')
    front.stop()
    report, _ = judged(front)
    assert report["ledger"]["mirrored"] == PEOPLE
    assert report["causes"], report["verdict"]
    assert sum(cause["requests"] for cause in report["causes"]) >= PEOPLE // 10


def test_what_was_not_to_be_mirrored_is_excused_with_its_events(
    fronts: list[Front], place: Path
) -> None:
    fronts.append(front := Front(place, "mochiweb", sampled=True))
    front.traffic()
    front.stop()
    report, said = judged(front)
    mirrored = report["ledger"]["mirrored"]
    assert 5 < mirrored < PEOPLE - 5
    assert f"{mirrored} requests were found in both logs, {mirrored} by their id" in said
    ledger, events = report["ledger"], report["events"]
    assert (ledger["received"], ledger["unpaired"]) == (PEOPLE, 0)
    assert ledger["not_sampled"] == PEOPLE - mirrored == events["not_mirrored"]
    assert (events["candidate"], report["causes"]) == (mirrored, [])


def test_a_candidate_that_is_away_is_a_failure_of_its_own(fronts: list[Front], place: Path) -> None:
    fronts.append(front := Front(place, "mochiweb"))
    front.ends_candidate()
    front.traffic()
    front.stop()
    report, _ = judged(front)
    ledger = report["ledger"]
    assert (ledger["mirrored"], ledger["candidate_failed"]) == (PEOPLE, PEOPLE)
    assert ledger["legacy_answered"] == PEOPLE
    assert report["verdict"]["outcome"] in ("FAIL", "UNDECIDED")
