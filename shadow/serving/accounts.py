"""What a killed process leaves behind: its part of the run, with an account of what is missing.

What it recorded can be read; how many requests it had received stands in its odometer. The
difference is ``lost``: answered or not, nobody knows what became of them. So the ledger closes
over all processes, and what is missing has a number.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from shadow.exchange import Exchange, NotMirrored
from shadow.ledger import Ledger
from shadow.recording import Manifest, RecordingError, RunReader
from shadow.serving import statusfiles
from shadow.serving.odometer import SUFFIX, last_value
from shadow.status import Status


def reckoned(exchanges: Iterable[Exchange], received: int) -> Ledger:
    """Return the ledger of one that received so many requests and recorded these."""
    ledger = Ledger()
    for one in exchanges:
        ledger.received += 1
        if not isinstance(one.legacy, NotMirrored):
            ledger.legacy_ended(one.legacy)
        if not isinstance(one.candidate, NotMirrored):
            ledger.mirrored += 1
        ledger.candidate_ended(one.candidate)
    ledger.lost = max(0, received - ledger.received)
    ledger.received += ledger.lost
    return ledger


def close_killed(part: Path, directory: Path, name: str) -> int:
    """Complete the account of a process that was killed; return how many requests are lost.

    Reads its whole part of the run, so it may take long.

    :raises RecordingError: the part cannot be read or written.
    """
    told = statusfiles.read(directory, name)
    reader = RunReader(part)
    recorded = (one for number in reader.partitions for one in reader.exchanges(number))
    known = told.ledger.get("received", 0) if told is not None else 0
    received = last_value(directory / f"{name}{SUFFIX}")
    ledger = reckoned(recorded, known if received is None else received)
    ledger.malformed = told.ledger.get("malformed", 0) if told is not None else 0
    if told is not None and told.queues:
        reader.manifest.taps = _taps(reader, told)
    reader.manifest.ledger = ledger.to_dict()
    _put(part, reader.manifest)
    if told is not None:
        _tell(directory, told, ledger)
    return ledger.lost


def _taps(reader: RunReader, told: Status) -> dict[str, dict[str, object]]:
    """Return how the taps of a killed process fared, as far as is known."""
    read: dict[str, int] = {}
    for name, queue in told.queues.items():
        side = name.partition(" ")[0]
        read[side] = read.get(side, 0) + queue.read
    error = "its process was killed; it had read more than is recorded"
    return {
        side: {"attached": True, "read": count, "backlog": -1, "errors": 1, "error": error}
        for side, count in read.items()
    }


def _tell(directory: Path, told: Status, ledger: Ledger) -> None:
    """Correct what the process told last, so that the sum of all of them closes."""
    told.ledger = ledger.to_dict()
    told.ending = True
    told.error = told.error or f"killed; {ledger.lost:,} requests are lost to the record"
    try:
        statusfiles.write(directory, told)
    except OSError:
        return  # the manifest has it


def _put(part: Path, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    partial = part / "manifest.json.partial"
    try:
        partial.write_bytes(text)
        partial.replace(part / "manifest.json")
    except OSError as error:
        raise RecordingError(f"{part}: {error}") from None
