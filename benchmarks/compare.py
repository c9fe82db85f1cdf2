"""How fast two queues are compared, beside other tools, on the same million events.

``python -m benchmarks.compare [--events 1000000] [--rounds 3] [--large 10000000]``

Half of the candidate's events, or one in twenty, are written in other bytes; 0.5 % are changed,
0.1 % missing, 0.1 % extra; both sides are shuffled. Each tool runs in a process of its own, in
turn; what is printed is the median of the rounds, and its ratio to ours. A tool whose counts are
wrong is not timed. Deepdiff gets pairs that are keyed already, and few of them: its figure is
scaled up. ``counts only`` is ours doing no more than the others: ``mixmigrate`` also explains what
differs by causes. ``with order`` adds the check of order that ``compare`` makes by default.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.planted_events import Planted, write_files, write_run

PEERS = ("mixmigrate", "counts only", "with order", "simplejson", "duckdb", "deepdiff")


@dataclass(frozen=True, slots=True)
class Figure:
    """What one tool took: median seconds, the range, and the largest process in MB."""

    seconds: float
    least: float
    most: float
    mb: float


def run(name: str, directory: Path, processes: int = 1) -> dict[str, Any]:
    """Return what one tool found and took, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.compare_peers", name, str(directory)]
    done = subprocess.run([*command, str(processes)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def checked(name: str, found: dict[str, Any], planted: Planted) -> float:
    """Return the seconds that a tool took for all events, if its counts are right."""
    counts, expected = found["counts"], planted.expected
    seconds = float(found["seconds"])
    if "pairs" in counts:
        if counts["changed"] != sum(1 for _ in range(7, counts["pairs"], 200)):
            sys.exit(f"{name} found {counts}")
        return seconds * planted.events / int(counts["pairs"])
    if counts != expected:
        sys.exit(f"{name} found {counts}, planted were {expected}")
    return seconds


def figures(
    directory: Path, planted: Planted, rounds: int, peers: Sequence[str]
) -> dict[str, Figure]:
    """Return what each tool took, in interleaved rounds."""
    names = [*peers, "mixmigrate, 2 processes"]
    taken: dict[str, list[float]] = {name: [] for name in names}
    most: dict[str, float] = dict.fromkeys(names, 0.0)
    for number in range(rounds):
        for name in names:
            peer, _, two = name.partition(",")
            found = run(peer, directory, 2 if two else 1)
            taken[name].append(checked(name, found, planted))
            most[name] = max(most[name], found["mb"])
            print(f"  round {number + 1}: {name} {taken[name][-1]:.2f} s", file=sys.stderr)
    return {
        name: Figure(statistics.median(all_), min(all_), max(all_), most[name])
        for name, all_ in taken.items()
    }


def show(figures: dict[str, Figure]) -> None:
    """Print the table; a ratio above 1 says how often ours would fit into the other's time."""
    ours = figures["mixmigrate"].seconds
    print(f"{'':26}{'median s':>10}{'min':>9}{'max':>9}{'MB':>7}{'ratio to ours':>15}")
    for name, one in figures.items():
        print(
            f"{name:26}{one.seconds:10.2f}{one.least:9.2f}{one.most:9.2f}{one.mb:7.0f}"
            f"{one.seconds / ours:15.2f}"
        )


def main() -> None:
    """Run the whole benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="a power of ten")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=0, help="also a run so large, ours alone")
    parser.add_argument("--respelt", type=int, nargs="*", default=[50, 5], help="percent")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="mixmigrate-benchmark-"))
    try:
        for respelt in options.respelt:
            planted = Planted(options.events, respelt)
            directory = work / str(respelt)
            directory.mkdir()
            write_files(directory, planted)
            write_run(directory / "run", planted)
            print(f"{options.events:,} events a side, {respelt} % of them in other bytes")
            show(figures(directory, planted, options.rounds, options.peers))
            shutil.rmtree(directory)
        if options.large:
            planted = Planted(options.large)
            write_run(work / "run", planted)
            found = run("mixmigrate", work)
            seconds = checked("mixmigrate", found, planted)
            print(f"{options.large:,} events a side: {seconds:.1f} s, {found['mb']:.0f} MB")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
