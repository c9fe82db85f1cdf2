"""The circuit breaker before the candidate: one that is down is left alone, and tried again.

Nygard, Release It!, "Circuit Breaker": closed, open, half-open. Three things are added. The
circuit closes only after several probes. The pause goes back to the shortest only after a while
of success, so a candidate that flaps is tried more and more seldom. And others may open it, for
reasons that have nothing to do with the candidate's answers: see ``shadow.isolating.trips``.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from shadow.exchange import Failure
from shadow.status import BreakerStatus

OUTAGES = (Failure.REFUSED, Failure.TIMED_OUT)
_MOST_DOUBLINGS = 30
_LOST = 4
"""Times the longest pause after which a probe that has not ended counts as failed."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When the circuit opens, and how long it stays open."""

    failures: int = 10
    """So many outages in a row open it."""
    first: float = 0.5
    """Seconds until the first probe; doubled each time that it opens again."""
    longest: float = 30.0
    """Seconds between probes, at most."""
    rate: float = 0.5
    """So large a part of outages among the last *window* answers opens it, too; 1: never."""
    window: int = 100
    counted: tuple[Failure, ...] = OUTAGES
    """A reset or garbage is no outage: somebody is there, and what they do is evidence."""
    slow: float = 0.0
    """Seconds from which an answer counts as an outage; 0: never."""
    errors: bool = False
    """Whether an answer of status 500 and above counts as an outage."""
    probes: int = 3
    """Probes that must succeed one after the other before it closes."""
    steady: float = 60.0
    """Seconds for which it must have been closed before the pause is *first* again."""


class BreakerState(enum.StrEnum):
    """Where the circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Says whether the candidate may be tried now. *jitter* gives a factor around 1.

    Whoever was let through says how it ended, with the ticket: what was sent before the circuit
    opened says nothing about the candidate as it is now.
    """

    def __init__(self, limits: BreakerLimits, jitter: Callable[[], float]) -> None:
        self._limits = limits
        self._jitter = jitter
        self._mask = (1 << limits.window) - 1
        self.state = BreakerState.CLOSED
        self.openings = 0
        """How often it opened."""
        self.why = ""
        """What opened it last."""
        self.opened_until: float | None = None
        """Seconds of the same clock at which the next probe is due; ``None`` while it is closed."""
        self._ticket = 1
        self._doublings = 0
        self._held = ""
        self._row = self._recent = self._answers = 0
        self._probing_since: float | None = None
        self._proved = 0
        self._now = self._closed_at = self._opened_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests are kept from the candidate, but for probes."""
        return self.state is not BreakerState.CLOSED

    def allows(self, now: float) -> int:
        """Return a ticket if a request may go out at *now* (seconds of any one clock), else 0."""
        self._now = now
        if self.state is BreakerState.CLOSED:
            return self._ticket
        if self._held or not self._is_due(now):
            return 0
        if self._probing_since is not None:
            if now - self._probing_since > _LOST * self._limits.longest:
                self._open(now, f"{self.why}; a probe never ended")
            return 0
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN
            self._ticket += 1
            self._proved = 0
        self._probing_since = now
        return self._ticket

    def ended(
        self, kind: Failure | None, seconds: float, status: int, now: float, ticket: int
    ) -> None:
        """Take what became of a request that was let through with *ticket*; see :func:`outage`."""
        why = outage(kind, seconds, status, self._limits)
        if why:
            self.failed(now, why, ticket)
        else:
            self._now = now
            self.succeeded(ticket)

    def succeeded(self, ticket: int | None = None) -> None:
        """Note that the candidate answered."""
        if self.state is BreakerState.OPEN or ticket not in (None, self._ticket):
            return
        if self.state is BreakerState.CLOSED:
            self._row = 0
            self._recent = self._recent << 1 & self._mask
            self._answers += 1
            if self._doublings and self._now - self._closed_at >= self._limits.steady:
                self._doublings = 0
            return
        self._probing_since = None
        self._proved += 1
        if self._proved >= self._limits.probes:
            self._close()

    def failed(self, now: float, why: str = "an outage", ticket: int | None = None) -> None:
        """Note an outage; it may open the circuit, or keep it open for longer."""
        if self.state is BreakerState.OPEN or ticket not in (None, self._ticket):
            return
        if self.state is BreakerState.HALF_OPEN:
            self._open(now, f"a probe failed: {why}")
            return
        self._row += 1
        self._recent = (self._recent << 1 | 1) & self._mask
        self._answers += 1
        if self._row >= self._limits.failures:
            self._open(now, f"{self._row} outages in a row, the last: {why}")
        elif self._is_too_often():
            count = self._recent.bit_count()
            self._open(now, f"{count} of {self._limits.window} were outages, the last: {why}")

    def hold(self, why: str, now: float) -> None:
        """Open the circuit for a reason of another's, until :meth:`release`."""
        self._held = why
        self.why = why
        if self.state is not BreakerState.OPEN:
            self._open(now, why)

    def release(self, now: float) -> None:
        """Let the candidate be probed again, from *now* on."""
        if self._held:
            self._held = ""
            self._opened_at = self.opened_until = now

    def status(self) -> BreakerStatus:
        """Return where the circuit stands."""
        return BreakerStatus(state=self.state.value, openings=self.openings, why=self.why)

    def _is_due(self, now: float) -> bool:
        """Return whether the pause is over; one that a clock set back made longer begins anew."""
        if self.opened_until is None:
            return True
        if now < self._opened_at:
            self.opened_until -= self._opened_at - now
            self._opened_at = now
        return now >= self.opened_until

    def _is_too_often(self) -> bool:
        limits = self._limits
        enough = limits.rate < 1 and self._answers >= limits.window
        return enough and self._recent.bit_count() >= limits.rate * limits.window

    def _open(self, now: float, why: str) -> None:
        limits = self._limits
        pause = min(limits.first * 2**self._doublings, limits.longest)
        self._doublings = min(self._doublings + 1, _MOST_DOUBLINGS)
        self._opened_at = now
        self.opened_until = now + pause * self._jitter()
        self.state = BreakerState.OPEN
        self.openings += 1
        self.why = why
        self._ticket += 1
        self._probing_since = None

    def _close(self) -> None:
        self.state = BreakerState.CLOSED
        self.opened_until = None
        self._closed_at = self._now
        self._row = self._recent = self._answers = 0


def outage(kind: Failure | None, seconds: float, status: int, limits: BreakerLimits) -> str:
    """Return why an end counts as an outage, or an empty text.

    :param kind: how the candidate failed, or ``None`` if it answered with that *status*.
    """
    if kind is not None:
        return kind.value if kind in limits.counted else ""
    if limits.slow and seconds >= limits.slow:
        return f"slow: {seconds:.1f} s"
    if limits.errors and status >= 500:
        return f"status {status}"
    return ""
