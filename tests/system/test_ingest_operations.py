"""`mixmigrate ingest` as operators meet it: real processes, signals, a client that never stops."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
EVENT = "/track?data=%7B%22event%22%3A%22e%22%2C%22properties%22%3A%7B%22token%22%3A%22T%22%7D%7D"
PATIENCE = 20.0


def fetch(address: str, path: str) -> tuple[int, str]:
    """Return status and body of a GET."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Ingest:
    """`mixmigrate ingest` in a process group of its own."""

    def __init__(self, log: Path, *words: str) -> None:
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "ingest", "--listen", "127.0.0.1:0", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[2]
        self.admin = ""
        if "--admin" in words:
            self.admin = self.process.stdout.readline().split()[2]

    def workers(self) -> list[dict[str, Any]]:
        """Return what /stats says of the workers."""
        found: list[dict[str, Any]] = json.loads(fetch(self.admin, "/stats")[1])["workers"]
        return found

    def pids(self) -> set[int]:
        return {one["pid"] for one in self.workers() if one["state"] == "serving"}

    def counted(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        families = text_string_to_metric_families(fetch(self.admin, "/metrics")[1])
        return sum(
            sample.value for family in families for sample in family.samples if sample.name == name
        )

    def said(self) -> list[dict[str, Any]]:
        """Return the log's lines."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Let nothing survive a test."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def alive(pid: int) -> bool:
    """Return whether a process runs; one that nobody has fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


Start = Callable[..., Ingest]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Ingest] = []

    def begin(*words: str) -> Ingest:
        log = tmp_path / f"log-{len(running)}"
        queue = ("--queue", f"sqlite:{tmp_path / 'queue.db'}#events,profiles")
        running.append(Ingest(log, *queue, *words))
        return running[-1]

    yield begin
    for one in running:
        one.end()


def until(true: Callable[[], bool]) -> None:
    """Wait until *true* returns so."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


class Client:
    """Sends without a pause, each request on a connection of its own; keeps what was not a 1."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._where = (host, int(port))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.stored = 0
        self.bad: list[str] = []
        self._thread.start()

    def finish(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        request = f"GET {EVENT} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
        while not self._stop.is_set():
            try:
                with socket.create_connection(self._where, timeout=10) as connection:
                    connection.sendall(request)
                    data = b"".join(iter(lambda: connection.recv(4096), b""))
            except OSError as error:
                self.bad.append(repr(error))
                continue
            if data.endswith(b"\r\n\r\n1"):
                self.stored += 1
            else:
                self.bad.append(repr(data[:100]))


def test_workers_are_replaced_without_a_refused_client(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "ingest.toml"
    # On a busy machine, a client may be slow to send what it connected for.
    config.write_text("[timeouts]\ngrace = 10.0\n")
    server = start("--workers", "2", "--admin", "127.0.0.1:0", "--config", str(config))
    before = server.pids()
    assert len(before) == 2
    clients = [Client(server.address) for _ in range(3)]
    until(lambda: all(one.stored > 5 for one in clients))
    server.process.send_signal(signal.SIGHUP)
    until(lambda: len(server.pids() - before) == 2 and len(server.workers()) == 2)
    seen = [one.stored for one in clients]
    until(lambda: all(one.stored > old + 5 for one, old in zip(clients, seen, strict=True)))
    for one in clients:
        one.finish()
    assert [one.bad for one in clients] == [[], [], []]
    stored = sum(one.stored for one in clients)
    assert server.counted("mixmigrate_events_total") == stored
    assert server.stop() == 0


def test_a_killed_worker_is_replaced_and_its_counts_stay(start: Start) -> None:
    server = start("--workers", "2", "--admin", "127.0.0.1:0")
    for _ in range(20):
        assert fetch(server.address, EVENT)[1] == "1"
    assert server.counted("mixmigrate_requests_total") == 20
    before = server.pids()
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(server.pids() - before) == 1)
    assert server.counted("mixmigrate_worker_restarts_total") == 1
    assert server.counted("mixmigrate_requests_total") == 20
    for _ in range(10):
        assert fetch(server.address, EVENT)[1] == "1"
    assert server.stop() == 0
    assert any(line["event"] == "worker died" for line in server.said())


def test_a_worker_that_keeps_dying_is_waited_for_while_the_other_serves(start: Start) -> None:
    server = start("--workers", "2", "--admin", "127.0.0.1:0")

    def victim() -> int:
        """Return the worker of the first slot; 0 while there is none that serves."""
        pids = [one["pid"] for one in server.workers() if one["slot"] == 0]
        return max(pids, default=0) if len(server.pids()) == 2 else 0

    for deaths in range(1, 4):
        until(lambda: victim() != 0)
        os.kill(victim(), signal.SIGKILL)
        until(lambda: sum("again_in" in line for line in server.said()) == deaths)  # noqa: B023
        assert [fetch(server.address, "/health")[0] for _ in range(5)] == [200] * 5
        until(lambda: server.counted("mixmigrate_worker_restarts_total") == deaths)  # noqa: B023
    until(lambda: len(server.pids()) == 2)
    waits = [line["again_in"] for line in server.said() if "again_in" in line]
    assert waits == [0.0, 0.5, 1.0]
    assert server.stop() == 0


def test_a_worker_that_hangs_is_replaced(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "ingest.toml"
    config.write_text("[timeouts]\nhang = 2\n[metrics]\npoll = 1\n")
    server = start("--workers", "1", "--admin", "127.0.0.1:0", "--config", str(config))
    (pid,) = server.pids()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: any(line["event"] == "worker hangs" for line in server.said()))
    until(lambda: bool(server.pids() - {pid}))
    assert fetch(server.address, "/health")[0] == 200
    assert server.stop() == 0


def test_while_it_gives_notice_it_accepts_and_says_that_it_is_not_ready(
    start: Start, tmp_path: Path
) -> None:
    config = tmp_path / "ingest.toml"
    config.write_text("[timeouts]\nnotice = 2\n")
    server = start("--config", str(config))
    assert fetch(server.address, "/ready") == (200, "ready")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: fetch(server.address, "/ready") == (503, "draining"))
    assert fetch(server.address, EVENT)[1] == "1"
    assert server.process.wait(PATIENCE) == 0


def test_workers_end_when_their_supervisor_was_killed(start: Start) -> None:
    server = start("--workers", "2", "--admin", "127.0.0.1:0")
    pids = server.pids()
    server.process.kill()
    server.process.wait()
    until(lambda: not any(alive(pid) for pid in pids))


def test_ctrl_c_ends_the_whole_group_in_order(start: Start) -> None:
    server = start("--workers", "2", "--admin", "127.0.0.1:0")
    pids = server.pids()
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0
    assert not any(alive(pid) for pid in pids)
    assert "Traceback" not in server.log.read_text()


def test_one_process_answers_what_came_and_ends_with_zero(start: Start) -> None:
    server = start("--admin", "127.0.0.1:0", "--access-log")
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET {EVENT} HTTP/1.1\r\nHost: h\r\n".encode())
        until(lambda: server.counted("mixmigrate_connections") == 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: fetch(server.admin, "/ready") == (503, "draining"))
        connection.sendall(b"\r\n")
        data = b"".join(iter(lambda: connection.recv(4096), b""))
    assert data.endswith(b"1")
    assert b"Connection: close" in data
    assert server.process.wait(PATIENCE) == 0
    (line,) = [one for one in server.said() if one["event"] == "request"]
    assert line["path"] == "/track"
    assert (line["status"], line["stored"]) == (200, 1)


def test_a_worker_that_cannot_begin_is_told_in_a_sentence(tmp_path: Path) -> None:
    queue = f"sqlite:{tmp_path}/nowhere/queue.db#events"
    words = ["--listen", "127.0.0.1:0", "--queue", queue, "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "cli", "ingest", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "check that its directory exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_servers_never_share_an_address_unnoticed(start: Start, tmp_path: Path) -> None:
    server = start("--workers", "1")
    words = ["--listen", server.address, "--queue", "memory:", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "cli", "ingest", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"cannot listen on {server.address}" in done.stderr


def test_settings_are_read_again_and_wrong_ones_are_not_taken(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "ingest.toml"
    config.write_text('[tokens]\ndeny = []\n[logs]\nlevel = "info"\n')
    server = start("--workers", "1", "--admin", "127.0.0.1:0", "--config", str(config))
    assert fetch(server.address, EVENT)[1] == "1"
    config.write_text("[tokens]\ndenied = []\n")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: any(line["event"] == "settings not taken" for line in server.said()))
    assert fetch(server.address, EVENT)[1] == "1"
    before = server.pids()
    config.write_text('[tokens]\ndeny = ["T"]\n')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: bool(server.pids() - before) and len(server.workers()) == 1)
    assert fetch(server.address, EVENT + "&verbose=1")[1] == (
        '{"error":"token, not allowed","status":0}'
    )
    assert server.stop() == 0


@pytest.mark.parametrize("loop", ["twisted", "lean"])
def test_everything_on_at_once_serves_counts_and_ends(
    start: Start, tmp_path: Path, loop: str
) -> None:
    config = tmp_path / "ingest.toml"
    config.write_text(
        f"""
        [listen]
        workers = 2
        loop = "{loop}"
        [contract]
        name = "modern"
        [spool]
        directory = "{tmp_path}/spool"
        [aliases]
        url = "sqlite:{tmp_path}/aliases.db"
        [dead_letters]
        url = "sqlite:{tmp_path}/dead.db"
        [tokens]
        rate = 1000.0
        [logs]
        file = "{tmp_path}/ingest.log"
        access = true
        """
    )
    server = start("--config", str(config), "--admin", "127.0.0.1:0", "--quarantine", "shadow")
    for _ in range(10):
        assert fetch(server.address, EVENT)[1] == "1"
    assert fetch(server.address, "/track?data=3")[1] == "0"
    until(lambda: server.counted("mixmigrate_dead_letters_total") == 1)
    assert server.counted("mixmigrate_events_total") == 10
    assert server.counted("mixmigrate_workers") == 2
    assert fetch(server.address, "/ready") == (200, "ready")
    stats = json.loads(fetch(server.admin, "/stats")[1])
    assert stats["traffic"]["since_start"]["totals"]["stored"] == 10
    assert fetch(server.admin, "/nothing")[0] == 404
    assert server.stop() == 0
    log = [json.loads(line) for line in (tmp_path / "ingest.log").read_text().splitlines()]
    assert sum(line["event"] == "request" for line in log) == 11
    queue = sqlite3.connect(tmp_path / "queue.db")
    rows = queue.execute("SELECT queue, count(*) FROM item GROUP BY queue").fetchall()
    queue.close()
    assert rows == [("shadow", 10)]


def test_settings_can_be_checked_alone(tmp_path: Path) -> None:
    config = tmp_path / "ingest.toml"
    config.write_text('[queue]\nurl = "memory:"\n')
    command = [sys.executable, "-m", "cli", "ingest", "--config", str(config), "--check"]

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert "can be used" in done.stdout
    config.write_text('[queue]\nurl = "memory:"\nname = "x"\n')
    done = check()
    assert done.returncode == 2
    assert f"{config}: queue.name: no such key; allowed here: url, quarantine" in done.stderr
