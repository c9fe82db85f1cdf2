"""What a killed process leaves behind: its part of the run, with an account of what is missing.

What it recorded can be read; how many requests it had received stands in its odometer. The
difference is ``lost``: answered or not, nobody knows what became of them. So the ledger closes
over all processes, and what is missing has a number.
"""

from contextlib import suppress
from pathlib import Path

from shadow.ledger import merged
from shadow.runs.manifest import COMPLETE, PartManifest, RecordingError
from shadow.runs.run import Run
from shadow.runs.union import PARTS, names, part_manifest, recovered_of
from shadow.serving import statusfiles
from shadow.serving.odometer import SUFFIX, last_value
from shadow.serving.summing import most_told
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
        _put_right(told, buried)
        told.ending = True
        told.error = told.error or f"ended ({how}), {lost:,} requests are lost to the record"
        _tell(run, told)
    return lost


def settle(run: Run) -> None:
    """Let the last words of all processes of *run*, which has ended, agree with what they recorded.

    They do, unless something could not be recorded: that is ``lost``, and only the record says so.
    """
    for told in statusfiles.read_all(run.directory / statusfiles.DIRECTORY).statuses:
        part = _last_part(run, told)
        if part is not None and told.ledger != merged((part.before, part.ledger)):
            _put_right(told, part)
            _tell(run, told)


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


def _put_right(told: Status, part: PartManifest) -> None:
    """Let *told* say what its process recorded, of which *part* is the last."""
    told.most = most_told(told)
    told.ledger = merged((part.before, part.ledger)) if told.ledger else {}


def _last_part(run: Run, told: Status) -> PartManifest | None:
    """Return the last part in which a process recorded its requests, if that is still there."""
    found = []
    for name in names(run.directory) if told.ledger else ():
        if name.rpartition(".")[0] == told.name:
            with suppress(FileNotFoundError, RecordingError):
                found.append(part_manifest(run.directory / PARTS / name))
    ours = [part for part in found if part.pid == told.pid]
    return max(ours, key=lambda part: part.ordinal, default=None)


def _tell(run: Run, told: Status) -> None:
    try:
        statusfiles.write(run.directory / statusfiles.DIRECTORY, told)
    except OSError:
        return  # the part's manifest has it
