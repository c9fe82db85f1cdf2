"""What a comparison counted: the one value that stands between comparing and judging."""

from dataclasses import dataclass, field, fields

from compare.differing.difference import Difference
from compare.judging.latency import Windows


@dataclass(frozen=True, slots=True)
class Example:
    """One case of a cause, for a reviewer to look at."""

    request: str
    """The request as one curl command, or an empty text when no request could be linked."""
    legacy: str | None
    """The event (or answer) of the legacy side as text; ``None`` when there was none."""
    candidate: str | None
    differences: tuple[Difference, ...] = ()
    number: int | None = None
    """The exchange's number in the run."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Differences that have one explanation."""

    signature: str
    """Twelve hexadecimal digits, the same in every run; what a policy accepts by."""
    title: str
    """In plain words: ``trailing comma: legacy queues it, candidate refuses``."""
    endpoint: str
    kind: str
    path: str
    quirk: str | None
    """Name of the quirk that explains it, or ``None``: unknown, look yourself."""
    explanation: str
    advice: str
    requests: int
    """Distinct requests touched."""
    events: int
    marginal: float
    """Share of all mismatching requests that this cause explains and none before it does."""
    cumulative: float
    accepted: str | None
    """Reason given in the policy, when a reviewer declared it equivalent."""
    clients: dict[str, dict[str, int]] = field(default_factory=dict)
    """For answers: what real clients would notice, worst first; by client, how many requests."""
    examples: tuple[Example, ...] = ()
    also: tuple[str, ...] = ()
    """Signatures that nearly always come with this one; a policy accepts each by itself."""


@dataclass(slots=True)
class EventCounts:
    """Events of the whole run; each event is in exactly one line of the lower half."""

    legacy: int = 0
    candidate: int = 0
    identical: int = 0
    """Pairs equal byte by byte."""
    equal: int = 0
    """Pairs of other bytes and the same meaning (key order, escapes, float text)."""
    tolerated: int = 0
    """Pairs whose differences the noise rules allow, all of them."""
    changed: int = 0
    misrouted: int = 0
    """Pairs that lie on queues of different names; counted here only."""
    missing: int = 0
    """Legacy events without a partner."""
    extra: int = 0
    """Candidate events without a partner."""
    duplicate: int = 0
    """Candidate events beyond the legacy's count of the same content."""
    duplicate_lost: int = 0
    """Legacy events beyond the candidate's count of the same content."""
    not_mirrored: int = 0
    """Legacy events of requests that the candidate never got."""
    unlinked: int = 0
    """Events that differ and for which no recorded request was found (also counted above)."""
    late: int = 0
    """Pairs whose arrivals lie further apart than the policy allows (also counted above)."""
    reordered: int = 0
    """Events that one person's queue on the candidate's side has before an earlier one (also
    counted above); a remark, no difference."""
    excused: int = 0
    """Extra events of requests that legacy never answered (also counted as extra); no fault."""
    rebatched: int = 0
    """Messages that held several events; each event is counted by itself."""

    def merge(self, other: "EventCounts") -> None:
        """Add the counts of *other*."""
        _add(self, other)


@dataclass(slots=True)
class UnitCounts:
    """Distinct requests of the run, the unit of the gate."""

    exchanges: int = 0
    """All recorded exchanges, repeats among them."""
    mirrored: int = 0
    """Exchanges that the candidate got."""
    distinct: int = 0
    """Distinct requests among the mirrored ones: n of every rate gate."""
    queue_mismatches: int = 0
    """Distinct requests with an unaccepted difference in what they put on the queues."""
    response_mismatches: int = 0
    """Distinct requests answered differently (status, body, chosen headers), unaccepted."""
    candidate_errors: int = 0
    """Distinct requests that legacy answered and the candidate failed (or answered 5xx)."""
    legacy_errors: int = 0
    accepted: int = 0
    """Distinct requests whose only differences are accepted ones."""
    answered_not_queued: int = 0
    """Exchanges that the candidate answered with success and of which nothing is on its queue."""
    queued_not_answered: int = 0
    """Exchanges that the candidate answered with failure although something is on its queue."""
    tokens_seen: int = 0
    """Project tokens of the mirrored requests: n of a gate that counts tokens."""
    tokens_mismatching: int = 0
    """Those of them with a distinct request that has an unaccepted difference."""
    set_aside: int = 0
    """Distinct requests that legacy never answered (refused, reset, timed out). What the candidate
    answered or queued there is no mismatch, and they are not among the distinct ones."""

    def merge(self, other: "UnitCounts") -> None:
        """Add the counts of *other*, which must be of other requests."""
        _add(self, other)


def _add(one: EventCounts | UnitCounts, other: EventCounts | UnitCounts) -> None:
    for each in fields(one):
        setattr(one, each.name, getattr(one, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class Summary:
    """Everything the judge and the reports need, and nothing they must look up."""

    events: EventCounts
    units: UnitCounts
    kinds: dict[str, int]
    """Differences by kind (see ``compare.differing.difference.Kind``), in events."""
    causes: list[Cause]
    """Largest marginal share first."""
    windows: Windows
    agreed: int = 0
    differed: int = 0
    failed: int = 0
    """Mirrored exchanges that agreed, differed, or got no answer from the candidate."""
    pending: int = 0
    """Mirrored by the proxy's count, but not in the recording."""
    endpoints: dict[str, int] = field(default_factory=dict)
    """Exchanges by endpoint."""
    tokens: dict[str, int] = field(default_factory=dict)
    """Exchanges by project token, the busiest hundred."""
    noise: dict[str, int] = field(default_factory=dict)
    """How often each noise rule and accepted difference applied; zero is worth a look."""
    clock_skew: float | None = None
    """Median of candidate's less legacy's time, in seconds, where the services set it; ``None``:
    they never did."""
    noise_warnings: list[str] = field(default_factory=list)
    """Noise rules that matched nothing, or more than they did when they were calibrated."""
    damage: list[str] = field(default_factory=list)
    """What could not be read; any entry keeps the run from passing."""
    accepted: dict[str, int] = field(default_factory=dict)
    """Distinct requests in which each acceptance applied, by its key."""
    strata: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Events, and how many of them differ, of requests that hold ``1``, ``2-10`` or ``11+``."""
    dialects: dict[str, dict[str, int]] = field(default_factory=dict)
    """Mirrored exchanges by what sort of client sent them: ``mp_lib``, ``charset``, and so on,
    each by value. Empty when nobody counted."""
    unseen: float = 0.0
    """Estimated share of further traffic that is of a shape not seen (Good and Turing)."""
    unseen_bound: float = 1.0
    """Upper bound of it; 1 while nobody estimated."""
    late: int | None = None
    """Pairs of events that came too far apart; ``None``: nobody looked."""
