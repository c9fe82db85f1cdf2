"""`[[accept]]` and `[accepting]` of a policy: differences that a reviewer declared equivalent."""

import datetime
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta

from compare.differing.difference import Kind
from compare.policy.condition import ConditionError, condition
from compare.policy.shape import Section

Count = Annotated[int, Meta(ge=1)]
PartOf = Annotated[float, Meta(gt=0, le=1)]
Words = Annotated[str, Meta(min_length=1)]
Strictness = Literal["fail", "warn"]


class Accepted(Section, frozen=True):
    """A difference that a reviewer declared equivalent."""

    reason: Words
    by: Words
    until: datetime.date
    """The last day on which it holds."""
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")] = ""
    """A cause, as the reports print it. Either this or ``where``."""
    where: Words = ""
    """An expression that is true of the differences meant."""
    kinds: tuple[str, ...] = ()
    """Only differences of these kinds; none given: of any."""
    path: Words = ""
    """Only differences at this path; ``*`` stands for any text."""
    at_most: Count | PartOf | None = None
    """Distinct requests it may cover: a whole number, or a share of all (1.0 is all of them)."""

    @property
    def key(self) -> str:
        """The acceptance's name in counts and reports, the same in every run."""
        return self.signature or f"where:{sha256(self.where.encode()).hexdigest()[:12]}"

    def is_current(self, today: datetime.date) -> bool:
        """Return whether the acceptance still holds on *today*."""
        return today <= self.until

    def troubles(self) -> Iterator[tuple[str, str]]:
        """Yield what contradicts itself, and what of the expression is wrong."""
        if bool(self.signature) == bool(self.where):
            yield "", "give either signature or where, and not both"
        for kind in self.kinds:
            yield from unknown_kind(kind)
        if self.where:
            try:
                condition(self.where)
            except ConditionError as error:
                yield "where", f"not an expression:\n{error}"


class Accepting(Section, frozen=True):
    """What becomes of a run when an acceptance is wrong."""

    stale: Strictness = "fail"
    """An acceptance that nothing in the run matched."""
    over_broad: Strictness = "fail"
    """One that covers more distinct requests than its ``at_most``."""
    at_most: Count | PartOf = 0.01
    """For acceptances that give none of their own."""


def unknown_kind(kind: str) -> Iterator[tuple[str, str]]:
    """Yield a trouble when *kind* is no kind of difference."""
    kinds = sorted(one.value for one in Kind)
    if kind not in kinds:
        yield "kinds", f"{kind!r} is not allowed; some of: {', '.join(kinds)}"
