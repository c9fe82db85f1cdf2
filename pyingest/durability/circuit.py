"""The circuit breaker before a queue: one that is down is left alone, and probed.

Nygard, Release It!, "Circuit Breaker": closed, open, half-open.
"""

import enum
from collections.abc import Callable

from pyingest.durability.acknowledgement import Circuit, DurableOptions


class Permit(enum.Enum):
    """Whether a write may go out; who has one but ``NO`` must report what came of it."""

    NO = enum.auto()
    WRITE = enum.auto()
    PROBE = enum.auto()


class Breaker:
    """Says whether a queue may be tried now. *jitter* gives a factor around 1."""

    def __init__(self, options: DurableOptions, jitter: Callable[[], float]) -> None:
        self._options = options
        self._jitter = jitter
        self._failures = 0
        self._openings = 0
        self._opened_until: float | None = None
        self._probing = False

    @property
    def state(self) -> Circuit:
        """What the circuit is now; an open one stays so until somebody probes."""
        if self._opened_until is None:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._probing else Circuit.OPEN

    def wait(self, now: float) -> float:
        """Return the seconds until the queue may be tried, 0 for at once."""
        return 0.0 if self._opened_until is None else max(0.0, self._opened_until - now)

    def permit(self, now: float) -> Permit:
        """Return whether a write may go out at *now* (monotonic seconds); one at a time probes."""
        if self._opened_until is None:
            return Permit.WRITE
        if self._probing or now < self._opened_until:
            return Permit.NO
        self._probing = True
        return Permit.PROBE

    def succeeded(self) -> None:
        """Close the circuit: the queue took something."""
        self._failures = self._openings = 0
        self._opened_until = None
        self._probing = False

    def failed(self, permit: Permit, now: float, at_once: bool) -> None:
        """Note that the queue took nothing; *at_once* opens a closed circuit without more ado.

        Writes that began before the circuit opened report here as well, and change nothing.
        """
        self._failures += 1
        if permit is Permit.PROBE:
            self._probing = False
        elif self._opened_until is not None:
            return
        if permit is Permit.PROBE or at_once or self._failures >= self._options.failures:
            self._open(now)

    def _open(self, now: float) -> None:
        # Past some doublings the power would only grow without use.
        pause = self._options.first_pause * 2 ** min(self._openings, 30)
        self._opened_until = now + min(pause, self._options.longest_pause) * self._jitter()
        self._openings += 1
