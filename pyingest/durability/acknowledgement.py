"""When a client hears ``1``, the limits of that, and what can be told of it."""

import enum
from dataclasses import dataclass


class Ack(enum.Enum):
    """What an event must have reached before its client hears ``1``."""

    QUEUE = "queue"
    """The queue confirmed it; while the queue is away, the local spool did (the default)."""
    SPOOL = "spool"
    """The local spool has it on disk; it is sent on in the background."""
    MEMORY = "memory"
    """It was taken. A process that dies loses it: for trials."""


class Circuit(enum.Enum):
    """How the queue is treated."""

    CLOSED = "closed"
    """It is well: events are sent to it."""
    OPEN = "open"
    """It failed: nothing is sent until the next probe is due."""
    HALF_OPEN = "half-open"
    """One probe is under way."""


@dataclass(frozen=True, slots=True)
class DurableOptions:
    """How a queue is guarded."""

    patience: float = 2.0
    """Seconds that one write to the queue may take, whatever its own deadline; then the event
    goes to the spool as one that may be stored already."""
    first_pause: float = 0.1
    """Seconds until a queue that failed is probed; doubled after each probe that fails."""
    longest_pause: float = 15.0
    """Seconds between two probes, at most."""
    failures: int = 5
    """So many quick failures in a row open the circuit; one that was slow does at once."""
    batch_events: int = 512
    """Events that are sent on from the spool in one write."""
    batch_bytes: int = 4 << 20
    """Bytes that are sent on from the spool in one write (at least one event)."""
    refusals: int = 5
    refusal_seconds: float = 30.0
    """An event that was refused so often over so long, each time beside others that were stored,
    is set aside: it must not hold up the rest. A full queue counts a tenth of a refusal."""
    memory_bytes: int = 64 << 20
    """What :attr:`Ack.MEMORY` keeps at most."""
    close_seconds: float = 5.0
    """How long a stop sends on what is spooled, as long as the queue takes it."""
    adopt_seconds: float = 10.0
    """Seconds between two looks for spools of workers that died."""


@dataclass(frozen=True, slots=True)
class DurableStatus:
    """What a guarded queue does and did, for metrics and ``/ready``. Counts are of this process."""

    policy: Ack
    circuit: Circuit
    spooled_events: int
    """Events that wait in the spool (or in memory) now."""
    spooled_bytes: int
    """Bytes of files that the spool has now."""
    oldest_seconds: float
    """Age of the event at the head of the spool; 0 when it is empty."""
    direct: int
    """Events that the queue confirmed to the request that brought them."""
    taken: int
    """Events that were written to the spool (or memory)."""
    drained: int
    """Events that were sent on from there, and confirmed."""
    possible_duplicates: int
    """Events sent although they may be on the queue already."""
    refused: int
    """Events for which the client did not hear ``1``."""
    set_aside: int
    """Events that the queue takes from nobody; they lie in the spool's directory."""
    cut_bytes: int
    """Bytes of torn or damaged records found in spools when they were opened."""
    adopted: int
    """Spools of dead workers that were taken over."""
    trouble: str
    """Why the spool could not be written the last time; empty when it could."""
