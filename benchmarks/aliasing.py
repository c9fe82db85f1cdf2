"""What an alias look-up costs, beside other ways to do it, in the same run.

``python -m benchmarks.aliasing [--aliases 1000000] [--lookups 100000] [--rounds 5] [--batch 50]``

A file holds a million aliases. People are asked for in batches, as requests bring them: half of the
ids are aliases; one half of the look-ups is for anybody, the other for people who come back, by a
power law. Each way answers the
same batches in turn, round by round; printed is the median of the rounds. An answer that is wrong
ends the run. ``share`` is what 50 000 look-ups a second take of one core.
"""

import argparse
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pyingest.aliasing.cache import CachedAliases
from pyingest.aliasing.sqlite import SqliteAliases
from pyingest.aliasing.stage import AliasStage
from pyingest.aliasing.store import Alias, Identity
from pyingest.event import Event

RATE = 50_000
"""Look-ups a second for which the share of a core is told."""
TOKEN = "5b1d0e3f8c7a49629d0c1e2f3a4b5c6d"
Find = Callable[[Sequence[Identity]], list[str | None]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to look ids up."""

    name: str
    begin: Callable[[], Find]
    """Returns the look-up, in the state that it has at the start of a round."""


def device(number: int) -> str:
    """Return an id as a client library makes it: 36 letters."""
    text = f"{number * 0x9E3779B97F4A7C15 % (1 << 128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def user(number: int) -> str:
    """Return the id that the device of the same number stands for."""
    return f"user-{number // 2}@example.com"


def asked(aliases: int, lookups: int, batch: int) -> list[list[Identity]]:
    """Return batches of ids; every second one is no alias."""
    rng = random.Random(20120418)
    everybody = 2 * aliases
    numbers = [
        rng.randrange(everybody) if place % 2 else int(rng.paretovariate(0.3)) % everybody
        for place in range(lookups)
    ]
    identities = [(TOKEN, device(number)) for number in numbers]
    return [identities[start : start + batch] for start in range(0, lookups, batch)]


def fill(path: Path, aliases: int) -> None:
    """Write the aliases of all devices of even numbers."""
    with closing(SqliteAliases(path)) as store:
        for start in range(0, aliases, 50_000):
            numbers = range(2 * start, 2 * min(start + 50_000, aliases), 2)
            store.learn([Alias(TOKEN, device(number), user(number)) for number in numbers])


def row_by_row(path: Path) -> Find:
    """Return the way of one statement a look-up."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)

    def find(identities: Sequence[Identity]) -> list[str | None]:
        rows = (
            connection.execute(
                "SELECT target FROM aliases WHERE token = ? AND alias = ?", identity
            ).fetchone()
            for identity in identities
        )
        return [row[0] if row else None for row in rows]

    return find


def warmed(store: CachedAliases, batches: list[list[Identity]]) -> Find:
    """Return the look-up of a cache that has seen all *batches*."""
    for batch in batches:
        store.find(batch)
    return store.find


def timed(find: Find, batches: list[list[Identity]]) -> tuple[float, list[str | None]]:
    """Return the processor seconds that *batches* took, and the answers."""
    found: list[str | None] = []
    before = time.process_time()
    for batch in batches:
        found += find(batch)
    return time.process_time() - before, found


def events(batches: list[list[Identity]]) -> list[list[Event]]:
    """Return an event of 400 bytes for each look-up."""
    more = ",".join(f'"property {number}":"{number:016}"' for number in range(8))
    return [
        [
            Event(
                "events",
                f'{{"event":"View","properties":{{"token":"{token}","time":1334700000,'
                f'"distinct_id":"{name}",{more}}}}}'.encode(),
            )
            for token, name in batch
        ]
        for batch in batches
    ]


def of_stage(stage: AliasStage, batches: list[list[Event]]) -> float:
    """Return the processor seconds that the whole stage took for *batches*."""
    before = time.process_time()
    for batch in batches:
        stage.resolve(batch)
    return time.process_time() - before


def ways(path: Path, table: dict[Identity, str], batches: list[list[Identity]]) -> list[Way]:
    """Return the ways that are compared, ours last."""
    every = SqliteAliases(path)
    warm = warmed(CachedAliases(SqliteAliases(path)), batches)
    return [
        Way("plain dict, all in memory", lambda: lambda ids: [table.get(one) for one in ids]),
        Way("sqlite, a statement a row", lambda: row_by_row(path)),
        Way("sqlite, a statement a batch", lambda: every.find),
        Way("cache, nothing in it yet", lambda: CachedAliases(SqliteAliases(path)).find),
        Way("cache of 1000, too small", lambda: CachedAliases(SqliteAliases(path), 1000).find),
        Way("cache, all in it (hits)", lambda: warm),
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aliases", type=int, default=1_000_000)
    parser.add_argument("--lookups", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "aliases.db"
        began = time.perf_counter()
        fill(path, given.aliases)
        size = path.stat().st_size / 1e6
        seconds = time.perf_counter() - began
        print(f"{given.aliases} aliases, learned in {seconds:.1f} s, {size:.0f} MB")
        measure(path, given)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"largest this process was: {peak:.0f} MB, the plain dict in it")


def measure(path: Path, given: argparse.Namespace) -> None:
    """Run all rounds, and print what they took."""
    batches = asked(given.aliases, given.lookups, given.batch)
    flat = [identity for batch in batches for identity in batch]
    table = {(TOKEN, device(n)): user(n) for n in range(0, 2 * given.aliases, 2)}
    truth = [table.get(identity) for identity in flat]
    print(f"{len(flat)} look-ups of {len(set(flat))} ids, {given.batch} at a time\n")
    compared = ways(path, table, batches)
    seconds: dict[str, list[float]] = {way.name: [] for way in compared}
    stage = AliasStage(CachedAliases(SqliteAliases(path)))
    bodies = events(batches)
    of_stage(stage, bodies)
    whole = seconds["the whole stage, half rewritten"] = []
    for _ in range(given.rounds):
        for way in compared:
            taken, found = timed(way.begin(), batches)
            if found != truth:
                sys.exit(f"{way.name}: wrong answers")
            seconds[way.name].append(taken)
        whole.append(of_stage(stage, bodies))
    print(f"{'':<34}{'us/look-up':>12}{'share at 50 000/s':>20}")
    for name, taken_each in seconds.items():
        each = statistics.median(taken_each) / len(flat)
        print(f"{name:<34}{each * 1e6:>12.2f}{each * RATE * 100:>18.1f} %")


if __name__ == "__main__":
    main()
