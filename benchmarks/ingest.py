"""How many requests a second one processor ingests, beside other servers that do the same job.

``python -m benchmarks.ingest [--rounds 3] [--seconds 5] [--servers NAME ...] [--soak SECONDS]``

Every server gets the same 4 000 requests (see ``ingest_workload``) on 64 connections from wrk, and
must percent-decode, read base64 and JSON, refuse what lacks a name or a token, stamp ``ip`` and
``time``, write JSON again, and append it to a file, 512 events at once. First each is checked: all
requests down one connection must get the right answers, and each event must lie in the file.
Servers run on processor 0, wrk on processor 1, in interleaved rounds; medians are printed. Two
servers are beside the others: ``mixmigrate sqlite`` answers only after a commit to disk, and
``nginx static`` does nothing but answer. ``mixmigrate compiled`` is ours on the lean loop, with its
hot path compiled by mypyc. Needs wrk, and what each peer needs; who is missing is
named.
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

from benchmarks.ingest_check import check
from benchmarks.ingest_servers import COMPILED, NAMES, Missing, start_of
from benchmarks.ingest_workload import requests, wrk_script
from benchmarks.processes import Running, free_port

WRK = ("taskset", "-c", "1", "wrk", "-t1", "-c64", "--latency")
RATE = 4_000
"""Requests a second at which latency below saturation is measured."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round; latencies in microseconds."""

    rps: float
    cpu: float
    """Processor time per request, in microseconds."""
    p50: float
    p99: float
    calm_p99: float
    """p99 at ``RATE`` requests a second, from the time at which each was due."""
    mb: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--servers", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--soak", type=int, default=0, help="seconds of load on ours alone")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="mixmigrate-benchmark-"))
    try:
        script = work / "requests.lua"
        script.write_text(wrk_script(requests()))
        if options.soak:
            soak(work, script, options.soak)
        else:
            show(figures(options.servers, work, script, options.rounds, options.seconds))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def figures(
    names: list[str], work: Path, script: Path, rounds: int, seconds: int
) -> dict[str, list[Round]]:
    """Return what each server did in each round."""
    found: dict[str, list[Round]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            if number and not found[name]:
                continue
            done = _round(name, work / f"{name}-{number}".replace(" ", "-"), script, seconds)
            if isinstance(done, Missing):
                print(f"  {name}: left out: {done.why}", file=sys.stderr)
                continue
            found[name].append(done)
            print(f"  round {number + 1}: {name} {done.rps:,.0f}/s", file=sys.stderr)
    return {name: rounds_ for name, rounds_ in found.items() if rounds_}


def _round(name: str, work: Path, script: Path, seconds: int) -> Round | Missing:
    work.mkdir(parents=True)
    port, sink = free_port(), work / "events"
    start = start_of(name, port, sink, work)
    if isinstance(start, Missing):
        return start
    if start.does_the_job:
        checked = Running.begin(start, port, 0)
        try:
            check(name, port, sink, checked)
        finally:
            checked.end()
    # The events of the timed part go nowhere, where that is possible.
    void = work / "timed" if "sqlite" in name else Path("/dev/null")
    timed = start_of(name, port, void, work)
    assert not isinstance(timed, Missing)
    running = Running.begin(timed, port, 0)
    try:
        wrk(port, script, 1)
        before = running.cpu()
        rps, count, p50, p99 = wrk(port, script, seconds)
        cpu = (running.cpu() - before) / count * 1e6
        return Round(rps, cpu, p50, p99, _calm(port), running.mb())
    finally:
        running.end()


def wrk(port: int, script: Path, seconds: int) -> tuple[float, int, float, float]:
    """Return requests a second, requests, p50 and p99 in microseconds."""
    done = subprocess.run(
        [*WRK, f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split()
    if "Non-2xx" in words or "Socket" in words:
        sys.exit(f"wrk saw errors:\n{done.stdout}")
    rps = float(words[words.index("Requests/sec:") + 1])
    count = int(words[words.index("requests") - 1])
    return (
        rps,
        count,
        _micros(words[words.index("50%") + 1]),
        _micros(words[words.index("99%") + 1]),
    )


def _micros(text: str) -> float:
    for unit, factor in (("us", 1.0), ("ms", 1e3), ("s", 1e6)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def _calm(port: int) -> float:
    command = ["taskset", "-c", "1", sys.executable, "-m", "benchmarks.open_loop"]
    done = subprocess.run(
        [*command, str(port), str(RATE), "3"], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout)["p99"])


def show(found: dict[str, list[Round]]) -> None:
    """Print the medians, and how much ours is of each other's."""

    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(one, field) for one in found[name]))

    head = (
        "rps",
        "cpu us/req",
        "p50 us",
        "p99 us",
        f"p99 at {RATE}/s",
        "MB",
        "ours/its",
        "lean/its",
        "compiled/its",
    )
    print(f"{'':20}" + "".join(f"{word:>14}" for word in head))
    for name in found:
        row = [median(name, field) for field in ("rps", "cpu", "p50", "p99", "calm_p99", "mb")]
        row += [
            median(ours, "rps") / median(name, "rps") if ours in found else 0.0
            for ours in ("mixmigrate", "mixmigrate lean", COMPILED)
        ]
        print(f"{name:20}" + "".join(f"{value:14,.2f}" for value in row))


def soak(work: Path, script: Path, seconds: int) -> None:
    """Load ours for long, and print what it holds in memory."""
    port = free_port()
    start = start_of("mixmigrate", port, Path("/dev/null"), work)
    assert not isinstance(start, Missing)
    running = Running.begin(start, port, 0)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            rps, *_ = wrk(port, script, 10)
            print(f"{end - time.monotonic():6.0f} s left {rps:10,.0f}/s {running.mb():8.1f} MB")
    finally:
        running.end()


if __name__ == "__main__":
    main()
