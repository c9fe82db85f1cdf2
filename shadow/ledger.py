"""Counters in which every request is in exactly one bucket, and the sums close."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from shadow.exchange import Answered, Exchange, Failure, NotMirrored, Outcome, Reason

BUCKETS = {
    Reason.NOT_SAMPLED: "not_sampled",
    Reason.CONTROL: "control",
    Reason.SWITCHED_OFF: "switched_off",
    Reason.TOO_LARGE: "too_large",
    Reason.ALONE: "alone",
    Reason.FILTERED: "filtered",
    Reason.SHED: "shed",
    Reason.BROKEN_CIRCUIT: "broken_circuit",
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

    ``received`` is ``mirrored``, ``lost``, and the sum of what :data:`BUCKETS` names, and
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
    abandoned: int = 0
    mirrored: int = 0
    candidate_answered: int = 0
    candidate_failed: int = 0
    lost: int = 0
    """Received by a process that was killed before it had recorded what became of them."""

    def ended(self, exchange: Exchange) -> None:
        """Count one request that has its record: everything that its record tells."""
        self.received += 1
        if not isinstance(exchange.legacy, NotMirrored):
            self.legacy_ended(exchange.legacy)
        if exchange.outcomes is not None:
            self.mirrored += 1
            self.candidate_ended(exchange.candidate)
        elif isinstance(exchange.candidate, NotMirrored):
            self.candidate_ended(exchange.candidate)
        elif isinstance(exchange.legacy, NotMirrored):
            self._count(BUCKETS[exchange.legacy.reason])

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
        return self.received - skipped - self.mirrored - self.lost

    def to_dict(self) -> dict[str, int]:
        """Return all counters with ``pending`` and ``remainder``."""
        return {**asdict(self), "pending": self.pending, "remainder": self.remainder}


def merged(ledgers: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of *ledgers*, as :meth:`Ledger.to_dict` gives them. If each closes, it does.

    Counters of which one ledger knows nothing are 0 in it.
    """
    total: dict[str, int] = {}
    for ledger in ledgers:
        for name, count in ledger.items():
            total[name] = total.get(name, 0) + count
    return total


def less(ledger: Mapping[str, int], part: Mapping[str, int]) -> dict[str, int]:
    """Return *ledger* without what *part* of it has counted."""
    names = dict.fromkeys((*ledger, *part))
    return {name: ledger.get(name, 0) - part.get(name, 0) for name in names}
