"""What each process of a dual run tells of itself, twice a second, in a file of its own.

``RUN/status/NAME.json`` is replaced whole, so a reader never meets half of one. Whoever shows, sums
up or judges (the live page, ``/metrics``, ``cutover status``) reads these files and the run's
segments; nobody asks a process that has clients to serve. Counts only grow while a process lives.
What all had counted before a run was gone on with stands in ``RUN/status/earlier.json``.
"""

from typing import Any

import msgspec

BUCKETS_PER_OCTAVE = 8
"""Latency buckets: number ``floor(8 * log2(microseconds))``, at least 0; error below 9 %."""

EARLIER = "earlier"
"""Name of what all processes together had told before a run was gone on with."""


class LaneStatus(msgspec.Struct, kw_only=True):
    """The way to the other side, now."""

    requests: int = 0
    bytes: int = 0
    most_requests: int = 0
    most_bytes: int = 0
    """The most that was ever in it."""
    in_flight: int = 0
    limit_requests: int = 0
    limit_bytes: int = 0
    """The most that it takes; 0 where that is not told."""


class BreakerStatus(msgspec.Struct, kw_only=True):
    """The circuit breaker, now."""

    state: str = "closed"
    """``closed``, ``open`` or ``half-open``."""
    openings: int = 0
    why: str = ""
    """What opened it last: outages, ``shadow tax``, ``queue growth``, ``proxy lag``."""


class SideStatus(msgspec.Struct, kw_only=True):
    """One side, since the process began."""

    answered: int = 0
    failed: int = 0
    errors: int = 0
    """Answers of status 500 and above, among those that were answered."""
    in_flight: int = 0
    latency: dict[int, int] = {}
    """Answers by bucket of their time; see :data:`BUCKETS_PER_OCTAVE`."""


class QueueStatus(msgspec.Struct, kw_only=True):
    """One tapped queue, now."""

    read: int = 0
    lag: int = -1
    """Messages that wait for the tap; -1 where that is not known."""
    watermark: float = 0.0
    """Epoch seconds: everything that was queued before has been read."""
    depth: int = -1
    """Messages that wait for the queue's own consumers; -1 where that is not known."""
    age: float = -1.0
    """Seconds for which the oldest of them has waited."""
    discarded: int = -1
    """Messages that the queue threw away."""
    error: str = ""


class ControlArm(msgspec.Struct, kw_only=True):
    """Legacy's latency with and without a copy to the candidate; see :class:`SideStatus`."""

    mirrored: dict[int, int] = {}
    control: dict[int, int] = {}


class Status(msgspec.Struct, kw_only=True):
    """What one process tells."""

    name: str
    """``proxy-0``, ``tap``; the file is ``status/NAME.json``."""
    pid: int
    began: float
    """Epoch seconds."""
    at: float
    """Epoch seconds at which this was told."""
    ending: bool = False
    stage: str = "shadow"
    """As ``shadow``, ``ramp 25``, ``flipped``, ``done``."""
    mirroring: bool = True
    ledger: dict[str, int] = {}
    most: dict[str, int] = {}
    """The most that was ever told of the ledger, where the account was put right afterwards: what
    a killed process had counted and not recorded is ``lost`` in the end. So that a count that
    others sum up need never shrink."""
    lane: LaneStatus = msgspec.field(default_factory=LaneStatus)
    breaker: BreakerStatus = msgspec.field(default_factory=BreakerStatus)
    sides: dict[str, SideStatus] = {}
    queues: dict[str, QueueStatus] = {}
    """By side and name: ``legacy events``."""
    arm: ControlArm = msgspec.field(default_factory=ControlArm)
    stall: float = 0.0
    """Longest time, in seconds, for which this process looked at nothing, of the last second."""
    memory: int = 0
    """Bytes of resident memory."""
    error: str = ""
    more: dict[str, Any] = {}
