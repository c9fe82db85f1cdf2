"""Accepted differences at work: which one covers a difference, and how each fared in a run."""

import datetime
import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compare.policy.accepted import Accepted, Strictness
from compare.policy.condition import Condition, condition
from compare.policy.policy import Policy
from compare.stages.tally import Summary

Record = Mapping[str, object]


class State(enum.StrEnum):
    """How an acceptance fared in a run."""

    USED = "used"
    STALE = "stale"
    """Nothing in the run matched it."""
    OVER_BROAD = "over-broad"
    """It covered more distinct requests than it may."""
    EXPIRED = "expired"
    """The run was recorded after its last day, so that it counted for nothing."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A difference that a reviewer declared equivalent, ready to be asked."""

    key: str
    """The signature, or ``where:`` and twelve digits; the same in every run."""
    reason: str
    by: str
    until: datetime.date
    at_most: int | float
    """Distinct requests it may cover: a whole number, or a share of all."""
    signature: str = ""
    where: Condition | None = None
    kinds: frozenset[str] = frozenset()
    """Kinds it is for; empty: any."""
    path: re.Pattern[str] | None = None

    def is_current(self, day: datetime.date) -> bool:
        """Return whether it still holds on *day*."""
        return day <= self.until

    @property
    def said(self) -> str:
        """The reason with who gave it and until when, for a report."""
        return f"{self.reason} ({self.by}, until {self.until})"

    def covers(self, record: Record, signature: str) -> bool:
        """Return whether it speaks of the one difference that *record* holds under ``diff``."""
        if self.signature not in ("", signature):
            return False
        difference = _difference(record)
        if self.kinds and difference.get("kind") not in self.kinds:
            return False
        if self.path and not self.path.fullmatch(str(difference.get("path"))):
            return False
        return self.where is None or self.where.holds(record)

    def limit(self, distinct: int) -> int:
        """Return how many of *distinct* requests it may cover; one is never too many."""
        if isinstance(self.at_most, int):
            return self.at_most
        return max(1, int(self.at_most * distinct + 1e-9))


@dataclass(frozen=True, slots=True)
class AcceptanceState:
    """One acceptance, and what became of it in a run."""

    acceptance: Acceptance
    state: State
    requests: int
    """Distinct requests in which it applied."""
    limit: int
    """How many it may cover."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """All acceptances that hold, asked about one difference at a time."""

    acceptances: tuple[Acceptance, ...]

    def accepts(self, record: Record, signature: str = "") -> str | None:
        """Return the key of the first acceptance that covers a difference, or ``None``.

        :param record: the roots of a condition; ``diff`` holds just this one difference.
        :param signature: the difference's own, as reports print it.
        """
        return next((one.key for one in self.acceptances if one.covers(record, signature)), None)

    @property
    def roots(self) -> frozenset[str]:
        """What a record must hold: ``diff`` always, and whatever an expression asks about."""
        asked = (one.where.roots for one in self.acceptances if one.where)
        return frozenset({"diff"}).union(*asked)

    @property
    def reasons(self) -> dict[str, str]:
        """What reports print at an accepted cause, by key."""
        return {one.key: one.said for one in self.acceptances}


def acceptances(policy: Policy, day: datetime.date | None = None) -> tuple[Acceptance, ...]:
    """Return the acceptances of *policy*; with *day*, only those that hold on it."""
    default = policy.accepting.at_most
    built = (_built(entry, default) for entry in policy.accept)
    return tuple(one for one in built if day is None or one.is_current(day))


def waiver(entries: Iterable[Accepted]) -> Waiver:
    """Return what is asked whether *entries* of a policy cover a difference."""
    # How much each may cover is asked at the end, of the whole run.
    return Waiver(tuple(_built(entry, 1.0) for entry in entries))


def states(
    policy: Policy, counts: Mapping[str, int], distinct: int, day: datetime.date
) -> list[AcceptanceState]:
    """Return how each acceptance of *policy* fared, in the order of the file.

    :param counts: distinct requests in which each applied, by key.
    :param day: of the recording.
    """
    found = []
    for one in acceptances(policy):
        requests, limit = counts.get(one.key, 0), one.limit(distinct)
        state = State.USED
        if not one.is_current(day):
            state = State.EXPIRED
        elif not requests:
            state = State.STALE
        elif requests > limit:
            state = State.OVER_BROAD
        found.append(AcceptanceState(one, state, requests, limit))
    return found


def accepted_requests(summary: Summary) -> dict[str, int]:
    """Return the distinct requests in which each acceptance applied, by its key."""
    by_cause = {cause.signature: cause.requests for cause in summary.causes if cause.accepted}
    return {**by_cause, **summary.accepted}


def faults(fared: Iterable[AcceptanceState], policy: Policy, wanted: Strictness) -> Iterator[str]:
    """Yield what is wrong with acceptances, as far as the policy answers it with *wanted*."""
    asked = policy.accepting
    for one in fared:
        key, reason = one.acceptance.key, one.acceptance.reason
        if one.state is State.STALE and asked.stale == wanted:
            yield f"acceptance: {key} ({reason}) is stale: nothing matched it; remove it"
        if one.state is State.OVER_BROAD and asked.over_broad == wanted:
            yield (
                f"acceptance: {key} ({reason}) is over-broad: it covers {one.requests:,} distinct "
                f"requests, {one.limit:,} allowed; narrow it, or raise its at_most"
            )
        if one.state is State.EXPIRED and wanted == "warn":
            until = one.acceptance.until
            yield f"acceptance: {key} ({reason}) expired on {until}: it did not count"


def day_of(created: float) -> datetime.date:
    """Return the day of a recording (epoch seconds), in UTC: what acceptances are held against."""
    return datetime.datetime.fromtimestamp(created, datetime.UTC).date()


def path_pattern(text: str) -> re.Pattern[str]:
    """Return what matches the paths that *text* names; ``*`` stands for any text."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def _built(entry: Accepted, default: int | float) -> Acceptance:
    return Acceptance(
        key=entry.key,
        reason=entry.reason,
        by=entry.by,
        until=entry.until,
        at_most=default if entry.at_most is None else entry.at_most,
        signature=entry.signature,
        where=condition(entry.where) if entry.where else None,
        kinds=frozenset(entry.kinds),
        path=path_pattern(entry.path) if entry.path else None,
    )


def _difference(record: Record) -> Mapping[str, object]:
    found = record.get("diff")
    if isinstance(found, Sequence) and found and isinstance(found[0], Mapping):
        return found[0]
    return {}
