"""Counters in which every request is in exactly one bucket, and the sums close."""

from dataclasses import asdict, dataclass

from shadow.exchange import Answered, Failure, NotMirrored, Outcome, Reason

BUCKETS = {
    Reason.NOT_SAMPLED: "not_sampled",
    Reason.CONTROL: "control",
    Reason.SWITCHED_OFF: "switched_off",
    Reason.TOO_LARGE: "too_large",
    Reason.ALONE: "alone",
    Reason.FILTERED: "filtered",
    Reason.SHED: "shed",
    Reason.BROKEN_CIRCUIT: "broken_circuit",
    Reason.UNPAIRED: "unpaired",
    Reason.ABANDONED: "abandoned",
}
LEGACY_FAILURES = {
    Failure.REFUSED: "legacy_refused",
    Failure.RESET: "legacy_reset",
    Failure.TIMED_OUT: "legacy_timed_out",
    Failure.MALFORMED: "legacy_malformed",
}


@dataclass(slots=True)
class Ledger:
    """What became of every request that came to the proxy.

    ``received`` is ``mirrored`` and the sum of what :data:`BUCKETS` names, and
    ``mirrored = candidate_answered + candidate_failed + pending``.
    """

    received: int = 0
    """Whole requests. Those that are not HTTP are refused at the door and counted apart."""
    malformed: int = 0
    legacy_answered: int = 0
    legacy_failed: int = 0
    """The sum of the four that follow."""
    legacy_refused: int = 0
    legacy_reset: int = 0
    legacy_timed_out: int = 0
    legacy_malformed: int = 0
    not_sampled: int = 0
    control: int = 0
    switched_off: int = 0
    too_large: int = 0
    alone: int = 0
    filtered: int = 0
    shed: int = 0
    broken_circuit: int = 0
    unpaired: int = 0
    abandoned: int = 0
    mirrored: int = 0
    candidate_answered: int = 0
    candidate_failed: int = 0

    def legacy_ended(self, outcome: Outcome) -> None:
        """Count how legacy took a request."""
        if isinstance(outcome, Answered):
            self.legacy_answered += 1
        else:
            self.legacy_failed += 1
            self._count(LEGACY_FAILURES[outcome.kind])

    def candidate_ended(self, outcome: Outcome | NotMirrored) -> None:
        """Count how the candidate took a request that was mirrored, or why it was not."""
        if isinstance(outcome, NotMirrored):
            self._count(BUCKETS[outcome.reason])
        elif isinstance(outcome, Answered):
            self.candidate_answered += 1
        else:
            self.candidate_failed += 1

    def _count(self, name: str) -> None:
        setattr(self, name, getattr(self, name) + 1)

    @property
    def pending(self) -> int:
        """Mirrored requests without an outcome; 0 at the end of an orderly run."""
        return self.mirrored - self.candidate_answered - self.candidate_failed

    @property
    def remainder(self) -> int:
        """Requests that are in no bucket; 0 at the end of an orderly run."""
        skipped: int = sum(getattr(self, name) for name in BUCKETS.values())
        return self.received - skipped - self.mirrored

    def to_dict(self) -> dict[str, int]:
        """Return all counters with ``pending`` and ``remainder``."""
        return {**asdict(self), "pending": self.pending, "remainder": self.remainder}
