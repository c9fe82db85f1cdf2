"""The status files of a run: ``RUN/status/NAME.json``."""

import os
from pathlib import Path

import msgspec

from shadow.status import Status

DIRECTORY = "status"
_DECODER = msgspec.json.Decoder(Status)
_ENCODER = msgspec.json.Encoder()


def write(directory: Path, status: Status) -> None:
    """Replace the file of one process, so that no reader meets half of it.

    :raises OSError: it cannot be written.
    """
    partial = directory / f"{status.name}.json.partial"
    partial.write_bytes(_ENCODER.encode(status))
    partial.replace(directory / f"{status.name}.json")


def read(directory: Path, name: str) -> Status | None:
    """Return what one process told last; ``None`` if that cannot be read."""
    try:
        return _DECODER.decode((directory / f"{name}.json").read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_all(directory: Path) -> list[Status]:
    """Return what every process of a run told last, by name; those that are gone, too."""
    return read_each(directory)[0]


def read_each(directory: Path) -> tuple[list[Status], list[str]]:
    """Return what every process of a run told last, and which files cannot be read, and why."""
    found: list[Status] = []
    if directory.is_dir() and not os.access(directory, os.R_OK | os.X_OK):
        return found, [f"{directory.name}: cannot be looked into: Permission denied"]
    unreadable = []
    for path in sorted(directory.glob("*.json")):
        try:
            found.append(_DECODER.decode(path.read_bytes()))
        except FileNotFoundError:
            continue  # a process that has just ended
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            unreadable.append(f"{directory.name}/{path.name}: cannot be read: {error}")
    return found, unreadable


def is_there(status: Status) -> bool:
    """Return whether the process that told this is there, on this machine."""
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
