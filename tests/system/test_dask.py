"""The comparison on a real scheduler with two workers, one of which is killed in the middle."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compare.judgement import judge_run
from compare.policy.policy import load
from compare.render.as_json import render_json
from compare.testing import dual_run
from pyingest.message import Request

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
ROOT = Path(__file__).parent.parent.parent
HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Cluster:
    """A scheduler and two workers, each a process of its own, on loopback."""

    directory: Path
    port: int = field(default_factory=free_port)
    dashboard: int = field(default_factory=free_port)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> None:
        local = ["--host", HOST]
        where = ["--port", str(self.port), "--dashboard-address", f"{HOST}:{self.dashboard}"]
        self._run("scheduler", [*local, *where])
        for _ in range(2):
            one = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(self.directory)]
            self._run("worker", [f"tcp://{HOST}:{self.port}", *local, *one])

    def _run(self, part: str, words: list[str]) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{part}", *words]
        path = self.directory / f"{part}-{len(self.processes)}.log"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with path.open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, env=environment, start_new_session=True
                )
            )

    def kill_a_worker(self) -> None:
        """Kill the second worker, its nanny too, so that nobody starts it again."""
        os.killpg(self.processes[-1].pid, signal.SIGKILL)

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait(20)

    def listeners(self) -> set[str]:
        """Return the addresses on which the scheduler listens, as the kernel tells them."""
        ports = {f"{self.port:04X}", f"{self.dashboard:04X}"}
        found = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                address, port = line.split()[1].split(":")
                if port in ports and line.split()[3] == "0A":
                    found.add(address)
        return found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    one = Cluster(tmp_path)
    one.start()
    yield one
    one.stop()


def request(number: int) -> Request:
    comma = b"," if number % 9 == 0 else b""
    body = (
        b'data={"event":"e","properties":{"token":"t","distinct_id":"p%d","n":%d,"time":5%b}}'
        % (number % 700, number, comma)
    )
    return Request(b"POST", b"/track", FORM, body)


def test_a_killed_worker_changes_nothing_in_the_report(cluster: Cluster, tmp_path: Path) -> None:
    run = tmp_path / "run"
    dual_run(run, [request(number) for number in range(6000)])
    policy, text = load("default")
    here = render_json(judge_run(run, policy, text, lambda *_: None, "local:1"))
    killed: list[float] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "exchanges" and done > total // 3 and not killed:
            cluster.kill_a_worker()
            killed.append(time.monotonic())

    where = f"dask://{HOST}:{cluster.port}"
    there = render_json(judge_run(run, policy, text, progress, where))
    assert killed
    assert there == here
    assert cluster.listeners() == {"0100007F"}
