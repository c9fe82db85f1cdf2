"""What a killed process leaves behind: its part of the run, with an account of what is missing.

What it recorded can be read; how many requests it had received stands in its odometer. The
difference is ``lost``: answered or not, nobody knows what became of them. So the ledger closes
over all processes, and what is missing has a number.
"""

from pathlib import Path

from shadow.ledger import merged
from shadow.runs.manifest import COMPLETE, RecordingError
from shadow.runs.run import Run
from shadow.runs.union import PARTS, names, part_manifest, recovered_of
from shadow.serving import statusfiles
from shadow.serving.odometer import SUFFIX, last_value
from shadow.status import Status


def close_killed(run: Run, name: str, how: str) -> int | None:
    """Complete the account of the process *name*; return how many requests are lost.

    ``None`` if it had not begun to record. Reads its whole last part, so it may take long.

    :raises RecordingError: the part cannot be read or written.
    """
    directory = run.directory / statusfiles.DIRECTORY
    told = statusfiles.read(directory, name)
    received = last_value(directory / f"{name}{SUFFIX}")
    if received is None and told is not None:
        received = told.ledger.get("received")
    buried = run.bury(name, received, f"its process ended: {how}")
    if buried is None:
        return None
    lost = buried.ledger.get("lost", 0)
    if told is not None:
        told.ledger = _ledger(run, told.pid) if told.ledger else {}
        told.ending = True
        told.error = told.error or f"ended ({how}), {lost:,} requests are lost to the record"
        _tell(run, told)
    return lost


def is_taken_over(directory: Path, name: str) -> bool:
    """Return whether a later part of the run in *directory* makes good for the killed *name*.

    That is so when a tap went on where another was killed, with all that one had read.
    """
    try:
        parts = [part_manifest(directory / PARTS / one) for one in names(directory)]
    except (FileNotFoundError, RecordingError):
        return False  # one is about to begin, or is damaged: the next look will tell
    good = recovered_of(parts)
    dead = [one.name for one in parts if one.name.rpartition(".")[0] == name]
    return any(one in good for one in dead) and all(
        part.name in good for part in parts if part.name in dead and part.state != COMPLETE
    )


def _ledger(run: Run, pid: int) -> dict[str, int]:
    """Return the sum of what all parts of a process say: what its status must say from now on."""
    parts = [part_manifest(run.directory / PARTS / name) for name in names(run.directory)]
    return merged(part.ledger for part in parts if part.pid == pid)


def _tell(run: Run, told: Status) -> None:
    try:
        statusfiles.write(run.directory / statusfiles.DIRECTORY, told)
    except OSError:
        return  # the part's manifest has it
