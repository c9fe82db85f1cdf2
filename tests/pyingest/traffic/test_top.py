"""`mixmigrate top` shows what /stats says, to people and to machines."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from click.testing import CliRunner, Result

from pyingest.event import Event
from pyingest.ingest import Decision, Rejected
from pyingest.message import Response
from pyingest.queues.interface import Outcome
from pyingest.traffic.command import top_command
from pyingest.traffic.observer import Traffic
from pyingest.traffic.rates import By, view
from pyingest.traffic.servers import Servers
from pyingest.traffic.stats import Stats, encode_stats
from pyingest.traffic.table import lines

ANSWER = Response(200)


def sent(capacity: int = 20) -> Stats:
    """Return the stats of a minute: many from ``many``, large from ``large``, bad from ``bad``."""
    now = 1_800_000_005.0
    servers = Servers(["q1:22133", "q2:22133"])
    traffic = Traffic(lambda: now, capacity, servers)
    good = [("many", 100, 300), ("large", 2, 500_000), ("bad\x1b[2J", 10, 50)]
    for token, requests, size in good:
        for _ in range(requests):
            event = Event("events", b'{"mp_lib":"web"}')
            decision = Decision((event,), ANSWER, ANSWER, (), (token,))
            traffic.observe(decision, size, [Outcome.STORED], endpoint="track")
    for _ in range(10):
        refused = Rejected("track", "event, missing", b"", "bad\x1b[2J")
        traffic.observe(Decision((), ANSWER, ANSWER, (refused,)), 50, endpoint="track")
    servers.begin("q1:22133", 3)
    servers.mark_dead("q2:22133")
    now += 50
    return traffic.stats()


@dataclass
class Site:
    """An admin address that answers what the test says."""

    body: bytes
    status: int = 200
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(b'{"time":1,"traffic":' + encode_stats(sent()) + b"}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            self.send_response(site.status)
            self.send_header("Content-Length", str(len(site.body)))
            self.end_headers()
            self.wfile.write(site.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield site
        server.shutdown()


def top(*words: str) -> Result:
    return CliRunner().invoke(top_command, words)


def test_without_a_terminal_one_table_is_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # some runners set it
    result = top("--admin", site.url)
    assert result.exit_code == 0
    assert site.asked == ["/stats"]
    assert "\x1b" not in result.output
    first, second, *_ = result.output.splitlines()
    assert first == "last minute, 1 worker, up 0 min 50 s"
    assert second == "2.4 events/s   20.6 kB/s   invalid 8.20 %   not stored 0.0/s"
    assert re.search(r"^many +2\.0 +600 B +-$", result.output, re.M)
    assert re.search(r"^bad\?\[2J +0\.4 +20 B +50\.0 %  10 event, missing$", result.output, re.M)
    assert re.search(r"^web +", result.output, re.M)
    assert re.search(r"^q1:22133 +3 +0 +0  alive$", result.output, re.M)
    assert re.search(r"^q2:22133 +0 +0 +0  dead$", result.output, re.M)


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("events", ["many", "bad\x1b[2J", "large"]),
        ("bytes", ["large", "many", "bad\x1b[2J"]),
        ("invalid", ["bad\x1b[2J", "large", "many"]),
    ],
)
def test_rows_are_sorted_as_asked(site: Site, by: str, order: list[str]) -> None:
    result = top("--admin", site.url, "--once", "--json", "--by", by)
    found = json.loads(result.output)
    assert [row["name"] for row in found["tokens"]] == order
    assert found["version"] == 1
    assert found["total"]["reasons"] == {"event, missing": 10}


def test_no_more_rows_are_shown_than_asked(site: Site) -> None:
    found = json.loads(top("--admin", site.url, "--once", "--json", "--rows", "1").output)
    assert [row["name"] for row in found["tokens"]] == ["many"]


def test_an_address_without_a_scheme_will_do(site: Site) -> None:
    assert top("--admin", site.url.removeprefix("http://"), "--minutes", "60").exit_code == 0


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>", 200, "no stats"),
        (b'{"version":7}', 200, "stats of version 7; this program reads 1"),
        (b"not here", 404, "HTTP 404"),
        (msgspec.json.encode(Stats(started=0, at=0)), 200, "no window of 60 seconds"),
    ],
)
def test_an_answer_that_is_not_understood_is_said_in_words(
    site: Site, body: bytes, status: int, reason: str
) -> None:
    site.body, site.status = body, status
    result = top("--admin", site.url)
    assert result.exit_code == 2
    assert reason in result.output
    assert "--admin" in result.output


@pytest.mark.parametrize("where", ["127.0.0.1:1", "http://", "http://["])
def test_when_nothing_answers_it_says_where_and_what_to_do(where: str) -> None:
    result = top("--admin", where)
    assert result.exit_code == 2
    assert "Start the server with `mixmigrate ingest --admin" in result.output
    assert "Traceback" not in result.output


def test_no_line_is_wider_than_the_terminal() -> None:
    shown = view(sent(), 60, By.EVENTS, 10)
    for width in (20, 60, 100):
        assert max(len(line) for line in lines(shown, width)) <= width


def test_a_number_that_may_be_less_is_marked() -> None:
    text = "\n".join(lines(view(sent(capacity=1), 60, By.EVENTS, 10)))
    assert "~" in text
    assert "each token not followed all the time: at most" in text


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Return what a terminal showed up to *wanted*, or within ten seconds."""
    seen, deadline = b"", time.monotonic() + 10
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([descriptor], [], [], 0.1)[0]:
            try:
                seen += os.read(descriptor, 65536)
            except OSError:  # Linux: the other end is closed
                break
    return seen


def test_on_a_terminal_it_goes_on_until_ctrl_c(site: Site) -> None:
    main, other = pty.openpty()
    program = "from pyingest.traffic.command import top_command; top_command()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--admin", site.url],
        stdin=other,
        stdout=other,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "90", "LINES": "30"},
    )
    os.close(other)
    seen = read_until(main, b"q2:22133")
    site.status = 500
    seen += read_until(main, b"what follows is old")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    os.close(main)
    assert process.returncode == 0
    assert errors == b""
    assert b"\x1b[1m" in seen
    assert b"many" in seen
    assert b"what follows is old" in seen
    assert len(site.asked) >= 2
