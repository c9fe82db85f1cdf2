"""Where the parts of the service are put together, as the settings say."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pyingest.http import Timeouts
from pyingest.ingest import Decision, ingest
from pyingest.message import Request
from pyingest.queues.interface import Queue, parse_queue_url
from pyingest.queues.opening import open_queue
from pyingest.routing import Routes
from pyingest.server import Ending, Front, Server, listen
from pyingest.serving.admin import Report
from pyingest.serving.admission import Admission
from pyingest.serving.gauges import FRONT_FAMILIES, front_samples
from pyingest.serving.logs import Log
from pyingest.serving.metrics import Counters, Family, Sample
from pyingest.serving.observing import (
    REQUEST_FAMILIES,
    AccessLog,
    RequestCounts,
    StoreFailures,
)
from pyingest.serving.parts import Contract, Observer
from pyingest.serving.privacy import private
from pyingest.serving.probes import LastOutcome, Probes
from pyingest.serving.ratelimit import RateLimiter, Rates
from pyingest.serving.reading import address
from pyingest.serving.service import Parts, Service
from pyingest.serving.settings import Settings
from pyingest.serving.tokens import access
from pyingest.wire.profile import PROFILES
from pyingest.wire.requestreader import Limits

FAMILIES: tuple[Family, ...] = (*REQUEST_FAMILIES, *FRONT_FAMILIES)


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a server one process is."""

    workers: int = 1
    """Processes that share the rates."""
    inherited: int | None = None
    """The descriptor of the socket that a supervisor listens on."""


@dataclass(slots=True)
class Backstage:
    """What lies behind the front: opened first, closed last."""

    queue: Queue
    condition: Callable[[], str]
    """Why events could not be stored now; empty when they could."""
    observers: list[Observer] = field(default_factory=list)
    sources: list[Callable[[], list[Sample]]] = field(default_factory=list)
    stats: dict[str, Callable[[], object]] = field(default_factory=dict)

    async def close(self) -> None:
        """Store what waits, and let go of files and connections."""
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
        samples = [*self._counters.samples(), *front_samples(self._server.factory)]
        for source in self._backstage.sources:
            samples += source()
        stats = {name: source() for name, source in self._backstage.stats.items()}
        probes = self._server.probes
        return Report(samples, stats, probes.unready() if probes else "")


def assemble(reactor: Any, settings: Settings, log: Log, share: Share) -> Running:
    """Open the queue, listen, and serve from now on.

    :raises QueueError: the queue cannot be opened.
    :raises ListenError: the address cannot be listened on.
    """
    counters = Counters(settings.metrics.buckets)
    backstage = open_backstage(reactor, settings, log)
    probes = Probes(backstage.condition)
    observers: list[Observer] = [RequestCounts(counters), StoreFailures(log), *backstage.observers]
    if settings.logs.access:
        observers.append(AccessLog(log, settings.privacy.ip))
    parts = Parts(
        contract=contract_of(settings),
        publish=backstage.queue.publish,
        now=time.time,
        clock=time.monotonic,
        probes=probes if settings.listen.probes else None,
        limiter=_limiter(settings, share.workers),
        access=access(settings.tokens.allow, settings.tokens.deny),
        observers=observers,
        at_once=settings.limits.requests,
        retry_after=settings.limits.retry_after,
        report=lambda error: log.error("defect", kind=type(error).__name__, where=_where(error)),
    )
    limits = settings.limits
    admission = Admission(limits.connections, limits.connections_per_address, limits.retry_after)
    front = _front(settings, share.inherited)
    handler = Service(parts).answer
    server = listen(reactor, front, handler, backstage, _ending(settings), admission)
    server.probes = probes
    return Running(server, backstage, counters)


def open_backstage(reactor: Any, settings: Settings, log: Log) -> Backstage:
    """Open what lies behind the front.

    :raises QueueError: the queue cannot be opened.
    """
    queue = open_queue(reactor, settings.queue.url)
    last = LastOutcome(time.monotonic)
    return Backstage(queue, last.problem, [last])


def contract_of(settings: Settings) -> Contract:
    """Return the contract as one function.

    :raises QueueError: the queue URL is wrong.
    """
    names = queue_names(settings)
    routes = Routes(track=names[0], engage=names[-1])
    plain = PROFILES[settings.contract.profile]
    profile = replace(plain, address=private(plain.address, settings.privacy.ip))

    def classic(request: Request, peer: str, now: float) -> Decision:
        return ingest(request, peer, now, profile, routes)

    return classic


def queue_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the queues, in the URL's order; quarantined ones if that is asked.

    :raises QueueError: the URL is wrong.
    """
    quarantine = tuple(name for name in settings.queue.quarantine.split(",") if name)
    return quarantine or parse_queue_url(settings.queue.url).names


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
        Limits(limits.head, limits.body, limits.headers),
        Timeouts(times.idle, times.request, times.linger),
    )


def _ending(settings: Settings) -> Ending:
    times = settings.timeouts
    return Ending(times.notice, times.grace, times.drain)


def _where(error: Exception) -> str:
    """Return the place of a defect: file and line, never what a client sent."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
