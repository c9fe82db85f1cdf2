"""One request's way: limits -> contract -> aliasing -> queue -> answer; observers look on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from pyingest.serving.refusals import fault, not_allowed, too_fast, unavailable
from pyingest.serving.tokens import Access, tokens_of

OTHER = "other"
_ENDPOINTS = {
    path: endpoint.value
    for endpoint in Endpoint
    for path in (b"/" + endpoint.value.encode(), b"/" + endpoint.value.encode() + b"/")
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
    aliasing: Aliasing | None = None
    limiter: RateLimiter | None = None
    access: Access | None = None
    observers: Sequence[Observer] = ()
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

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.in_flight = 0
        """Requests that are being answered."""

    async def answer(self, request: Request, peer: str) -> Reply:
        """Return the reply to *request*, which came from *peer*."""
        parts = self._parts
        if parts.probes is not None and (probe := parts.probes.reply(request)) is not None:
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
        self._tell(request, peer, done, parts.clock() - begun)
        return Reply(done.response.encode())

    async def _done(self, request: Request, peer: str) -> _Done:
        parts = self._parts
        now = parts.now()
        if parts.at_once and self.in_flight > parts.at_once:
            return _refused(unavailable(request, now, parts.retry_after), "requests")
        decision = parts.contract(request, peer, now)
        if not decision.events:
            return _Done(decision.stored, decision)
        turned = self._judge(request, decision, now)
        if isinstance(turned, _Done):
            return turned
        return await self._store(turned)

    def _judge(self, request: Request, decision: Decision, now: float) -> _Done | Decision:
        """Return how it ends for a project that may not store now, or what may be stored."""
        parts = self._parts
        if parts.access is None and parts.limiter is None:
            return decision
        tokens = tokens_of(decision)
        if parts.access is not None:
            decision, tokens = _permitted(parts.access, decision, tokens)
            if not decision.events:
                answer = not_allowed(request, now)
                return _Done(answer, decision, turned_away="token")
        if parts.limiter is not None and (wait := parts.limiter.wait(tokens, now)):
            return _Done(
                too_fast(request, decision.refused, ceil(wait)), decision, turned_away="rate"
            )
        return decision

    async def _store(self, decision: Decision) -> _Done:
        events: Sequence[Event] = decision.events
        if self._parts.aliasing is not None:
            events = await self._parts.aliasing.resolve(events)
        outcomes = await self._parts.publish(events)
        stored = len(outcomes) == len(events) and all(one is Outcome.STORED for one in outcomes)
        return _Done(decision.stored if stored else decision.refused, decision, outcomes)

    def _tell(self, request: Request, peer: str, done: _Done, seconds: float) -> None:
        if not self._parts.observers:
            return
        path = request.target.partition(b"?")[0]
        seen = Observed(
            request,
            peer,
            _ENDPOINTS.get(path, OTHER),
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


def _permitted(
    access: Access, decision: Decision, tokens: Sequence[str]
) -> tuple[Decision, tuple[str, ...]]:
    """Return *decision* without the events of projects that may not store."""
    good = [access.permits(token) for token in tokens]
    if all(good):
        return decision, tuple(tokens)
    rejected = tuple(
        Rejected("", "token, not allowed", event.body, token)
        for event, token, permitted in zip(decision.events, tokens, good, strict=True)
        if not permitted
    )
    kept = tuple(token for token, permitted in zip(tokens, good, strict=True) if permitted)
    events = tuple(
        event for event, permitted in zip(decision.events, good, strict=True) if permitted
    )
    rest = replace(decision, events=events, rejected=decision.rejected + rejected, tokens=kept)
    return rest, kept
