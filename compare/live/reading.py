"""The files in which the processes of a run tell of themselves: ``RUN/status/NAME.json``."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from shadow.serving.statusfiles import DIRECTORY
from shadow.status import Status

MOST_FILES = 512
"""Files that are read; a run has a handful of processes."""
LARGEST = 1024 * 1024
"""Bytes of one file; one of ours has a few thousand."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A status file that was skipped."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """What all status files say at one moment."""

    statuses: tuple[Status, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


def read_statuses(run: Path) -> Told:
    """Return what the processes of *run* tell; nothing where there is no such directory yet.

    A file that cannot be read is skipped and named; it never hides the others.
    """
    statuses: list[Status] = []
    unreadable: list[Unreadable] = []
    paths = sorted((run / DIRECTORY).glob("*.json"))
    if len(paths) > MOST_FILES:
        beyond = len(paths) - MOST_FILES
        unreadable.append(Unreadable(paths[MOST_FILES].name, f"one of {beyond:,} too many"))
    for path in paths[:MOST_FILES]:
        found = _read(path)
        if isinstance(found, Status):
            statuses.append(found)
        elif found is not None:
            unreadable.append(found)
    return Told(tuple(statuses), tuple(unreadable))


def _read(path: Path) -> Status | Unreadable | None:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None  # taken away since the directory was listed
    except OSError as error:
        return Unreadable(path.name, error.strerror or str(error))
    if len(data) > LARGEST:
        return Unreadable(path.name, f"larger than {LARGEST:,} bytes")
    try:
        return msgspec.json.decode(data, type=Status)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unreadable(path.name, f"not a status: {error}")
