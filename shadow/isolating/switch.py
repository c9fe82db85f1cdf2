"""Mirroring on or off, by hand and at run time: what ``RUN/control.json`` says.

Off is the safe side: the clients notice nothing, only evidence is lost. So a file that cannot be
understood switches off, and one that is not there leaves everything on.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

FILE = "control.json"
"""In the run directory."""


class Control(msgspec.Struct, kw_only=True):
    """What the file says. Keys of later versions are passed over."""

    mirroring: bool
    why: str = ""
    """Whoever switched gives a reason."""
    at: float = 0.0
    """Epoch seconds at which it was switched."""


ON = Control(mirroring=True)
"""While there is no file."""


def control_file(run: Path) -> Path:
    """Return where the switch of a run lies."""
    return run / FILE


def read_control(content: bytes | None) -> Control:
    """Return what the *content* of the file says; ``None`` stands for no file. Never raises."""
    if content is None:
        return ON
    try:
        return msgspec.json.decode(content, type=Control)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Control(mirroring=False, why=f"{FILE} cannot be understood: {error}")


def write_control(control: Control) -> bytes:
    """Return the content of the file."""
    return msgspec.json.format(msgspec.json.encode(control), indent=2) + b"\n"


class Switch:
    """Whether anything is mirrored now; :meth:`take` is told of each change of the file."""

    def __init__(self) -> None:
        self.control = ON
        self.is_on = True
        """Asked for each request."""
        self.changes = 0
        """How often it was really turned."""
        self.turned_off: Callable[[], None] | None = None
        """Called when it is turned off: what waits to be sent must not be sent any more."""

    def take(self, content: bytes | None) -> None:
        """Obey what the file says now."""
        self.control = read_control(content)
        was_on, self.is_on = self.is_on, self.control.mirroring
        if was_on != self.is_on:
            self.changes += 1
            if was_on and self.turned_off is not None:
                self.turned_off()
