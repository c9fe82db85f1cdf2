"""What a supervisor and its workers say to each other: JSON lines through two pipes."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from pyingest.serving.metrics import Sample

S = TypeVar("S")
"""What a worker is told to do."""

LISTENING = 3
"""The file descriptor of the listening socket in a worker."""
LONGEST = 64 * 1024 * 1024
"""Bytes of one line; more is a defect."""


class Begin(msgspec.Struct, Generic[S], frozen=True, tag="begin"):
    """To a worker, first: how to serve."""

    settings: S
    slot: int
    generation: int
    """How many workers this slot had before."""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """To a worker: what have you counted?"""

    number: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From a worker: I accept connections."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """From a worker: I cannot serve, and an operator must mend it."""

    why: str


class Told(msgspec.Struct, frozen=True, tag="told"):
    """From a worker: what I counted. Number 0 is its last word."""

    number: int
    samples: tuple[Sample, ...]
    stats: dict[str, Any] = {}
    problem: str = ""
    """Why it is not ready for requests; empty when it is."""


ToWorker = Begin[Any] | Ask
ToSupervisor = Ready | Failed | Told
_ENCODER = msgspec.json.Encoder()
TO_SUPERVISOR: msgspec.json.Decoder[ToSupervisor] = msgspec.json.Decoder(ToSupervisor)


def line(message: ToWorker | ToSupervisor) -> bytes:
    """Return *message* as one line."""
    return _ENCODER.encode(message) + b"\n"


class Lines:
    """Cuts bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return the lines that *data* completed, without their ends.

        :raises ValueError: a line is longer than any of ours.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            raise ValueError("a control line without an end")
        return iter(whole)
