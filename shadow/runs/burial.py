"""What a killed writer left becomes a part that says exactly what it holds, and what it lacks."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from shadow.ledger import Ledger
from shadow.runs.manifest import KILLED, Damage, PartManifest, RecordingError
from shadow.runs.part import Part
from shadow.runs.private import write_whole
from shadow.runs.union import NAME, PARTS, part_manifest


def bury(directory: Path, name: str, received: int | None = None, why: str = "") -> PartManifest:
    """Close the part *name* of the run in *directory*: count what is on disk, and what is lost.

    Its ledger becomes that of the exchanges on disk. What the writer had received beyond them, by
    its manifest or by its last status, is in the bucket ``lost``, so that the ledger closes.

    :param received: requests that the writer had received in all its parts since it began.
    :raises RecordingError: it is still being written, or the disk does not take the manifest.
    """
    place = directory / PARTS / name
    claim(place)
    manifest = msgspec.structs.replace(part_manifest(place))
    # What the writer said of itself covers its earlier parts, too: what these hold is not lost.
    known = max(manifest.ledger.get("received", 0), (received or 0) - manifest.carried)
    damage: list[Damage] = []
    found = counted(Part(place, manifest, ""), damage)
    found.lost = max(0, known - found.received)
    found.received += found.lost
    found.malformed = manifest.ledger.get("malformed", 0)
    manifest.ledger = found.to_dict()
    manifest.size = sum(path.stat().st_size for path in place.glob("*.zst"))
    manifest.state, manifest.ended = KILLED, time.time()
    told = [manifest.why, why, *(f"{one.where}: {one.what}" for one in damage)]
    manifest.why = "; ".join(one for one in told if one)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    try:
        write_whole(place / NAME, text, lasting=True)
    except OSError as error:
        raise RecordingError(f"{place / NAME}: {error}") from None
    return manifest


def counted(part: Part, damage: list[Damage], read: Callable[[int], None] | None = None) -> Ledger:
    """Return the ledger of the exchanges that a part holds; put its counts into its manifest.

    :param read: told, partition by partition, how many lines were read.
    """
    ledger, manifest = Ledger(), part.manifest
    exchanges, events = [], []
    for number in range(manifest.partitions):
        before = ledger.received
        for exchange in part.exchanges(number, damage):
            ledger.ended(exchange)
            at = exchange.at
            manifest.first = min(manifest.first or at, at)
        exchanges.append(ledger.received - before)
        lines = 0
        for event in part.events(number, damage):
            lines += 1
            manifest.last = max(manifest.last, event.at)
        events.append(lines)
        if read is not None:
            read(exchanges[-1] + lines)
    manifest.exchanges, manifest.events = exchanges, events
    return ledger


def claim(place: Path) -> None:
    """Make sure that nobody writes the part in *place*.

    :raises RecordingError: somebody does.
    """
    try:
        file = os.open(place, os.O_RDONLY)
    except OSError as error:
        raise RecordingError(f"{place}: {error}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RecordingError(
            f"{place}: still being written by process {part_manifest(place).pid}; end it first"
        ) from None
    finally:
        os.close(file)
