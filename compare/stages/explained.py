"""What explaining found, as one value: parts merge in any order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from compare.stages.causes import Book


@dataclass(slots=True)
class Explained:
    """What the findings of a partition amount to; parts merge in any order."""

    book: Book = field(default_factory=Book)
    kinds: Counter[str] = field(default_factory=Counter)
    """Differences by kind, in events and answers."""
    queue: int = 0
    """Distinct requests that differ in events, in a way that nobody accepted."""
    responses: int = 0
    """The same for answers."""
    accepted: int = 0
    """Distinct requests that differ in accepted ways only."""
    differed: int = 0
    """Exchanges that the candidate answered, with a difference that nobody accepted."""
    excused: int = 0
    """Extra events of requests that legacy never answered."""
    answered_not_queued: int = 0
    queued_not_answered: int = 0
    waved: Counter[str] = field(default_factory=Counter)
    """Distinct requests in which each acceptance applied, by its key."""
    strata: Counter[str] = field(default_factory=Counter)
    """Events with a difference that nobody accepted, by the batch size of their requests."""
    tokens: set[str] = field(default_factory=set)
    """Projects with a difference that nobody accepted."""

    def merge(self, other: "Explained") -> None:
        """Add what *other* counted."""
        self.book.merge(other.book)
        self.kinds += other.kinds
        self.queue += other.queue
        self.responses += other.responses
        self.accepted += other.accepted
        self.differed += other.differed
        self.excused += other.excused
        self.answered_not_queued += other.answered_not_queued
        self.queued_not_answered += other.queued_not_answered
        self.waved += other.waved
        self.strata += other.strata
        self.tokens |= other.tokens


def merged(parts: Iterable[Explained]) -> Explained:
    """Return what all *parts* amount to together."""
    whole = Explained()
    for part in parts:
        whole.merge(part)
    return whole
