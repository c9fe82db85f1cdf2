"""The same comparison as several tools do it, one process each: prints counts, time and memory.

``python -m benchmarks.compare_peers NAME DIRECTORY [PROCESSES]``
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

Counts = dict[str, int]


def ordered(directory: Path, processes: int) -> Counts:
    """Compare the recorded run, and count what lies in another order, as no other tool does."""
    return ours(directory, processes, order=True)


def ours(directory: Path, processes: int, order: bool = False) -> Counts:
    """Compare the recorded run, all the way to its causes."""
    from compare.stages.engine import Here, summarise
    from compare.stages.engines import Processes
    from compare.stages.rules import Rules
    from shadow.recording import RunReader

    engine = Processes(processes) if processes > 1 else Here()
    found = summarise(RunReader(directory / "run"), Rules(order=order), engine=engine)
    engine.close()
    events = found.events
    return {"changed": events.changed, "missing": events.missing, "extra": events.extra}


def counts_only(directory: Path, processes: int) -> Counts:
    """Count the recorded run as the other tools do, without asking for causes."""
    from compare.stages.engine import Here, match_all, scan_all, workplace
    from compare.stages.rules import Rules
    from shadow.recording import RunReader

    run, rules = RunReader(directory / "run"), Rules(order=False)
    with workplace(run.directory) as work:
        scan_all(run, rules, work, Here())
        events = match_all(run, rules, work, Here()).counts
    return {"changed": events.changed, "missing": events.missing, "extra": events.extra}


def simplejson_decimal(directory: Path, processes: int) -> Counts:
    """Join canonical texts in a dictionary, then the rest by its id; decimals kept."""
    import simplejson

    def canonical(line: bytes) -> tuple[str, str]:
        event = simplejson.loads(line, use_decimal=True)
        text = simplejson.dumps(event, use_decimal=True, sort_keys=True, separators=(",", ":"))
        return text, event["properties"]["$insert_id"]

    waiting: dict[int, str] = {}
    for line in (directory / "legacy.jsonl").open("rb"):
        text, name = canonical(line)
        waiting[hash(text)] = name
    extra: list[str] = []
    for line in (directory / "candidate.jsonl").open("rb"):
        text, name = canonical(line)
        if waiting.pop(hash(text), None) is None:
            extra.append(name)
    return _by_id(set(waiting.values()), set(extra))


def deepdiff_keyed(directory: Path, processes: int) -> Counts:
    """Compare pairs that somebody else has keyed already; a sample of them is enough."""
    from deepdiff import DeepDiff

    sample = 3000
    ours = [
        json.loads(line)
        for line, _ in zip((directory / "legacy.jsonl").open(), range(sample), strict=False)
    ]
    changed = 0
    for event in ours:
        other = json.loads(json.dumps(event))
        if int(event["properties"]["$insert_id"], 16) % 200 == 7:
            other["properties"]["count"] = 8
        changed += bool(DeepDiff(event, other))
    return {"pairs": sample, "changed": changed}


def duckdb_join(directory: Path, processes: int) -> Counts:
    """Read both files into structs and join them on the id, on one thread."""
    import duckdb

    database = duckdb.connect(config={"threads": 1})
    sides = ", ".join(
        f'{name} as (select properties."$insert_id" as id, event, properties '
        f"from read_json('{directory / name}.jsonl', format='newline_delimited'))"
        for name in ("legacy", "candidate")
    )
    row = database.execute(
        f"with {sides} select "
        "count(*) filter (where legacy.id is null) as extra, "
        "count(*) filter (where candidate.id is null) as missing, "
        "count(*) filter (where legacy.id is not null and candidate.id is not null "
        "and (legacy.event, legacy.properties) is distinct from "
        "(candidate.event, candidate.properties)) as changed "
        "from legacy full outer join candidate using (id)"
    ).fetchone()
    assert row is not None
    return {"changed": row[2], "missing": row[1], "extra": row[0]}


def _by_id(missing: set[str], extra: set[str]) -> Counts:
    changed = len(missing & extra)
    return {
        "changed": changed,
        "missing": len(missing) - changed,
        "extra": len(extra) - changed,
    }


PEERS: dict[str, Callable[[Path, int], Counts]] = {
    "mixmigrate": ours,
    "counts only": counts_only,
    "with order": ordered,
    "simplejson": simplejson_decimal,
    "deepdiff": deepdiff_keyed,
    "duckdb": duckdb_join,
}


def main() -> None:
    """Run one of them and print what it found and took."""
    name, directory = sys.argv[1], Path(sys.argv[2])
    processes = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    began = time.perf_counter()
    counts = PEERS[name](directory, processes)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"counts": counts, "seconds": took, "mb": max(peak, workers) / 1024}))


if __name__ == "__main__":
    main()
