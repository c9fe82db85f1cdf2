"""The circuit breaker before the candidate: one that is down is left alone, and tried again.

Nygard, Release It!, "Circuit Breaker": closed, open, half-open.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When the circuit opens, and how long it stays open."""

    failures: int = 10
    """So many failures in a row open it."""
    first: float = 0.5
    """Seconds until the first probe; doubled after each probe that fails."""
    longest: float = 10.0
    """Seconds between probes, at most."""


class Breaker:
    """Says whether the candidate may be tried now. *jitter* gives a factor around 1."""

    def __init__(self, limits: BreakerLimits, jitter: Callable[[], float]) -> None:
        self._limits = limits
        self._jitter = jitter
        self._failures = 0
        self._openings = 0
        self.opened_until: float | None = None
        """Monotonic seconds of the next probe; ``None`` while the circuit is closed."""
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are kept from the candidate."""
        return self.opened_until is not None

    def allows(self, now: float) -> bool:
        """Return whether a request may go out at *now* (monotonic seconds); one probes."""
        if self.opened_until is None:
            return True
        if self._probing or now < self.opened_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Close the circuit: the candidate answered."""
        self._failures = self._openings = 0
        self.opened_until = None
        self._probing = False

    def failed(self, now: float) -> None:
        """Note a failure; it may open the circuit, or keep it open for longer."""
        self._failures += 1
        was_probe, self._probing = self._probing, False
        if was_probe or (self._failures >= self._limits.failures and not self.is_open):
            pause = min(self._limits.first * 2**self._openings, self._limits.longest)
            self.opened_until = now + pause * self._jitter()
            self._openings += 1
