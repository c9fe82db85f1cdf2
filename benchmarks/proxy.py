"""How much a proxy costs, and what its mirror adds, beside other proxies in the same run.

``python -m benchmarks.proxy [--rounds 3] [--seconds 4] [--proxies NAME ...]``

Behind each proxy stand two services that only answer ``1`` (nginx), on processor 1 with the load;
the proxy has processor 0. Every proxy gets the requests of ``ingest_workload`` from wrk on 64
connections, as fast as it can, and then 2 000 a second at times that do not depend on the answers.
Rounds are interleaved, medians are printed. ``recording`` is ``mixmigrate shadow`` as its users
start it, which keeps every exchange on disk; the peers keep nothing. Each proxy is checked first:
2 000 numbered requests must each get their own answer. ``copied`` is the part of the requests, as
the candidate counted them, of which it got a copy, late ones among them, as they are in the time of
the processor: a proxy could be quick by making none. The calm clients run at the lowest priority:
they look for answers all the time, and the services on their processor go first. Processor time a
request is the figure that other work on the machine disturbs least.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest import wrk
from benchmarks.ingest_servers import Missing
from benchmarks.ingest_workload import requests, wrk_script
from benchmarks.open_loop import Client, latencies
from benchmarks.processes import Running, free_port
from benchmarks.proxy_servers import NAMES, Behind, counted, proxy_of, service

RATE = 2_000
"""Requests a second at which latency below saturation is measured."""
CHECKED = 1.0
"""Seconds for which each answer is checked."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one proxy did in one round; latencies in microseconds."""

    rps: float
    cpu: float
    """Processor time per request, in microseconds."""
    p50: float
    p99: float
    calm_p50: float
    calm_p99: float
    mb: float
    copied: float
    """Part of the requests of which the candidate got a copy, in per cent."""


GOALS = (
    ("rps", "mixmigrate", "nginx", 0.50),
    ("rps", "mixmigrate lean", "nginx", 0.65),
    ("rps", "mixmigrate + mirror", "treq + mirror", 20.0),
    ("rps", "mixmigrate lean + mirror", "treq + mirror", 20.0),
    ("rps", "mixmigrate + mirror", "nginx + mirror, TCP", 1.8),
    ("rps", "mixmigrate lean + mirror", "nginx + mirror, TCP", 1.8),
    ("rps", "mixmigrate + mirror", "nginx + mirror, unix", 0.75),
    ("rps", "mixmigrate lean + mirror", "nginx + mirror, unix", 0.90),
    ("cpu", "mixmigrate + mirror", "mixmigrate", 1.7),
)
"""A figure, ours, whom it is divided by, and the ratio that is asked for: cpu at most, rps at
least."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--proxies", nargs="*", default=NAMES, choices=NAMES)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="mixmigrate-benchmark-"))
    try:
        script = work / "requests.lua"
        script.write_text(wrk_script(requests()))
        behind, services = begin_services(work)
        try:
            direct = calm(behind.legacy)
            show(_figures(options, work, script, behind), direct)
        finally:
            for one in services:
                one.end()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def begin_services(work: Path) -> tuple[Behind, list[Running]]:
    """Start legacy, and the candidate on a port and on a socket; exit where there is no nginx."""
    behind = Behind(free_port(), free_port(), work / "candidate.socket")
    found = []
    for name, listen in (
        ("legacy", f"127.0.0.1:{behind.legacy}"),
        ("candidate", f"127.0.0.1:{behind.candidate}; listen unix:{behind.socket}"),
    ):
        start = service(listen, work / name)
        if isinstance(start, Missing):
            sys.exit(start.why)
        port = behind.legacy if name == "legacy" else behind.candidate
        found.append(Running.begin(start, port, 1))
    return behind, found


def _figures(
    options: argparse.Namespace, work: Path, script: Path, behind: Behind
) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {name: [] for name in options.proxies}
    for number in range(options.rounds):
        for name in options.proxies:
            if number and not found[name]:
                continue
            place = work / f"{name}-{number}".replace(" ", "-").replace(",", "")
            done = _round(name, place, script, behind, options.seconds)
            if isinstance(done, Missing):
                print(f"  {name}: left out: {done.why}", file=sys.stderr)
                continue
            found[name].append(done)
            print(f"  round {number + 1}: {name} {done.rps:,.0f}/s", file=sys.stderr)
    return {name: rounds for name, rounds in found.items() if rounds}


def _round(name: str, work: Path, script: Path, behind: Behind, seconds: int) -> Round | Missing:
    work.mkdir(parents=True)
    port = free_port()
    start = proxy_of(name, port, behind, work)
    if isinstance(start, Missing):
        return start
    running = Running.begin(start, port, 0)
    try:
        check(port)
        wrk(port, script, 1)
        had, _ = rested(behind.candidate)
        before = running.cpu()
        rps, count, p50, p99 = wrk(port, script, seconds)
        mb = running.mb()
        has, looks = rested(behind.candidate)
        copied = (has - had - looks) / count * 100
        cpu = (running.cpu() - before) / count * 1e6
        try:
            calm_p50, calm_p99 = calm(port)
        except subprocess.TimeoutExpired:
            calm_p50 = calm_p99 = float("inf")  # it cannot hold that rate
        return Round(rps, cpu, p50, p99, calm_p50, calm_p99, mb, copied)
    finally:
        running.end()


def rested(candidate: int) -> tuple[int, int]:
    """Return how many requests the candidate had when no more come, and how many were ours."""
    before, now, looks = -1, counted(candidate), 1
    while now - before > 1:
        time.sleep(0.2)
        before, now, looks = now, counted(candidate), looks + 1
    return now, looks


def check(port: int) -> None:
    """Exit unless each of many requests gets its own answer."""
    latencies(Client(port, 16, numbered=True), 1_000, CHECKED)


def calm(port: int) -> tuple[float, float]:
    """Return p50 and p99 at ``RATE`` requests a second, from the time at which each was due."""
    command = [
        "taskset",
        "-c",
        "1",
        "nice",
        "-n",
        "19",
        sys.executable,
        "-m",
        "benchmarks.open_loop",
    ]
    done = subprocess.run(
        [*command, str(port), str(RATE), "3"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    told = json.loads(done.stdout)
    return told["p50"], told["p99"]


def show(found: dict[str, list[Round]], direct: tuple[float, float]) -> None:
    """Print the medians, and the ratios beside what is asked for."""

    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(one, field) for one in found[name]))

    calmly = f"at {RATE}/s"
    head = (
        "rps",
        "cpu us/req",
        "p50 us",
        "p99 us",
        f"p50 {calmly}",
        f"p99 {calmly}",
        "MB",
        "copied %",
    )
    print(f"{'':26}" + "".join(f"{word:>14}" for word in head))
    for name in found:
        fields = ("rps", "cpu", "p50", "p99", "calm_p50", "calm_p99", "mb", "copied")
        print(f"{name:26}" + "".join(f"{median(name, field):14,.2f}" for field in fields))
    print(f"{'without a proxy':82}{direct[0]:14,.2f}{direct[1]:14,.2f}")
    print()
    for field, ours, its, goal in GOALS:
        if ours in found and its in found:
            ratio = median(ours, field) / median(its, field)
            met = ratio <= goal if field == "cpu" else ratio >= goal
            ask = "at most" if field == "cpu" else "at least"
            told = "" if met else "   missed"
            print(f"{field} of {ours!r} / {its!r}: {ratio:.2f} ({ask} {goal:g}){told}")
    if "mixmigrate" in found and "nginx" in found:
        for place, field, goal in ((0, "calm_p50", 1.5), (1, "calm_p99", 2.0)):
            added = [median(name, field) - direct[place] for name in ("mixmigrate", "nginx")]
            ratio = added[0] / added[1] if added[1] > 0 else float("inf")
            told = "" if ratio <= goal else "   missed"
            print(
                f"added {field.removeprefix('calm_')} {calmly}: {added[0]:.0f} us, nginx's "
                f"{added[1]:.0f} us: {ratio:.2f} (at most {goal:g}){told}"
            )


if __name__ == "__main__":
    main()
