"""What happened to one request: both outcomes, and the events that both sides queued."""

import enum
from dataclasses import dataclass

from pyingest.message import Request, Response


class Side(enum.StrEnum):
    """Which of the two services."""

    LEGACY = "legacy"
    CANDIDATE = "candidate"

    @property
    def other(self) -> "Side":
        """Return the other one."""
        return Side.CANDIDATE if self is Side.LEGACY else Side.LEGACY


class Failure(enum.StrEnum):
    """Why a side gave no answer."""

    REFUSED = "refused"
    """No connection could be made; the side never saw the request."""
    RESET = "reset"
    """The connection ended before the whole answer was there."""
    TIMED_OUT = "timed out"
    MALFORMED = "malformed"
    """What came back was not HTTP."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A side answered."""

    response: Response
    seconds: float
    """From the moment the request was handed to the side until its whole answer was there."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A side gave no answer. A value, never an exception: it is data for the verdict."""

    kind: Failure
    detail: str
    seconds: float


Outcome = Answered | Failed


class Reason(enum.StrEnum):
    """Why a request was not mirrored to the other side. Each is a bucket of the ledger."""

    NOT_SAMPLED = "not sampled"
    CONTROL = "control"
    """Drawn for the control arm, which tells what mirroring costs the clients."""
    FILTERED = "filtered"
    """By a rule of the configuration."""
    SWITCHED_OFF = "switched off"
    """Mirroring was switched off: by hand, or because nothing can be recorded any more."""
    TOO_LARGE = "too large"
    """Passed on as it came in, without being kept."""
    ALONE = "alone"
    """The other side cannot be told to keep its events off the production queue."""
    SHED = "shed"
    """The lane to the other side was full."""
    BROKEN_CIRCUIT = "broken circuit"
    UNPAIRED = "unpaired"
    """Somebody else mirrored, and the logs do not tell whether the other side got it."""
    ABANDONED = "abandoned"
    """The run ended before the other side's turn came."""


@dataclass(frozen=True, slots=True)
class NotMirrored:
    """A side never got the request."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what came of it on both sides."""

    number: int
    """Order of arrival in this run, from 1."""
    at: float
    """Epoch seconds at which the request was complete at the proxy."""
    request: Request
    """As it was sent on to both sides."""
    legacy: Outcome | NotMirrored
    candidate: Outcome | NotMirrored
    owner: Side = Side.LEGACY
    """The side that answered the client, and whose event is on the production queue."""
    handed_over: bool = False
    """Whether the request was the other side's, which could not be connected to."""

    @property
    def outcomes(self) -> tuple[Outcome, Outcome] | None:
        """Legacy's outcome and the candidate's, if both got the request."""
        if isinstance(self.legacy, NotMirrored) or isinstance(self.candidate, NotMirrored):
            return None
        return self.legacy, self.candidate


@dataclass(frozen=True, slots=True)
class TappedEvent:
    """One message read from an output queue."""

    side: Side
    queue: str
    """The queue's name on the legacy side; the candidate's quarantined names are mapped to it."""
    offset: int
    """Position in that side's queue, growing."""
    at: float
    """Epoch seconds at which the tap read it."""
    body: bytes
