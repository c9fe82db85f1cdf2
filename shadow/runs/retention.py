"""What is deleted so that a run of weeks does not fill the disk: whole parts, the oldest first.

What is left must be judged as if the rest had never been: so an exchange is kept only while all its
events are, and events as long as an exchange may need them. Exchanges go first, then the events
that are older than every exchange that is left; see ``RunReader.since`` for those in between.
"""

import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from shadow.ledger import merged
from shadow.runs.manifest import PREPARED, RECORDING, PartManifest, Pruned, RecordingError
from shadow.runs.run import Run, total
from shadow.runs.union import PARTS, names, part_manifest

MARGIN = 300.0
"""Seconds by which events are kept longer than exchanges: clocks and queues are not exact."""
NAMED = 100
"""Names of deleted parts that are remembered."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of a run is kept."""

    bytes: int = 0
    """On disk; 0: whatever there is."""
    seconds: float = 0.0
    """Age, counted from a part's end; 0: for ever."""


def unneeded(
    parts: Sequence[PartManifest], keep: Keep, now: float, short: int = 0
) -> list[PartManifest]:
    """Return which of *parts* are to be deleted, in this order.

    :param now: epoch seconds.
    :param short: bytes that must be got back, whatever *keep* says.
    """
    left = sorted(parts, key=lambda part: (part.ended or math.inf, part.ordinal))
    chosen: list[PartManifest] = []
    size, freed = sum(part.size for part in left), 0
    while True:
        over = 0 < keep.bytes < size - freed or freed < short
        old = now - keep.seconds if keep.seconds else -math.inf
        found = next(
            (one for one in left if (over or one.ended < old) and _is_free(one, left)), None
        )
        if found is None:
            return chosen
        chosen.append(found)
        left.remove(found)
        freed += found.size


def prune(run: Run, keep: Keep, now: float, short: int = 0) -> Pruned:
    """Delete what need not be kept of *run*; return what was deleted.

    Killed in the middle, it is carried on by the next call.

    :raises RecordingError: it cannot be deleted.
    """
    with run.changing() as manifest:
        there = set(names(run.directory))
        leftover = there & set(manifest.pruned.names)
        parts = []
        for name in there - leftover:
            with suppress(FileNotFoundError):
                parts.append(part_manifest(run.directory / PARTS / name))
        chosen = unneeded(parts, keep, now, short)
        gone = summed(chosen, now)
        if chosen:
            manifest.pruned = _both(manifest.pruned, gone)
            total(manifest, run.directory)
    for name in (*leftover, *gone.names):
        _delete(run, name)
    return gone


def summed(parts: Sequence[PartManifest], now: float) -> Pruned:
    """Return what *parts* hold together, as deleted at *now*."""
    return Pruned(
        parts=len(parts),
        bytes=sum(part.size for part in parts),
        exchanges=sum(sum(part.exchanges) for part in parts),
        events=sum(sum(part.events) for part in parts),
        ledger=merged(part.ledger for part in parts),
        first=min((part.first for part in parts if part.first), default=0.0),
        at=now if parts else 0.0,
        names=[part.name for part in parts],
    )


def _both(before: Pruned, more: Pruned) -> Pruned:
    firsts = [one.first for one in (before, more) if one.first]
    return Pruned(
        parts=before.parts + more.parts,
        bytes=before.bytes + more.bytes,
        exchanges=before.exchanges + more.exchanges,
        events=before.events + more.events,
        ledger=merged((before.ledger, more.ledger)),
        first=min(firsts, default=0.0),
        at=more.at,
        names=[*before.names, *more.names][-max(NAMED, len(more.names)) :],
    )


def _is_free(part: PartManifest, left: Sequence[PartManifest]) -> bool:
    """Say whether no exchange in another part may need the events of *part*."""
    if part.state in (RECORDING, PREPARED):
        return False
    if not part.last:
        return True
    first = min(
        (_begin(one) for one in left if one is not part and _may_hold_exchanges(one)),
        default=math.inf,
    )
    return part.last < first - MARGIN


def _may_hold_exchanges(part: PartManifest) -> bool:
    return bool(part.first) or part.state == RECORDING


def _begin(part: PartManifest) -> float:
    return min(part.first or math.inf, part.created)


def _delete(run: Run, name: str) -> None:
    place = run.directory / PARTS / name
    try:
        shutil.rmtree(place)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordingError(f"{place}: cannot be deleted: {error}") from None
