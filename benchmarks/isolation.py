"""What a bad candidate does to the clients of a proxy that mirrors: nothing, it is hoped.

``python -m benchmarks.isolation [--seconds 7] [--proxies NAME ...]``

2 000 requests a second come in at times that do not depend on the answers, on 64 connections, while
the candidate is healthy, slow, hanging, refusing, resetting, talking garbage, answering without an
end, or flapping. Every request carries a number that its answer must name: one that is lost or
changed ends the benchmark. Printed are the clients' p50 and p99 beside those with the mirror off
in the same run, what the proxy held in memory at most, and, for ours, whether the ledger closed.
nginx with its ``mirror`` stands beside us; it may not hold the rate, which is said.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest_servers import Missing, Start
from benchmarks.open_loop import Client, latencies
from benchmarks.processes import Running, free_port
from benchmarks.proxy_peers.candidate import BEHAVIOURS
from benchmarks.proxy_servers import Behind, proxy_of, recording, service

RATE = 2_000
CONNECTIONS = 64
MOST = 1.5
"""How many times the p99 without a mirror is borne."""
CELLS = ("off", "healthy", *(one for one in BEHAVIOURS if one != "healthy"), "refusing")
PROXIES = ("mixmigrate + mirror", "mixmigrate recording", "nginx + mirror, unix")
LOAD = ("taskset", "-c", "1", sys.executable, "-m", "benchmarks.isolation", "--load")
OFF = {"mixmigrate + mirror": "mixmigrate", "nginx + mirror, unix": "nginx"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one proxy did with one candidate; latencies in microseconds."""

    p50: float
    p99: float
    answers: int
    began_mb: float
    most_mb: float
    ledger: str
    """Whether it closed; empty where there is none."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--proxies", nargs="*", default=PROXIES, choices=PROXIES)
    parser.add_argument("--cells", nargs="*", default=CELLS, choices=CELLS)
    parser.add_argument("--load", nargs=2, metavar=("PORT", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        client = Client(int(options.load[0]), CONNECTIONS, numbered=True)
        print(json.dumps(latencies(client, RATE, float(options.load[1]))))
        return
    work = Path(tempfile.mkdtemp(prefix="mixmigrate-benchmark-"))
    try:
        for proxy in options.proxies:
            _show(proxy, options.cells, options.seconds, work / proxy.replace(" ", "-"))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _show(proxy: str, cells: list[str], seconds: float, work: Path) -> None:
    """Measure and print all cells of one proxy."""
    print(f"\n{proxy:24}{'p50 us':>12}{'p99 us':>12}{'p99/off':>10}{'MB':>8}{'most MB':>9}  ledger")
    off, answers = float("inf"), 0
    for name in cells:
        cell = _cell(proxy, name, seconds, work / name)
        if isinstance(cell, Missing):
            print(f"  {name:22}{cell.why}")
            continue
        if name == "off":
            off = cell.p99
        answers += cell.answers
        told = "" if cell.p99 <= MOST * off else f"   more than {MOST:g} times"
        print(
            f"  {name:22}{cell.p50:12,.0f}{cell.p99:12,.0f}{cell.p99 / off:10.2f}"
            f"{cell.began_mb:8.0f}{cell.most_mb:9.0f}  {cell.ledger}{told}",
            flush=True,
        )
    print(f"  {answers:,} answers, each to its own request")


def _cell(proxy: str, behaviour: str, seconds: float, work: Path) -> Cell | Missing:
    work.mkdir(parents=True)
    behind = Behind(free_port(), free_port(), work / "candidate.socket")
    services = []
    try:
        start = service(f"127.0.0.1:{behind.legacy}", work / "legacy")
        if isinstance(start, Missing):
            return start
        services.append(Running.begin(start, behind.legacy, 1))
        if behaviour not in ("off", "refusing"):
            services.append(_candidate(behaviour, behind))
        return _measured(proxy, behaviour, behind, seconds, work)
    finally:
        for one in services:
            one.end()


def _candidate(behaviour: str, behind: Behind) -> Running:
    module = "benchmarks.proxy_peers.candidate"
    where = [str(behind.candidate), behaviour, str(behind.socket)]
    return Running.begin(Start([sys.executable, "-m", module, *where]), behind.candidate, 1)


def _measured(
    proxy: str, behaviour: str, behind: Behind, seconds: float, work: Path
) -> Cell | Missing:
    port = free_port()
    name = OFF.get(proxy, proxy) if behaviour == "off" else proxy
    start = proxy_of(name, port, behind, work / "proxy")
    if name == "mixmigrate recording" and behaviour == "off":
        start = _without_mirror(recording(port, behind, work / "proxy"))
    if isinstance(start, Missing):
        return start
    running = Running.begin(start, port, 0, keep_output=True)
    try:
        began, most = running.mb(), _Most(running)
        done = subprocess.run(
            [*LOAD, str(port), str(seconds)],
            capture_output=True,
            text=True,
            timeout=seconds * 6 + 20,
        )
        most.over.set()
        if done.returncode:
            return Missing(done.stderr.strip().splitlines()[-1])
        told = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return Missing(f"does not hold {RATE} requests a second")
    finally:
        said = running.end()
    ledger = _ledger(said, work / "proxy") if name.startswith("mixmigrate") else ""
    return Cell(told["p50"], told["p99"], int(told["answers"]), began, most.mb, ledger)


def _without_mirror(start: Start) -> Start:
    return Start([*start.command, "--share", "0"], start.environment)


def _ledger(said: str, work: Path) -> str:
    """Return whether the ledger that a proxy of ours left closes, and what it shed."""
    manifest = work / "run" / "manifest.json"
    text = manifest.read_text() if manifest.exists() else said.strip().splitlines()[-1]
    told = json.loads(text)
    ledger = told.get("ledger", told)
    closed = ledger["remainder"] == 0 == ledger["pending"]
    mirrored, shed = ledger["mirrored"], ledger["shed"] + ledger["broken_circuit"]
    return f"{'closed' if closed else 'OPEN'}: {mirrored:,} mirrored, {shed:,} held back"


class _Most:
    """Looks now and then at what a process holds in memory."""

    def __init__(self, running: Running) -> None:
        self.mb = 0.0
        self.over = threading.Event()
        self._running = running
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self.over.is_set():
            self.mb = max(self.mb, self._running.mb())
            time.sleep(0.1)


if __name__ == "__main__":
    main()
