"""Counters in which every request is in exactly one bucket, and the sums close."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

from shadow.exchange import Exchange, Failed, Failure, NotMirrored, Reason, Side

K = TypeVar("K")
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

    Each has one owner, which answers the client, and at most one copy, for the other side:

    ``received`` is ``mirrored``, ``lost`` and the sum of what :data:`BUCKETS` names; without
    ``lost`` it is also the sum of the four ``owner_`` counters, once all are answered.

    ``legacy_`` and ``candidate_`` count what that side did, as owner and with copies. So
    ``mirrored = legacy_ + candidate_ - owner_ + pending``, answered and failed taken together.
    As long as legacy owns everything, that is ``candidate_answered + candidate_failed + pending``.
    """

    received: int = 0
    """Whole requests. Those that are not HTTP are refused at the door and counted apart; those
    that their client never finished are counted nowhere."""
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
    owner_legacy_answered: int = 0
    owner_legacy_failed: int = 0
    owner_candidate_answered: int = 0
    owner_candidate_failed: int = 0
    lost: int = 0
    """Received by a process that was killed before it had recorded what became of them."""

    def ended(self, exchange: Exchange) -> None:
        """Count one request that has its record: everything that its record tells."""
        self.received += 1
        outcomes = {Side.LEGACY: exchange.legacy, Side.CANDIDATE: exchange.candidate}
        copied = outcomes.pop(exchange.owner.other)
        self.owner_ended(exchange.owner, outcomes[exchange.owner])
        self.mirrored += not isinstance(copied, NotMirrored)
        self.copy_ended(exchange.owner.other, copied)

    def owner_ended(self, side: Side, ended: object) -> None:
        """Count how *side* took a request of its own: *ended* is a ``Failed``, or an answer."""
        if isinstance(ended, Failed):
            self._count(f"owner_{side}_failed")
            self._failed(side, ended)
        elif side is Side.LEGACY:
            self.legacy_answered += 1
            self.owner_legacy_answered += 1
        else:
            self.candidate_answered += 1
            self.owner_candidate_answered += 1

    def copy_ended(self, side: Side, ended: object) -> None:
        """Count how *side* took a copy, or why it got none (a ``NotMirrored``)."""
        if isinstance(ended, NotMirrored):
            self._count(BUCKETS[ended.reason])
        elif isinstance(ended, Failed):
            self._failed(side, ended)
        elif side is Side.LEGACY:
            self.legacy_answered += 1
        else:
            self.candidate_answered += 1

    def _failed(self, side: Side, failed: Failed) -> None:
        if side is Side.LEGACY:
            self.legacy_failed += 1
            self._count(LEGACY_FAILURES[failed.kind])
        else:
            self.candidate_failed += 1

    def _count(self, name: str) -> None:
        setattr(self, name, getattr(self, name) + 1)

    @property
    def pending(self) -> int:
        """Mirrored requests without an outcome; 0 at the end of an orderly run."""
        legacy = self.legacy_answered + self.legacy_failed
        candidate = self.candidate_answered + self.candidate_failed
        return self.mirrored + self.owned - legacy - candidate

    @property
    def owned(self) -> int:
        """Requests whose owner answered or failed."""
        legacy = self.owner_legacy_answered + self.owner_legacy_failed
        return legacy + self.owner_candidate_answered + self.owner_candidate_failed

    @property
    def remainder(self) -> int:
        """Requests that are in no bucket; 0 at the end of an orderly run."""
        skipped: int = sum(getattr(self, name) for name in BUCKETS.values())
        return self.received - skipped - self.mirrored - self.lost

    def to_dict(self) -> dict[str, int]:
        """Return all counters with ``pending`` and ``remainder``."""
        return {**asdict(self), "pending": self.pending, "remainder": self.remainder}


def merged(counters: Iterable[Mapping[K, int]]) -> dict[K, int]:
    """Return the sum of *counters*; what one of them does not know is 0 in it.

    Of ledgers, as :meth:`Ledger.to_dict` gives them: if each closes, their sum does.
    """
    total: dict[K, int] = {}
    for counts in counters:
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    return total


def less(ledger: Mapping[str, int], part: Mapping[str, int]) -> dict[str, int]:
    """Return *ledger* without what *part* of it has counted."""
    names = dict.fromkeys((*ledger, *part))
    return {name: ledger.get(name, 0) - part.get(name, 0) for name in names}
