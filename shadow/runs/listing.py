"""What can be told of runs without reading what they recorded."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from shadow.recording import RunReader
from shadow.runs.manifest import COMPLETE, PartManifest, RecordingError
from shadow.runs.run import is_recorded
from shadow.runs.union import NAME, PARTS
from shadow.serving.statusfiles import DIRECTORY, read_all

DEEPEST = 6
"""Directories into which runs are looked for."""


@dataclass(frozen=True, slots=True)
class PartSeen:
    """One part of a run."""

    name: str
    state: str
    size: int
    """Bytes on disk."""
    requests: int
    events: int
    began: float
    """Epoch seconds."""
    ended: float
    """Epoch seconds; 0 while it is written."""
    lost: int
    why: str


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run."""

    run: str
    """Its directory."""
    state: str
    """That of its manifest; ``live`` while a process records."""
    size: int
    """Bytes on disk, reports and all."""
    requests: int
    events: int
    created: float
    """Epoch seconds."""
    ended: float
    """Epoch seconds of the last change in it."""
    legacy: dict[str, str]
    candidate: dict[str, str]
    notes: list[str]
    ledger: dict[str, int]
    taps: dict[str, dict[str, Any]]
    """What closed parts say of them."""
    tapping: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of a run that has not ended: what its processes told last of each queue that they tap, by
    side and name, as in ``shadow.status``; ``at`` is when, in epoch seconds."""
    parts: list[PartSeen] = field(default_factory=list)
    pruned: dict[str, Any] = field(default_factory=dict)
    """What was deleted of it; empty: nothing."""
    resumed: list[float] = field(default_factory=list)
    redacted: dict[str, Any] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    """As far as it shows without reading everything."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def runs_in(directory: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """Yield the directories of the runs at and beneath *directory*, in the order of their names."""
    if (directory / NAME).is_file():
        yield directory
        return
    if depth:
        with suppress(OSError):
            for path in sorted(directory.iterdir()):
                if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
                    yield from runs_in(path, depth - 1)


def seen(directory: Path) -> RunSeen:
    """Return what the run in *directory* tells.

    :raises RecordingError: it is no run.
    """
    run = RunReader(directory)
    manifest, whole = run.manifest, run.run
    sizes = _sizes(directory)
    live = whole is not None and is_recorded(directory)
    return RunSeen(
        run=str(directory),
        state="live" if live else manifest.state,
        size=sum(sizes.values()),
        requests=sum(manifest.exchanges),
        events=sum(manifest.events),
        created=manifest.created,
        ended=_changed(directory, run),
        legacy=manifest.legacy,
        candidate=manifest.candidate,
        notes=manifest.notes,
        ledger=manifest.ledger,
        taps=manifest.taps,
        tapping=_tapping(directory) if live or manifest.state != COMPLETE else {},
        parts=[_part(part.manifest, sizes) for part in run.parts] if whole is not None else [],
        pruned=_told(whole.pruned) if whole is not None and whole.pruned.parts else {},
        resumed=list(whole.resumed) if whole is not None else [],
        redacted=_told(whole.redacted) if whole is not None and whole.redacted.key else {},
        damage=[] if live else [f"{one.where}: {one.what}" for one in run.damage],
    )


def _told(value: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def _tapping(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what was told last of each queue: a tap writes into its part only when it ends."""
    latest: dict[str, dict[str, Any]] = {}
    told = read_all(directory / DIRECTORY).statuses
    for status in sorted(told, key=lambda one: one.at):
        for name, queue in status.queues.items():
            latest[name] = {"at": status.at, **_told(queue)}
    return latest


def _part(manifest: PartManifest, sizes: dict[str, int]) -> PartSeen:
    return PartSeen(
        name=manifest.name,
        state=manifest.state,
        size=sizes.get(manifest.name, 0),
        requests=sum(manifest.exchanges),
        events=sum(manifest.events),
        began=manifest.created,
        ended=manifest.ended,
        lost=manifest.ledger.get("lost", 0),
        why=manifest.why,
    )


def _sizes(directory: Path) -> dict[str, int]:
    """Return the bytes of a run's files, by the part they belong to; under "" those of none."""
    sizes: dict[str, int] = {}
    for path in directory.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                inside = path.relative_to(directory).parts
                name = inside[1] if inside[0] == PARTS and len(inside) > 2 else ""
                sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return sizes


def _changed(directory: Path, run: RunReader) -> float:
    """Return when the run was last written to, in epoch seconds."""
    times = [part.manifest.ended for part in run.parts]
    for part in run.parts:
        with suppress(OSError):
            times.append((part.directory / NAME).stat().st_mtime)
    try:
        return max(times, default=0.0) or (directory / NAME).stat().st_mtime
    except OSError as error:
        raise RecordingError(f"{directory}: {error}") from None
