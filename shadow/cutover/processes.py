"""What each proxy process tells of the present stage, in a file of its own.

``DIR/processes/NAME.json`` is replaced twice a second. A process that has ended leaves its file
behind: what it counted belongs to its stage all the same.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from shadow.cutover.stage import Sight
from shadow.cutover.store import replaced

FOLDER = "processes"
SILENT = 5.0
"""Seconds after which a process that says nothing counts as gone."""
FORGOTTEN = 3600.0
"""Seconds after which a file that nobody renews may be removed, once its stage has passed."""


class ArmTold(msgspec.Struct, frozen=True, kw_only=True):
    """One side as far as it answered clients in this stage."""

    requests: int = 0
    errors: int = 0
    refusals: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one process tells."""

    name: str
    pid: int
    at: float
    """Epoch seconds."""
    epoch: int
    """The state that it routes by."""
    stage: str
    copied: bool = False
    """Whether legacy gets copies of what the candidate answers."""
    legacy: ArmTold = ArmTold()
    candidate: ArmTold = ArmTold()
    guards: dict[str, float] = {}
    """How near each guard is to firing, from 0 to 1."""
    tripped: str = ""
    """Why a guard has fired in this stage, or empty."""
    error: str = ""
    """Why this process does not follow ``stage.json`` at present, or empty."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Told).decode


def tell(directory: Path, told: Told) -> None:
    """Leave *told* for whoever asks.

    :raises OSError: it cannot be written.
    """
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    replaced(folder / f"{told.name}.json", _encode(told) + b"\n", safely=False)


def told(directory: Path) -> list[Told]:
    """Return what all processes told last, by name; a file that cannot be read is left out."""
    found = []
    for path in sorted((directory / FOLDER).glob("*.json")):
        try:
            found.append(_decode(path.read_bytes()))
        except (OSError, msgspec.DecodeError, ValueError):
            continue
    return found


def tidy(directory: Path, epoch: int, now: float) -> None:
    """Remove what processes left behind that are long gone, of stages that have passed."""
    for one in told(directory):
        if one.epoch < epoch and now - one.at > FORGOTTEN:
            (directory / FOLDER / f"{one.name}.json").unlink(missing_ok=True)


def alive(processes: Iterable[Told], now: float) -> list[Told]:
    """Return the processes that were heard from of late; *now* is in epoch seconds."""
    return [one for one in processes if now - one.at <= SILENT]


def sight(processes: Iterable[Told], epoch: int, now: float) -> Sight:
    """Return what all *processes* saw of the stage of *epoch*."""
    ours = [one for one in processes if one.epoch == epoch]
    return Sight(
        proxies=len(alive(ours, now)),
        requests=sum(one.candidate.requests for one in ours),
        tripped=tuple(sorted({one.tripped for one in ours if one.tripped})),
    )
