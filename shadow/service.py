"""The dual run as a service: proxy, taps and recording put together, and taken apart in order."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from pyingest.http import HttpFactory
from pyingest.queues.interface import QueueError, QueueUrl, parse_queue_url
from pyingest.queues.opening import open_reader
from shadow.breaker import Breaker, BreakerLimits
from shadow.exchange import Side
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy
from shadow.recording import PARTITIONS, Manifest, RecordingError, RunWriter
from shadow.tap import Tap
from shadow.upstream import Upstream, UpstreamLimits

TAP_NAME = "mixmigrate-{:x}"
"""The name of our fan-out queues and cursors: one for each run, so that nothing of another is
read."""
FLUSH_SECONDS = 1.0


class ShadowError(Exception):
    """The dual run cannot start. The text says what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class SideOptions:
    """One side: where it listens, where it queues, and what it is."""

    url: str
    queue: str
    build: str = ""
    """Free text that identifies what was run: a version, a commit."""


@dataclass(frozen=True, slots=True)
class ShadowOptions:
    """How to run."""

    host: str
    port: int
    legacy: SideOptions
    candidate: SideOptions
    run: Path
    notes: Sequence[str] = ()
    share: float = 1.0
    """Part of the requests that is mirrored."""
    answer_seconds: float = 10.0
    """How long each side may take for an answer."""
    drain_seconds: float = 15.0
    """How long the candidate and the taps get to finish at the end."""
    lane: LaneLimits = field(default_factory=LaneLimits)
    breaker: BreakerLimits = field(default_factory=BreakerLimits)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a dual run stands, for a progress line."""

    received: int
    mirrored: int
    candidate_failed: int
    not_mirrored: int
    waiting: int
    """Requests in the lane."""
    events: dict[Side, int]
    error: str
    """Why nothing is recorded any more, or an empty text."""


class ShadowService:
    """A dual run that is under way; :func:`start` makes it."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: ShadowOptions,
        sides: dict[Side, Upstream],
        taps: dict[Side, Tap],
        writer: RunWriter,
    ) -> None:
        self.port = 0
        self._reactor = reactor
        self._options = options
        self._sides = sides
        self._taps = taps
        self._writer = writer
        self._error = ""
        breaker = Breaker(options.breaker, lambda: random.uniform(0.8, 1.2))
        self.proxy = Proxy(
            reactor, dict(sides), Lane(options.lane), breaker, writer.add_exchange, options.share
        )
        self._factory = HttpFactory(self.proxy.answer, reactor)
        self._flusher = LoopingCall(self._flush)

    def listen(self) -> None:
        """Take requests from now on.

        :raises ShadowError: the address is taken.
        """
        where = self._options
        try:
            self._listening = self._reactor.listenTCP(
                where.port, self._factory, backlog=1024, interface=where.host
            )
        except CannotListenError as error:
            raise ShadowError(
                f"cannot listen on {where.host}:{where.port}: {error.socketError}; "
                "stop what uses the port, or choose another one (0 takes any that is free)"
            ) from None
        self.port = self._listening.getHost().port
        for tap in self._taps.values():
            tap.start()
        self._flusher.start(FLUSH_SECONDS / (2 * PARTITIONS), now=False)

    async def stop(self) -> None:
        """End in order: no new requests, answers, the candidate's copies, the queues, the run."""
        await maybeDeferred(self._listening.stopListening)
        await self._factory.drain(self._options.drain_seconds)
        await self._empty_lane()
        for side in self._sides.values():
            side.close()
        for tap in self._taps.values():
            await tap.finish(self._options.drain_seconds)
        self._flusher.stop()
        if not self._error:
            self.proxy.ledger.malformed = self._factory.malformed
            taps = {side.value: tap.report() for side, tap in self._taps.items()}
            self._writer.close(self.proxy.ledger.to_dict(), taps)

    def snapshot(self) -> Snapshot:
        """Return where the run stands."""
        ledger = self.proxy.ledger
        return Snapshot(
            received=ledger.received,
            mirrored=ledger.mirrored,
            candidate_failed=ledger.candidate_failed,
            not_mirrored=ledger.shed + ledger.broken_circuit,
            waiting=len(self.proxy.lane),
            events={side: tap.state.read for side, tap in self._taps.items()},
            error=self._error,
        )

    async def _empty_lane(self) -> None:
        deadline = self._reactor.seconds() + self._options.drain_seconds
        # One turn first: the last answers' copies enter the lane a turn after them.
        await deferLater(self._reactor, 0)
        while not self.proxy.lane.is_empty and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, 0.02)
        self.proxy.abandon()

    def _flush(self) -> None:
        """Keep the recording up; without it there is nothing to mirror for."""
        if self._error:
            return
        try:
            self._writer.manifest.ledger = self.proxy.ledger.to_dict()
            self._writer.flush_next()
        except RecordingError as error:
            self._error = str(error)
            self.proxy.mirroring = False
            self.log.error("recording stopped, and with it the mirroring: {why}", why=self._error)


async def start(reactor: Any, options: ShadowOptions) -> ShadowService:
    """Attach the taps, open the run, and listen.

    :raises ShadowError: a URL is wrong, legacy cannot be reached, or the address is taken.
    :raises QueueError: a queue cannot be tapped.
    :raises RecordingError: the run directory cannot be written, or holds a run already.
    """
    sides = {
        Side.LEGACY: _upstream(reactor, options.legacy.url, options),
        Side.CANDIDATE: _upstream(reactor, options.candidate.url, options),
    }
    names = _mapped_names(options)
    why = await sides[Side.LEGACY].check()
    if why:
        raise ShadowError(f"legacy {options.legacy.url}: {why}; start it first")
    manifest = _manifest(options)
    writer = RunWriter(options.run, manifest)
    name = TAP_NAME.format(int(manifest.created * 1000))
    taps = {
        side: Tap(
            reactor,
            side,
            open_reader(reactor, _side(options, side).queue, name),
            names[side],
            writer.add_event,
        )
        for side in Side
    }
    for tap in taps.values():
        await tap.attach()
    service = ShadowService(reactor, options, sides, taps, writer)
    service.listen()
    return service


def _side(options: ShadowOptions, side: Side) -> SideOptions:
    return options.legacy if side is Side.LEGACY else options.candidate


def _manifest(options: ShadowOptions) -> Manifest:
    def told(side: SideOptions) -> dict[str, str]:
        return {"url": side.url, "queue": side.queue, "build": side.build}

    return Manifest(
        created=time.time(),
        legacy=told(options.legacy),
        candidate=told(options.candidate),
        notes=list(options.notes),
    )


def _mapped_names(options: ShadowOptions) -> dict[Side, dict[str, str]]:
    """Return, for each side, its queue names and the legacy names they are compared under."""
    legacy = parse_queue_url(options.legacy.queue)
    candidate = parse_queue_url(options.candidate.queue)
    if legacy.location == candidate.location and set(legacy.names) & set(candidate.names):
        raise ShadowError(
            f"both sides publish to one queue ({options.candidate.queue}): every consumer would "
            "get everything twice; give the candidate queues of its own"
        )
    if len(legacy.names) != len(candidate.names):
        raise QueueError(
            f"--legacy-queue names {_listed(legacy)}, --candidate-queue {_listed(candidate)}: "
            "name as many on both sides, in the same order"
        )
    return {
        Side.LEGACY: dict(zip(legacy.names, legacy.names, strict=True)),
        Side.CANDIDATE: dict(zip(candidate.names, legacy.names, strict=True)),
    }


def _listed(url: QueueUrl) -> str:
    return f"{len(url.names)} queues ({', '.join(url.names)})"


def _upstream(reactor: Any, url: str, options: ShadowOptions) -> Upstream:
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path not in ("", "/"):
        raise ShadowError(f"{url!r} is not the URL of a service; write http://HOST:PORT")
    limits = UpstreamLimits(answer=options.answer_seconds)
    return Upstream(reactor, parts.hostname, port, limits)
