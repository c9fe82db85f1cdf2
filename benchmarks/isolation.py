"""What a bad candidate does to the clients of a proxy that mirrors: nothing, it is hoped.

``python -m benchmarks.isolation [--rounds 3] [--seconds 7] [--proxies NAME ...]``

2 000 requests a second come in at times that do not depend on the answers, on 64 connections, for a
second that is not counted (all is new to a process then) and as many more as was asked for, while
the candidate is healthy, slow, hanging, refusing, resetting, talking garbage, answering without an
end, or flapping. Every request carries a number that its answer must name: one that is lost or
changed ends the benchmark. Printed are the clients' p50 and p99 (medians of the rounds, and the
worst) beside those with the mirror off, which is measured three times in each round as all else is
compared with it; what the proxy held in memory at most; and, for ours, whether the ledger closed in
each round, with the counts of the last one.
nginx with its ``mirror`` stands beside us; it may not hold the rate, which is said.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest_servers import Missing, Start
from benchmarks.open_loop import Client, latencies
from benchmarks.processes import Running, free_port
from benchmarks.proxy_peers.candidate import BEHAVIOURS
from benchmarks.proxy_servers import Behind, proxy_of, recording, service

RATE = 2_000
WARM_UP = 1.0
OFTEN = 3
"""After so many cells the mirror is off again: machines are quicker at one time than at another."""
CONNECTIONS = 64
MOST = 1.5
"""How many times the p99 without a mirror is borne."""
CELLS = ("off", "healthy", *(one for one in BEHAVIOURS if one != "healthy"), "refusing")
PROXIES = ("mixmigrate + mirror", "mixmigrate recording", "nginx + mirror, unix")
LOAD = ("taskset", "-c", "1", sys.executable, "-m", "benchmarks.isolation", "--load")
P = ("p50", "p99")
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--proxies", nargs="*", default=PROXIES, choices=PROXIES)
    parser.add_argument("--cells", nargs="*", default=CELLS, choices=CELLS)
    parser.add_argument("--load", nargs=2, metavar=("PORT", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        client = Client(int(options.load[0]), CONNECTIONS, numbered=True, patient=True)
        print(json.dumps(latencies(client, RATE, float(options.load[1]), WARM_UP)))
        return
    work = Path(tempfile.mkdtemp(prefix="mixmigrate-benchmark-"))
    try:
        for proxy in options.proxies:
            _show(proxy, _figures(proxy, options, work / proxy.replace(" ", "-")))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _figures(
    proxy: str, options: argparse.Namespace, work: Path
) -> dict[str, list[Cell | Missing]]:
    """Return what one proxy did in each round, by the candidate's behaviour."""
    found: dict[str, list[Cell | Missing]] = {name: [] for name in options.cells}
    for number in range(options.rounds):
        for at, name in enumerate(_order(options.cells)):
            cell = _cell(proxy, name, options.seconds, work / f"{number}-{at}")
            found[name].append(cell)
            told = cell.why if isinstance(cell, Missing) else f"p99 {cell.p99:,.0f} us"
            print(f"  round {number + 1}: {proxy}, {name}: {told}", file=sys.stderr)
    return found


def _order(cells: Sequence[str]) -> Iterator[str]:
    """Give the cells in their order, and in between again and again the one without a mirror."""
    others = [one for one in cells if one != "off"]
    for at, name in enumerate(others or cells):
        if at % OFTEN == 0 and others and "off" in cells:
            yield "off"
        yield name


def _show(proxy: str, found: dict[str, list[Cell | Missing]]) -> None:
    """Print all cells of one proxy: medians, but memory at its most and any ledger left open."""
    heads = ("p50 us", "p99 us", "worst p99", "p99/off", "MB", "most MB")
    print(f"\n{proxy:24}" + "".join(f"{head:>11}" for head in heads) + "  ledger")
    off, answers = float("inf"), 0
    for name, rounds in found.items():
        cells = [one for one in rounds if isinstance(one, Cell)]
        if len(cells) < len(rounds):
            print(f"  {name:22}{next(one.why for one in rounds if isinstance(one, Missing))}")
            continue
        p50, p99 = (statistics.median(getattr(one, field) for one in cells) for field in P)
        off = p99 if name == "off" else off
        answers += sum(one.answers for one in cells)
        began, most = (
            max(getattr(one, field) for one in cells) for field in ("began_mb", "most_mb")
        )
        ledger = min((one.ledger for one in reversed(cells)), key=lambda told: told[:4] == "clos")
        told = "" if p99 <= MOST * off else f"   more than {MOST:g} times"
        print(
            f"  {name:22}{p50:11,.0f}{p99:11,.0f}{max(one.p99 for one in cells):11,.0f}"
            f"{p99 / off:11.2f}{began:11.0f}{most:11.0f}  {ledger}{told}",
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
        cell = _measured(proxy, behaviour, behind, seconds, work)
        if any(one.process.poll() is not None for one in services):
            return Missing("a service behind the proxy has ended")
        return cell
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
