"""Whether a run is what it says: every frame read, every line counted, every ledger closed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from shadow.ledger import Ledger
from shadow.recording import RunReader
from shadow.runs.burial import counted
from shadow.runs.manifest import COMPLETE, KILLED, Damage, PartManifest, RecordingError
from shadow.runs.part import Part
from shadow.runs.run import is_recorded
from shadow.runs.union import NAME

Progress = Callable[[int, int], None]
"""Told how many lines of how many were read."""


@dataclass(slots=True)
class Checked:
    """What a run holds, and what is wrong with it."""

    parts: int = 0
    exchanges: int = 0
    events: int = 0
    ledger: dict[str, int] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)


def check(directory: Path, progress: Progress) -> Checked:
    """Read the run in *directory* through, and return what it holds and what is wrong with it.

    :raises RecordingError: it is no run, or it grows while we read.
    """
    run = RunReader(directory)
    if run.run is not None and is_recorded(directory):
        raise RecordingError(
            f"{directory}: it is being recorded; end that first (SIGTERM), or look at it with "
            "`mixmigrate live`"
        )
    checked = Checked(len(run.parts), ledger=run.manifest.ledger, damage=run.damage)
    total = sum(run.manifest.exchanges) + sum(run.manifest.events)
    done = 0

    def read(lines: int) -> None:
        nonlocal done
        done += lines
        progress(done, total)

    for part in run.parts:
        _check_part(part, checked, read)
    if run.run is not None and run.run.state == COMPLETE:
        _check_sums(run, checked)
    return checked


def _check_part(part: Part, checked: Checked, read: Callable[[int], None]) -> None:
    """Read a part through; compare what is there with what its manifest says."""
    told = part.manifest
    reading = Part(part.directory, msgspec.structs.replace(told), part.where)
    found = counted(reading, checked.damage, read)
    where = f"{part.where}{NAME}"
    for kind in ("exchanges", "events"):
        there, said = sum(getattr(reading.manifest, kind)), sum(getattr(told, kind))
        setattr(checked, kind, getattr(checked, kind) + there)
        if there > said and told.state == COMPLETE:
            what = f"{said:,} {kind} are promised, {there:,} are there"
            checked.damage.append(Damage(where, what))
    checked.damage += (Damage(where, flaw) for flaw in _flaws(told, found))


def _flaws(told: PartManifest, found: Ledger) -> list[str]:
    """Return where a part's ledger does not close, or says otherwise than its exchanges."""
    ledger = told.ledger
    if told.state not in (COMPLETE, KILLED) or "received" not in ledger:
        return []
    flaws = [
        f"the ledger does not close: {name} {ledger[name]:,}"
        for name in ("remainder", "pending")
        if ledger.get(name)
    ]
    for name, there in (
        ("received", found.received + ledger.get("lost", 0)),
        ("mirrored", found.mirrored),
    ):
        if ledger.get(name, 0) != there:
            said = ledger.get(name, 0)
            flaws.append(f"the ledger counts {said:,} {name}, recorded are {there:,}")
    return flaws


def _check_sums(run: RunReader, checked: Checked) -> None:
    """Compare the run's own sums with those of its parts."""
    told = run.run
    if told is None:
        return
    sums = {"exchanges": sum(run.manifest.exchanges), "events": sum(run.manifest.events)}
    for name, there in sums.items():
        said = getattr(told, name)
        if said != there:
            what = f"the run ended with {said:,} {name}, its parts have {there:,}"
            checked.damage.append(Damage(NAME, what))
    if told.ledger != run.manifest.ledger:
        checked.damage.append(Damage(NAME, "its ledger is not the sum of its parts' ledgers"))
