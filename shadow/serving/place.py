"""Which part of a dual run a process is, and where it records."""

import enum
from dataclasses import dataclass

TAP_NAME = "mixmigrate-{:x}"
"""The name of our fan-out queues and cursors: one for each run, so that nothing of another is
read."""


class Role(enum.StrEnum):
    """What a process does."""

    WHOLE = "shadow"
    """Everything."""
    PROXY = "proxy"
    TAP = "tap"


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of a run a process is."""

    role: Role
    created: float
    """Epoch seconds at which the run began."""
    slot: int = 0
    """Which of the processes of its role."""
    generation: int = 0
    """How many lived in its place before."""
    inherited: int | None = None
    """The descriptor of the socket that a supervisor listens on."""

    @property
    def name(self) -> str:
        """Of its part of the run: ``proxy-0``; ``proxy-0.2`` after two more."""
        base = f"{self.role}-{self.slot}" if self.role is Role.PROXY else str(self.role)
        return f"{base}.{self.generation}" if self.generation else base

    @property
    def told(self) -> str:
        """Of its status file. That of the tap is always ``tap``: there is only one at a time."""
        return self.name if self.role is Role.PROXY else str(self.role)

    @property
    def position(self) -> str:
        """The name of the taps' position; one for the whole run, however often it is left."""
        return TAP_NAME.format(int(self.created * 1000))

    @property
    def proxies(self) -> bool:
        """Whether clients come in here."""
        return self.role is not Role.TAP

    @property
    def taps(self) -> bool:
        """Whether the queues are read here."""
        return self.role is not Role.PROXY
