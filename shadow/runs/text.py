"""Runs in words, for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from shadow.runs.amounts import size_text, span_text
from shadow.runs.listing import PartSeen, RunSeen
from shadow.runs.manifest import COMPLETE
from shadow.runs.telling import moment

PARTS_SHOWN = 40


def listed(runs: Sequence[RunSeen], now: float) -> list[str]:
    """Return one line a run, under a heading; nothing for none."""
    if not runs:
        return []
    rows = [("RUN", "STATE", "SIZE", "REQUESTS", "EVENTS", "AGE")]
    rows += [
        (
            one.run,
            one.state,
            size_text(one.size),
            f"{one.requests:,}",
            f"{one.events:,}",
            span_text(now - one.created),
        )
        for one in runs
    ]
    return columns(rows, left=2)


def shown(run: RunSeen, now: float) -> Iterator[str]:
    """Yield everything that can be told of a run."""
    yield f"{run.run}: {run.state}, {size_text(run.size)}"
    yield f"  {run.requests:,} requests, {run.events:,} events"
    yield f"  begun {moment(run.created)}, {span_text(now - run.created)} ago"
    yield from (f"  gone on with {moment(at)}" for at in run.resumed)
    yield f"  last written {moment(run.ended)}, {span_text(now - run.ended)} ago"
    for side, told in (("legacy", run.legacy), ("candidate", run.candidate)):
        said = ", ".join(f"{name} {value}" for name, value in told.items() if value)
        yield f"  {side}: {said or 'not told'}"
    yield from (f"  note: {note}" for note in run.notes)
    yield from (f"  damage: {line}" for line in run.damage)
    if run.pruned:
        yield f"  deleted parts: {', '.join(run.pruned['names'][-PARTS_SHOWN:])}"
    yield from ("", "ledger", *_ledger(run.ledger))
    yield from ("", "taps", *_taps(run, now))
    if run.parts:
        yield from ("", "parts", *_parts(run.parts))


def columns(rows: Sequence[tuple[str, ...]], left: int, indent: str = "") -> list[str]:
    """Return *rows* as lines, the first *left* columns flush left, the others flush right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def _ledger(ledger: dict[str, int]) -> list[str]:
    kept = {"received", "mirrored", "remainder"}
    rows = [(name, f"{count:,}") for name, count in ledger.items() if count or name in kept]
    return columns(rows, left=1, indent="  ") if rows else ["  none"]


def _taps(run: RunSeen, now: float) -> Iterator[str]:
    where = "" if run.state == COMPLETE else " in parts that are closed"
    for side, tap in run.taps.items():
        told = f"  {side}: {tap.get('read', 0):,} read, {tap.get('backlog', -1)} left unread{where}"
        for name in ("error", "left_behind"):
            told += f"; {name.replace('_', ' ')}: {tap[name]}" if tap.get(name) else ""
        yield told
    for queue, now_told in run.tapping.items():
        yield f"  {queue}: {_tapping(now_told)}, as told {span_text(now - now_told['at'])} ago"
    if not run.taps and not run.tapping:
        yield "  none" if run.state == COMPLETE else "  none has told of itself"


def _tapping(told: dict[str, Any]) -> str:
    """Return what is told of a queue that is being tapped."""
    waiting = f"{told['lag']:,} wait" if told["lag"] >= 0 else "how many wait is not known"
    error = f"; error: {told['error']}" if told["error"] else ""
    return f"{told['read']:,} read so far, {waiting}{error}"


def _parts(parts: Sequence[PartSeen]) -> list[str]:
    rows = [("NAME", "STATE", "SIZE", "REQUESTS", "EVENTS", "LOST", "LASTED")]
    rows += [
        (
            one.name,
            one.state,
            size_text(one.size),
            f"{one.requests:,}",
            f"{one.events:,}",
            f"{one.lost:,}",
            span_text(one.ended - one.began) if one.ended else "",
        )
        for one in parts[-PARTS_SHOWN:]
    ]
    lines = columns(rows, left=2, indent="  ")
    if len(parts) > PARTS_SHOWN:
        lines.append(f"  and {len(parts) - PARTS_SHOWN:,} before these")
    return lines
