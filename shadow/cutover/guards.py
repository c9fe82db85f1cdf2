"""What makes the candidate stop answering: looks at each finished exchange, at O(1) each.

Four things fire. *outage*: so many requests in a row got no answer from the candidate. *errors*:
no answer, or status 500 and above; and *refusals*: an answer that does not say stored. Both rates
fire above a floor and above half as much again as legacy's, if that is beyond doubt (``detector``).
*latency*: see ``latency``. The candidate is measured on what it answers, legacy on what legacy
answers. Where each has a copy of the other's requests, what both refuse or fail is held against
none; otherwise the rates are compared as they are.
"""

from dataclasses import dataclass

from pyingest.message import Response
from shadow.cutover.detector import TooMany, Worse
from shadow.cutover.latency import Slowness
from shadow.cutover.limits import GuardLimits
from shadow.cutover.stage import Phase, Stage
from shadow.exchange import Answered, Exchange, Failed, NotMirrored, Outcome, Reason, Side

OWNED, OTHERS = True, False


@dataclass(frozen=True, slots=True)
class Trip:
    """A guard that has fired."""

    guard: str
    why: str


@dataclass(slots=True)
class Arm:
    """One side as far as it answered clients in this stage."""

    requests: int = 0
    errors: int = 0
    refusals: int = 0


class _Rate:
    """One kind of event: fires if there are too many, and more than legacy's."""

    def __init__(self, name: str, allowed: float, ratio: float, share: float) -> None:
        self.name = name
        self._many = TooMany(allowed)
        self._worse = Worse(ratio, share)

    def add(self, owned: bool, event: bool) -> Trip | None:
        if owned:
            self._many.add(event)
        self._worse.add(owned, event)
        return self._trip() if owned and event and self.evidence >= 1 else None

    @property
    def evidence(self) -> float:
        """How far it is to an alarm: 1 fires."""
        return min(self._many.evidence, self._worse.evidence)

    def _trip(self) -> Trip:
        many = self._many
        return Trip(
            self.name,
            f"{self.name}: {many.events:,} of {many.requests:,} requests that the candidate "
            f"answered in this stage; {many.allowed:.1%} are borne, and legacy has fewer",
        )


class Guards:
    """Watches one stage; :meth:`begin` starts the next. Times are monotonic seconds.

    :param copied: legacy has an instance that gets copies of what the candidate answers.
    """

    def __init__(self, limits: GuardLimits | None = None, copied: bool = False) -> None:
        self._copied = copied
        self._slowness = Slowness()
        self.begin(Stage(), limits)

    def begin(self, stage: Stage, limits: GuardLimits | None = None) -> None:
        """Forget what was seen; watch *stage* from now on, by *limits*."""
        self._limits = limits = limits or GuardLimits()
        share = stage.percent / 100
        self.stage = stage
        self.arms = {OWNED: Arm(), OTHERS: Arm()}
        self.tripped: Trip | None = None
        self._unanswered = 0
        self._errors = _Rate("errors", limits.errors, limits.ratio, share)
        self._refusals = _Rate("refusals", limits.refusals, limits.ratio, share)
        self._slowness.begin(limits.slower, limits.slack)

    def see(self, exchange: Exchange, now: float) -> Trip | None:
        """Take a finished exchange; return the guard that fires by it, once in a stage.

        In shadow there is nothing to roll back; when all is done, legacy may be gone.
        """
        if self.stage.phase in (Phase.SHADOW, Phase.DONE):
            return None
        trip = self._look(exchange, now)
        if self.tripped is not None or trip is None:
            return None
        self.tripped = trip
        return trip

    def told(self) -> dict[str, float]:
        """Return how near each guard is to firing: from 0 to 1, at which it fires."""
        return {
            "outage": min(1.0, self._unanswered / self._limits.outage),
            "errors": min(1.0, self._errors.evidence),
            "refusals": min(1.0, self._refusals.evidence),
            "latency": min(1.0, self._slowness.bad / 2),
        }

    def _look(self, exchange: Exchange, now: float) -> Trip | None:
        owned, outcome, copy = _seen(exchange)
        if outcome is None:
            return None
        error, refusal = is_error(outcome), is_refusal(outcome)
        arm = self.arms[owned]
        arm.requests += 1
        arm.errors += error
        arm.refusals += refusal
        both = self._copied and is_error(copy)
        return (
            (self._answerless(outcome) if owned else None)
            or self._errors.add(owned, error and not both)
            or self._refused(owned, refusal, copy)
            or self._slow(owned, outcome, now)
        )

    def _refused(self, owned: bool, refusal: bool, copy: Outcome | NotMirrored) -> Trip | None:
        if not self._copied:
            return self._refusals.add(owned, refusal)
        if isinstance(copy, NotMirrored):
            return None
        return self._refusals.add(owned, refusal and not is_refusal(copy))

    def _answerless(self, outcome: Outcome) -> Trip | None:
        self._unanswered = self._unanswered + 1 if isinstance(outcome, Failed) else 0
        if not isinstance(outcome, Failed) or self._unanswered < self._limits.outage:
            return None
        why = f"the candidate gave no answer {self._unanswered} times in a row: {outcome.kind}"
        return Trip("outage", f"{why} ({outcome.detail})" if outcome.detail else why)

    def _slow(self, owned: bool, outcome: Outcome, now: float) -> Trip | None:
        slowness = self._slowness
        if not isinstance(outcome, Answered) or not slowness.add(owned, outcome.seconds, now):
            return None
        return Trip(
            "latency",
            f"two of three windows too slow: p99 {slowness.last * 1000:.0f} ms, "
            f"legacy's {slowness.reference * 1000:.0f} ms",
        )


def _seen(exchange: Exchange) -> tuple[bool, Outcome | None, Outcome | NotMirrored]:
    """Return on whose side a request counts, what became of it, and what of its copy.

    One that the candidate refused and legacy answered in its place counts as the candidate's.
    """
    ours, theirs = exchange.candidate, exchange.legacy
    if exchange.handed_over:
        return OWNED, None if isinstance(ours, NotMirrored) else ours, NotMirrored(Reason.ALONE)
    if exchange.owner is Side.CANDIDATE:
        return OWNED, None if isinstance(ours, NotMirrored) else ours, theirs
    return OTHERS, None if isinstance(theirs, NotMirrored) else theirs, ours


def is_error(outcome: Outcome | NotMirrored) -> bool:
    """Say whether a side gave no answer, or one that blames itself."""
    if isinstance(outcome, Answered):
        return outcome.response.status >= 500
    return isinstance(outcome, Failed)


def is_refusal(outcome: Outcome | NotMirrored) -> bool:
    """Say whether a side answered, and the client must take it that nothing was stored."""
    return isinstance(outcome, Answered) and denies(outcome.response)


def denies(response: Response) -> bool:
    """Say whether an answer denies success: status 400 to 499, ``0``, or a JSON status 0."""
    if response.status >= 400:
        return response.status < 500
    body = response.body[:64].strip()
    return body == b"0" or (body[:1] == b"{" and b'"status":0' in body.replace(b" ", b""))
