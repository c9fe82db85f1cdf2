"""All parts of a run as one: what they hold, what they say together, and what is missing."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shadow.ledger import merged
from shadow.runs.manifest import (
    COMPLETE,
    FORMAT,
    PREPARED,
    RECORDING,
    RUN_FORMAT,
    Damage,
    Manifest,
    PartManifest,
    Pruned,
    RecordingError,
    RunManifest,
    format_of,
)
from shadow.runs.part import Part
from shadow.runs.telling import ended_early, pruned_note, redacted_note
from shadow.tapping.watch import merged as merged_taps

PARTS = "parts"
NAME = "manifest.json"
M = TypeVar("M", Manifest, PartManifest, RunManifest)


class TapShape(msgspec.Struct):
    """What a tap's entry in a manifest must look like, as far as it is there."""

    attached: bool = False
    read: int = 0
    backlog: int = -1
    errors: int = 0
    error: str = ""
    left_behind: str = ""


class Opened:
    """What a run directory holds: one part, or several.

    :raises RecordingError: it is no run, or of another format.
    """

    def __init__(self, directory: Path) -> None:
        self.damage: list[Damage] = []
        self.run: RunManifest | None = None
        text = _text(directory)
        if _format_of(directory, text) == FORMAT:
            self.manifest = decoded(directory, text, Manifest)
            self.parts = [Part(directory, decoded(directory, text, PartManifest), "")]
            self._note_state(self.manifest)
            return
        self.run = decoded(directory, text, RunManifest)
        self.parts = self._found(directory)
        self.manifest = together(self.run, [part.manifest for part in self.parts])
        self._note_state(self.run)
        at_work = {COMPLETE, RECORDING} if self.run.state == RECORDING else {COMPLETE}
        recovered = recovered_of([part.manifest for part in self.parts])
        for part in self.parts:
            if part.manifest.state not in at_work and part.manifest.name not in recovered:
                self.damage.append(Damage(f"{part.where}{NAME}", ended_early(part.manifest)))

    @property
    def since(self) -> float:
        """Epoch seconds of the first request, if some before it were deleted; else -infinity.

        Events from before belong to requests that are not there any more.
        """
        if self.run is None or not self.run.pruned.parts:
            return -math.inf
        firsts = (one.manifest.first for one in self.parts if one.manifest.first)
        return min(firsts, default=math.inf)

    def _found(self, directory: Path) -> list[Part]:
        parts: list[Part] = []
        gone = set(self.run.pruned.names) if self.run is not None else set()
        for name in names(directory):
            if name in gone:
                continue
            place, where = directory / PARTS / name, f"{PARTS}/{name}/"
            try:
                manifest = part_manifest(place)
                if manifest.state != PREPARED:
                    parts.append(Part(place, manifest, where))
            except FileNotFoundError:
                if any(place.glob("*.zst")):
                    self.damage.append(Damage(f"{where}{NAME}", "there is none"))
            except RecordingError as error:
                self.damage.append(Damage(f"{where}{NAME}", str(error)))
        return sorted(parts, key=lambda part: part.manifest.ordinal)

    def _note_state(self, manifest: Manifest | RunManifest) -> None:
        if manifest.state != COMPLETE:
            what = f"the run is {manifest.state!r}: its writer was killed, or is still at work"
            self.damage.append(Damage(NAME, what))


def format_in(directory: Path) -> int:
    """Return the format of the run in *directory*: of one part, or of several.

    :raises RecordingError: it is no run, or of another format.
    """
    return _format_of(directory, _text(directory))


def names(directory: Path) -> list[str]:
    """Return the names of a run's parts, those left out that are being deleted."""
    try:
        found = [path.name for path in (directory / PARTS).iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordingError(f"{directory / PARTS}: cannot be read: {error}") from None
    return sorted(name for name in found if not name.startswith("."))


def part_manifest(place: Path) -> PartManifest:
    """Return the manifest of the part in the directory *place*; it must not be changed.

    :raises FileNotFoundError: there is none.
    :raises RecordingError: it cannot be read.
    """
    path = place / NAME
    try:
        stat = path.stat()
        return _cached(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from None


@lru_cache(maxsize=8192)
def _cached(path: Path, inode: int, changed: int, size: int) -> PartManifest:
    """Read a part's manifest, once: each of a comparison's tasks opens the run anew."""
    return decoded(path.parent, path.read_bytes(), PartManifest)


def together(run: RunManifest, parts: Sequence[PartManifest]) -> Manifest:
    """Return what the manifests of a run and of its parts say together."""
    recovered = recovered_of(parts)
    open_ = (one.state for one in parts if one.state != COMPLETE and one.name not in recovered)
    unfinished = next(open_, COMPLETE)
    return Manifest(
        format=RUN_FORMAT,
        state=run.state if run.state != COMPLETE else unfinished,
        created=run.created,
        partitions=run.partitions,
        legacy=run.legacy,
        candidate=run.candidate,
        exchanges=_summed([one.exchanges for one in parts]),
        events=_summed([one.events for one in parts]),
        ledger=merged(one.ledger for one in parts),
        taps=_taps(parts),
        tax=[one for part in parts for one in part.tax],
        notes=[*run.notes, *_notes(run)],
    )


def recovered_of(parts: Sequence[PartManifest]) -> set[str]:
    """Return the names of parts without requests whose events a later part holds to the last."""
    told = {name for part in parts for name in part.recovers}
    return {one.name for one in parts if one.name in told and not sum(one.exchanges)}


def _notes(run: RunManifest) -> Iterator[str]:
    if run.redacted.headers or run.redacted.fields:
        yield redacted_note(run.redacted)
    if run.pruned != Pruned():
        yield pruned_note(run.pruned)


def _summed(counts: Sequence[Sequence[int]]) -> list[int]:
    longest = max(map(len, counts), default=0)
    return [sum(each[n] for each in counts if n < len(each)) for n in range(longest)]


def _taps(parts: Sequence[PartManifest]) -> dict[str, dict[str, Any]]:
    """Return how each side's tap fared: what the last of its lives says, and all lives' counts."""
    sides = dict.fromkeys(side for part in parts for side in part.taps)
    return {
        side: merged_taps([part.taps[side] for part in parts if side in part.taps])
        for side in sides
    }


def _text(directory: Path) -> bytes:
    path = directory / NAME
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RecordingError(
            f"{directory}: no manifest.json, so this is no run directory; "
            "name the directory given to --run"
        ) from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from None


def _format_of(directory: Path, text: bytes) -> int:
    try:
        found = format_of(text)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{directory / NAME}: not a manifest: {error}") from None
    if found not in (FORMAT, RUN_FORMAT):
        raise RecordingError(
            f"{directory / NAME}: format {found}, this version reads format {FORMAT} "
            f"and {RUN_FORMAT}"
        )
    return found


def decoded(directory: Path, text: bytes, kind: type[M]) -> M:
    """Return the manifest that *text*, which stands in *directory*, holds.

    :raises RecordingError: it holds none.
    """
    try:
        manifest = msgspec.json.decode(text, type=kind)
        if isinstance(manifest, Manifest):
            msgspec.convert(manifest.taps, dict[str, TapShape])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RecordingError(f"{directory / NAME}: not a manifest: {error}") from None
    return manifest
