"""The status files of a run: ``RUN/status/NAME.json``."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shadow.status import EARLIER, Status

DIRECTORY = "status"
MOST_FILES = 512
"""Files that are read; a run has a handful of processes."""
LARGEST = 1024 * 1024
"""Bytes of one file; one of ours has a few thousand."""
_DECODER = msgspec.json.Decoder(Status)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A status file that was skipped."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Told:
    """What all status files of a run say at one moment."""

    statuses: tuple[Status, ...] = ()
    """By name; of processes that are gone, too."""
    unreadable: tuple[Unreadable, ...] = ()
    earlier: Status | None = None
    """What all processes together had told before the run was gone on with."""


def write(directory: Path, status: Status) -> None:
    """Replace the file of one process.

    :raises OSError: it cannot be written.
    """
    put(directory, status.name, encoded(status))


def encoded(status: Status) -> bytes:
    """Return what the file holds."""
    return _ENCODER.encode(status)


def put(directory: Path, name: str, data: bytes) -> None:
    """Put an encoded status in its place, so that no reader meets half of it.

    :raises OSError: it cannot be written.
    """
    partial = directory / f"{name}.json.partial"
    partial.write_bytes(data)
    partial.replace(directory / f"{name}.json")


def read(directory: Path, name: str) -> Status | None:
    """Return what one process told last; ``None`` if that cannot be read."""
    found = _read(directory / f"{name}.json")
    return found if isinstance(found, Status) else None


def read_all(directory: Path) -> Told:
    """Return what every process told last in *directory*; nothing where that is not there yet.

    A file that cannot be read is skipped and named; it never hides the others.
    """
    if directory.is_dir() and not os.access(directory, os.R_OK | os.X_OK):
        return Told((), (Unreadable(directory.name, "cannot be looked into: Permission denied"),))
    paths = sorted(directory.glob("*.json"))
    read_ = [_read(path) for path in paths[:MOST_FILES]]
    unreadable = [one for one in read_ if isinstance(one, Unreadable)]
    if len(paths) > MOST_FILES:
        beyond = len(paths) - MOST_FILES
        unreadable.append(_unreadable(paths[MOST_FILES], f"one of {beyond:,} too many"))
    told = [one for one in read_ if isinstance(one, Status)]
    earlier = next((one for one in told if one.name == EARLIER), None)
    return Told(tuple(one for one in told if one is not earlier), tuple(unreadable), earlier)


def _read(path: Path) -> Status | Unreadable | None:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None  # a process that has just ended
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror or error}")
    if len(data) > LARGEST:
        return _unreadable(path, f"larger than {LARGEST:,} bytes")
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _unreadable(path, f"not a status: {error}")


def _unreadable(path: Path, why: str) -> Unreadable:
    return Unreadable(f"{path.parent.name}/{path.name}", why)


def is_there(status: Status) -> bool:
    """Return whether the process that told this is there, on this machine."""
    if status.pid <= 0:  # what kill(2) takes for groups of processes
        return False
    try:
        os.kill(status.pid, 0)
    except (ProcessLookupError, OverflowError):  # no such process; no number of one
        return False
    except PermissionError:
        pass  # somebody else's process
    return _runs(status.pid)


def _runs(pid: int) -> bool:
    """Return whether a process is more than an entry that its parent has not yet read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return stat.rpartition(b")")[2].split()[:1] != [b"Z"]
    except OSError:
        return True
