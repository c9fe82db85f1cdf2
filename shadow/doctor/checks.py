"""The checks, each a function from what was found to a finding. No I/O, no clock."""

import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from itertools import pairwise

from pyingest.queues.interface import QueueError, parse_queue_url
from shadow.doctor.findings import Finding, ok, problem, warning

OLDEST_PYTHON = (3, 11)
FEW_FILES, ENOUGH_FILES = 1024, 8192
"""Open files: each client takes one, and each connection to a side."""
LITTLE_DISK, ENOUGH_DISK = 1 << 30, 10 << 30
"""Free bytes for a run: a million requests like those of the tests take about 0.4 GB."""
SKEW_WARNING, SKEW_PROBLEM = 2.0, 60.0
"""Seconds by which a side's ``Date`` may differ from our clock; it counts whole seconds."""
DRIFT = 0.05
"""Seconds by which the wall clock may leave the monotonic one while we look."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?")


def python_version(found: Sequence[int]) -> Finding:
    """Judge the interpreter's version."""
    text = ".".join(map(str, found[:3]))
    if tuple(found[:2]) < OLDEST_PYTHON:
        least = ".".join(map(str, OLDEST_PYTHON))
        return problem("python", text, f"use Python {least} or newer")
    return ok("python", text)


def requirement(text: str, found: str | None) -> Finding | None:
    """Judge a requirement such as ``twisted>=26.4``; ``None`` for one of an extra.

    :param found: the version that is installed, ``None`` if there is none.
    """
    if "extra ==" in text or (matched := _REQUIREMENT.match(text)) is None:
        return None
    name, least = matched[1], matched[2] or "0"
    if found is None:
        if ";" in text:
            return None
        return problem(name, "not installed", f"pip install '{name}>={least}'")
    if _numbers(found) < _numbers(least):
        return problem(name, f"{found}, needs {least}", f"pip install '{name}>={least}'")
    return ok(name, found)


def speedup(name: str, present: bool) -> Finding:
    """Judge whether the part of a package that is written in C is there."""
    if present:
        return ok(f"{name} in C", "there")
    return warning(
        f"{name} in C",
        "missing: the package runs in plain Python, many times slower",
        f"install a wheel: pip install --force-reinstall --only-binary :all: {name}",
    )


def open_files(soft: int, hard: int) -> Finding:
    """Judge the limits on open files; negative: there is none."""
    if soft < 0 or soft >= ENOUGH_FILES:
        return ok("open files", "no limit" if soft < 0 else f"{soft:,}")
    room = "no limit" if hard < 0 else f"{hard:,}"
    judge = problem if soft < FEW_FILES else warning
    todo = f"ulimit -n {ENOUGH_FILES}, or LimitNOFILE= of systemd"
    return judge("open files", f"{soft:,} (at most {room})", todo)


def disk(where: str, free: int) -> Finding:
    """Judge the free bytes of the file system that the run directory *where* lies on."""
    said = f"{free / (1 << 30):,.1f} GiB free at {where}"
    if free < LITTLE_DISK:
        return problem("disk", said, "free space, or name a --run elsewhere")
    if free < ENOUGH_DISK:
        return warning("disk", said, "a run of a day may need more: watch it, or rotate")
    return ok("disk", said)


def run_directory(where: str, exists: bool, writable: bool, empty: bool) -> Finding:
    """Judge the directory in which a run is to be recorded, or the one that it is to lie in."""
    if not writable:
        return problem("run", f"{where} cannot be written", "change its rights, or name another")
    if exists and not empty:
        return warning("run", f"{where} holds something already", "a new run needs an empty one")
    return ok("run", where if exists else f"{where} will be made")


def clock(samples: Sequence[tuple[float, float]]) -> Finding:
    """Judge pairs of monotonic and wall seconds, taken one after the other."""
    steps = [(b[1] - a[1]) - (b[0] - a[0]) for a, b in pairwise(samples)]
    worst = max(steps, key=abs, default=0.0)
    if any(b[0] < a[0] for a, b in pairwise(samples)):
        return problem("clock", "the monotonic clock went backwards", "use another machine")
    if abs(worst) > DRIFT:
        return warning(
            "clock",
            f"the wall clock jumped by {worst:+.3f} s while we looked",
            "let the clock settle (chronyc waitsync) before a run: events carry its times",
        )
    return ok("clock", f"wall and monotonic clock agree within {abs(worst) * 1000:.1f} ms")


def date_skew(side: str, date: str | None, now: float) -> Finding:
    """Judge a side's ``Date`` header, fetched at *now* (epoch seconds)."""
    check = f"{side} clock"
    if date is None:
        return ok(check, "unknown: it sends no Date")
    try:
        ahead = parsedate_to_datetime(date).timestamp() - now
    except (ValueError, TypeError):
        return warning(check, f"a Date that is none: {date[:60]!r}", "see what answers there")
    # The header counts whole seconds: it is behind by half of one on average.
    ahead += 0.5
    if abs(ahead) <= SKEW_WARNING:
        return ok(check, f"within {SKEW_WARNING:.0f} s of ours")
    judge = problem if abs(ahead) > SKEW_PROBLEM else warning
    said = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    return judge(check, said, "let NTP run on both: events are stamped with the side's time")


def queues(legacy: str, candidate: str) -> Finding:
    """Judge whether the two sides publish to different queues, as many on each."""
    try:
        ours, theirs = parse_queue_url(legacy), parse_queue_url(candidate)
    except QueueError as error:
        return problem("queues", str(error), "correct the URL")
    if ours.location == theirs.location and set(ours.names) & set(theirs.names):
        return problem(
            "queues",
            "both sides publish to one queue: every consumer would get everything twice",
            "give the candidate queues of its own",
        )
    if len(ours.names) != len(theirs.names):
        return problem(
            "queues",
            f"legacy names {len(ours.names)}, the candidate {len(theirs.names)}",
            "name as many on both sides, in the same order",
        )
    pairs = zip(ours.names, theirs.names, strict=True)
    return ok("queues", "different: " + ", ".join(f"{a} and {b}" for a, b in pairs))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
