"""Where the parts of the service are put together, as the settings say."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyingest.http import QuickHandler, Timeouts
from pyingest.queues.interface import Queue
from pyingest.quick import Quick
from pyingest.server import Ending, Front, Server, listen
from pyingest.serving.admin import Report
from pyingest.serving.admission import Admission
from pyingest.serving.aliases import ALIASES, open_aliases
from pyingest.serving.contracts import contract_of, profile_of, refusal_of, routes_of
from pyingest.serving.deadletters import LETTERS, DeadLetters
from pyingest.serving.filelimit import raise_file_limit
from pyingest.serving.gauges import FRONT_FAMILIES, front_samples
from pyingest.serving.letterpost import LetterPost, open_letters
from pyingest.serving.logs import Log
from pyingest.serving.metrics import Counters, Family, Sample
from pyingest.serving.observing import (
    REQUEST_FAMILIES,
    AccessLog,
    Refusals,
    RequestCounts,
    StoreFailures,
)
from pyingest.serving.parts import Aliasing, Observer
from pyingest.serving.probes import LastOutcome, Probes
from pyingest.serving.quickly import Promptly, Quickly
from pyingest.serving.ratelimit import RateLimiter, Rates
from pyingest.serving.reading import address
from pyingest.serving.service import Parts, Service, endpoints
from pyingest.serving.settings import Settings
from pyingest.serving.storing import DURABLE_FAMILIES, open_store
from pyingest.serving.tokens import access
from pyingest.serving.trafficstats import NAME, TrafficObserver
from pyingest.serving.watching import Watching
from pyingest.sinks import PromptQueue
from pyingest.traffic.observer import Traffic
from pyingest.traffic.placement import Placement
from pyingest.wire.requestreader import Limits

FAMILIES: tuple[Family, ...] = (
    *REQUEST_FAMILIES,
    *FRONT_FAMILIES,
    *DURABLE_FAMILIES,
    ALIASES,
    LETTERS,
)


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a server one process is."""

    workers: int = 1
    """Processes that share the rates."""
    inherited: int | None = None
    """The descriptor of the socket that a supervisor listens on."""


class Closable(Protocol):
    """Something that is closed after the last request."""

    async def close(self) -> None:
        """Let go of everything."""


@dataclass(slots=True)
class Backstage:
    """What lies behind the front: opened before it, closed after it."""

    queue: Queue
    condition: Callable[[], str]
    """Why events could not be stored now; empty when they could."""
    observers: list[Observer] = field(default_factory=list)
    sources: list[Callable[[], list[Sample]]] = field(default_factory=list)
    stats: dict[str, Callable[[], object]] = field(default_factory=dict)
    aliasing: Aliasing | None = None
    others: list[Closable] = field(default_factory=list)
    settle: Callable[[], None] = lambda: None
    """Brings all counts up to date."""

    async def close(self) -> None:
        """Store what waits, and let go of files and connections."""
        for other in self.others:
            await other.close()
        await self.queue.close()


class Running:
    """One process that serves."""

    def __init__(self, server: Server, backstage: Backstage, counters: Counters) -> None:
        self._server = server
        self._backstage = backstage
        self._counters = counters
        self.port = server.port

    async def stop(self) -> int:
        """End in order; see :meth:`pyingest.server.Server.stop`."""
        return await self._server.stop()

    def report(self) -> Report:
        """Return what this process counted, and how it is."""
        self._backstage.settle()
        samples = [*self._counters.samples(), *front_samples(self._server.factory)]
        for source in self._backstage.sources:
            samples += source()
        stats = {name: source() for name, source in self._backstage.stats.items()}
        probes = self._server.probes
        return Report(samples, stats, probes.unready() if probes else "")


async def assemble(reactor: Any, settings: Settings, log: Log, share: Share) -> Running:
    """Open the queue, listen, and serve from now on.

    :raises QueueError: the queue, the spool or the dead letters cannot be opened.
    :raises ListenError: the address cannot be listened on.
    """
    room = raise_file_limit(settings.limits.connections)
    if room < settings.limits.connections:
        log.warning("too few files", connections=room, wanted=settings.limits.connections)
    counters = Counters(settings.metrics.buckets)
    backstage = open_backstage(reactor, settings, log)
    try:
        observers: list[Observer] = [
            RequestCounts(counters),
            StoreFailures(log),
            Refusals(log),
        ]
        parts = _parts(settings, log, share, backstage, [*observers, *backstage.observers])
        server = _listen(reactor, settings, share, backstage, parts)
    except Exception:
        await backstage.close()
        raise
    return Running(server, backstage, counters)


def open_backstage(reactor: Any, settings: Settings, log: Log) -> Backstage:
    """Open what lies behind the front.

    :raises QueueError: the queue, the spool or the dead letters cannot be opened.
    """
    store = open_letters(settings.dead_letters) if settings.dead_letters.url else None
    opened = open_store(reactor, settings)
    if opened.watch is not None:
        watch = opened.watch
        backstage = Backstage(opened.queue, watch.problem, sources=[watch.samples])
    else:
        last = LastOutcome(time.monotonic)
        backstage = Backstage(opened.queue, last.problem, [last])
    aliases = open_aliases(settings, log)
    if aliases is not None:
        backstage.aliasing = aliases.stage
        backstage.sources.append(aliases.samples)
        backstage.others.append(aliases)
    if store is not None:
        letters = DeadLetters(time.time, settings.dead_letters.record)
        backstage.observers.append(letters)
        backstage.sources.append(letters.samples)
        backstage.others.append(LetterPost(reactor, letters, store, log))
    if settings.metrics.traffic and settings.listen.admin:
        traffic = Traffic(time.time, servers=opened.servers)
        backstage.observers.append(TrafficObserver(traffic))
        backstage.stats[NAME] = traffic.stats
    if settings.logs.access:
        backstage.observers.append(AccessLog(log, settings.privacy.ip))
    return backstage


def _parts(
    settings: Settings, log: Log, share: Share, backstage: Backstage, observers: list[Observer]
) -> Parts:
    limits, tokens = settings.limits, settings.tokens
    is_classic = settings.contract.name == "classic"
    placement = Placement(settings.queue.classes, settings.queue.shards)
    return Parts(
        contract=contract_of(settings),
        publish=backstage.queue.publish,
        now=time.time,
        clock=time.monotonic,
        probes=Probes(backstage.condition),
        # The modern contract judges each record's token by itself.
        access=access(tokens.allow, tokens.deny) if is_classic else None,
        limiter=_limiter(settings, share.workers),
        aliasing=backstage.aliasing,
        placed=placement.placed if settings.queue.classes or settings.queue.shards > 1 else None,
        observers=observers,
        tokens=NAME in backstage.stats or bool(settings.queue.classes),
        endpoints=endpoints(("",) if is_classic else settings.contract.prefixes),
        at_once=limits.requests,
        retry_after=limits.retry_after,
        report=lambda error: log.error("defect", kind=type(error).__name__, where=_where(error)),
    )


def _listen(
    reactor: Any, settings: Settings, share: Share, backstage: Backstage, parts: Parts
) -> Server:
    limits = settings.limits
    admission = Admission(limits.connections, limits.connections_per_address, limits.retry_after)
    front = _front(settings, share.inherited)
    times = settings.timeouts
    ending = Ending(times.notice, times.grace, times.drain)
    service = Service(parts, answers_probes=settings.listen.probes)
    quick = _quick(reactor, settings, front, backstage, parts)
    server = listen(
        reactor,
        front,
        service.answer,
        backstage,
        ending,
        admission,
        quick,
        None if settings.contract.name == "classic" else refusal_of(settings),
    )
    server.probes = parts.probes
    return server


def _quick(
    reactor: Any, settings: Settings, front: Front, backstage: Backstage, parts: Parts
) -> QuickHandler | None:
    """Return the quick way, unless something must be done that it does not do."""
    others = (parts.access, parts.limiter, parts.aliasing, parts.placed)
    if any(one is not None for one in others) or settings.privacy.ip != "keep":
        return None
    if settings.contract.name != "classic":
        return None
    watching = Watching(reactor, parts.observers, parts.endpoints, parts.tokens)
    backstage.others.append(watching)
    backstage.settle = watching.settle
    queue, clock = backstage.queue, time.monotonic
    watched: Promptly | Quickly
    if isinstance(queue, PromptQueue):
        watched = Promptly(queue, clock, watching.note)
    else:
        watched = Quickly(reactor, queue, clock, watching.note, parts.at_once)
    profile, routes = profile_of(settings), routes_of(settings)
    return watched.around(
        lambda sink: Quick(profile, routes, front.limits, time.time, sink, leaves_bad=True)
    )


def _limiter(settings: Settings, workers: int) -> RateLimiter | None:
    tokens = settings.tokens
    if not tokens.rate and not tokens.rates:
        return None
    single = {token: rate / workers for token, rate in tokens.rates.items()}
    burst = max(1, tokens.burst // workers)
    return RateLimiter(Rates(tokens.rate / workers, burst, single, tokens.remembered))


def _front(settings: Settings, inherited: int | None) -> Front:
    host, port = address(settings.listen.address)
    limits, times = settings.limits, settings.timeouts
    return Front(
        host,
        port,
        settings.listen.backlog,
        inherited,
        Limits(line=limits.line, head=limits.head, body=limits.body, headers=limits.headers),
        Timeouts(idle=times.idle, request=times.request, linger=times.linger),
    )


def _where(error: Exception) -> str:
    """Return the place of a defect: file and line, never what a client sent."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
