"""One request's way: limits -> contract -> aliasing -> queue -> answer; observers look on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from pyingest.event import Event
from pyingest.http import Reply
from pyingest.ingest import Decision, Rejected
from pyingest.message import Request, Response
from pyingest.queues.interface import Outcome
from pyingest.routing import Endpoint
from pyingest.serving.parts import Aliasing, Contract, Observed, Observer, Publish
from pyingest.serving.probes import Probes
from pyingest.serving.ratelimit import RateLimiter
from pyingest.serving.refusals import NOT_ALLOWED, fault, not_allowed, too_fast, unavailable
from pyingest.serving.tokens import Access, tokens_of

OTHER = "other"


def endpoints(prefixes: Sequence[str] = ("",)) -> dict[bytes, str]:
    """Return the name of each path that is counted apart, below each of *prefixes*."""
    return {
        f"{prefix}/{endpoint.value}{end}".encode(): endpoint.value
        for prefix in prefixes
        for endpoint in Endpoint
        for end in ("", "/")
    }


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of; what is ``None`` or empty is left out of the way."""

    contract: Contract
    publish: Publish
    now: Callable[[], float]
    """Epoch seconds."""
    clock: Callable[[], float]
    """Seconds of a clock that never goes back."""
    probes: Probes | None = None
    access: Access | None = None
    limiter: RateLimiter | None = None
    aliasing: Aliasing | None = None
    placed: Callable[[Decision], Decision] | None = None
    """Spreads events over the queues of their route."""
    observers: Sequence[Observer] = ()
    tokens: bool = False
    """Whether ``placed`` or an observer wants to know each event's project."""
    endpoints: Mapping[bytes, str] = field(default_factory=endpoints)
    at_once: int = 0
    """Requests under way beyond which others are turned away; 0: any number."""
    retry_after: int = 5
    """Seconds."""
    report: Callable[[Exception], None] = field(default=lambda error: None)
    """Told of a defect of ours."""


@dataclass(frozen=True, slots=True)
class _Done:
    """How a request ended."""

    response: Response
    decision: Decision
    outcomes: Sequence[Outcome] = ()
    turned_away: str = ""


class Service:
    """Answers requests; says that something is stored only after the queue confirmed."""

    def __init__(self, parts: Parts, answers_probes: bool = True) -> None:
        self._parts = parts
        self._probes = parts.probes if answers_probes else None
        self.in_flight = 0
        """Requests that are being answered."""

    async def answer(self, request: Request, peer: str) -> Reply:
        """Return the reply to *request*, which came from *peer*."""
        parts = self._parts
        if self._probes is not None and (probe := self._probes.reply(request)) is not None:
            return probe
        begun = parts.clock()
        self.in_flight += 1
        try:
            done = await self._done(request, peer)
        except Exception as error:  # whatever our defect is, a client must hear 500
            parts.report(error)
            done = _refused(fault(request, parts.now()), "fault")
        finally:
            self.in_flight -= 1
        if parts.observers:
            try:
                self._tell(request, peer, done, parts.clock() - begun)
            except Exception as error:  # what was stored must be said to be
                parts.report(error)
        return Reply(done.response.encode())

    async def _done(self, request: Request, peer: str) -> _Done:
        parts = self._parts
        now = parts.now()
        if parts.at_once and self.in_flight > parts.at_once:
            return _refused(unavailable(request, now, parts.retry_after), "requests")
        decision = parts.contract(request, peer, now)
        if not decision.events:
            return _Done(decision.stored, decision)
        if parts.tokens or parts.access is not None or parts.limiter is not None:
            decision = _with_tokens(decision)
            if (away := self._turned_away(request, decision, now)) is not None:
                return away
            if parts.access is not None:
                decision = _permitted(parts.access, decision)
        return await self._store(decision)

    def _turned_away(self, request: Request, decision: Decision, now: float) -> _Done | None:
        """Return how it ends for projects that may not store now; ``None`` if one may."""
        access, limiter = self._parts.access, self._parts.limiter
        if access is not None and not any(map(access.permits, decision.tokens)):
            rest = _permitted(access, decision)
            return _Done(not_allowed(request, now), rest, turned_away="token")
        if limiter is not None and (wait := limiter.wait(decision.tokens, now)):
            response = too_fast(request, decision.refused, ceil(wait))
            return _Done(response, decision, turned_away="rate")
        return None

    async def _store(self, decision: Decision) -> _Done:
        if self._parts.placed is not None:
            decision = self._parts.placed(decision)
        events: Sequence[Event] = decision.events
        if self._parts.aliasing is not None:
            events = self._parts.aliasing.resolve(events)
        outcomes = await self._parts.publish(events)
        stored = len(outcomes) == len(events) and all(one is Outcome.STORED for one in outcomes)
        return _Done(decision.stored if stored else decision.refused, decision, outcomes)

    def _tell(self, request: Request, peer: str, done: _Done, seconds: float) -> None:
        path, _, query = request.target.partition(b"?")
        seen = Observed(
            peer,
            self._parts.endpoints.get(path, OTHER),
            request.method,
            path,
            request.body or query,
            len(request.target) + len(request.body),
            done.response.status,
            done.decision,
            done.outcomes,
            seconds,
            done.turned_away,
        )
        for observer in self._parts.observers:
            observer.observe(seen)


def _refused(response: Response, why: str) -> _Done:
    return _Done(response, Decision((), response, response), turned_away=why)


def _with_tokens(decision: Decision) -> Decision:
    """Return *decision* with the project of each event, which not every contract says."""
    if len(decision.tokens) == len(decision.events):
        return decision
    return Decision(
        decision.events, decision.stored, decision.refused, decision.rejected, tokens_of(decision)
    )


def _permitted(access: Access, decision: Decision) -> Decision:
    """Return *decision* without the events of projects that may not store."""
    if all(map(access.permits, decision.tokens)):
        return decision
    pairs = list(zip(decision.events, decision.tokens, strict=True))
    good = [(event, token) for event, token in pairs if access.permits(token)]
    rejected = tuple(
        Rejected("", NOT_ALLOWED, event.body, token)
        for event, token in pairs
        if not access.permits(token)
    )
    return Decision(
        tuple(event for event, _ in good),
        decision.stored,
        decision.refused,
        decision.rejected + rejected,
        tuple(token for _, token in good),
    )
