"""The dual run as a service: proxy, taps and recording put together, and taken apart in order."""

import random
import time
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from pyingest.queues.interface import Reader, parse_queue_url
from pyingest.queues.opening import open_reader
from shadow.breaker import Breaker
from shadow.exchange import Reason, Side
from shadow.lane import Lane
from shadow.options import ShadowError, ShadowOptions, SideOptions, address, mapped_names
from shadow.proxy import Proxy
from shadow.recorder import Recorder
from shadow.recording import PARTITIONS, Manifest, RecordingError, RunWriter
from shadow.relaying.door import Door
from shadow.relaying.mirror import Mirror
from shadow.relaying.pool import Pool, PoolLimits, reachable
from shadow.routing import Router
from shadow.sampling import SampleRouter, Sampling
from shadow.tap import Tap, TapFiles
from shadow.tapping.series import FILE, Series

TAP_NAME = "mixmigrate-{:x}"
"""The name of our fan-out queues and cursors: one for each run, so that nothing of another is
read."""
CONNECT_SECONDS = 2.0
FLUSH_SECONDS = 1.0
CANDIDATE_LONGEST = 1024 * 1024
"""Bytes of one answer of the candidate; more is no answer of an ingestion service."""


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
        sides: dict[Side, Pool],
        writer: RunWriter,
    ) -> None:
        self.port = 0
        self._reactor = reactor
        self._options = options
        self._sides = sides
        self._taps: dict[Side, Tap] = {}
        self._recorder = Recorder(writer, self._recording_failed)
        router: Router = SampleRouter(Sampling(options.share, options.control), random.random)
        breaker = Breaker(options.breaker, lambda: random.uniform(0.8, 1.2))
        mirror = Mirror(reactor, sides[Side.CANDIDATE], Lane(options.lane), breaker)
        owners = {Side.LEGACY: sides[Side.LEGACY]}
        observers = [self._recorder.exchange]
        self.proxy = Proxy(reactor, owners, {Side.CANDIDATE: mirror}, router, observers)
        self._mirror = mirror
        self._door = Door(self.proxy.ask, self.proxy.refused, reactor)
        self._flusher = LoopingCall(self._flush)

    async def attach(self, side: Side, reader: Reader, names: dict[str, str]) -> None:
        """Tap a side's queues, which are compared under the names that *names* gives.

        :raises QueueError: they cannot be reached.
        """
        files = TapFiles(Series(self._options.run / FILE))
        tap = Tap(self._reactor, side, reader, names, self._recorder.event, files)
        self._taps[side] = tap
        await tap.attach()

    async def withdraw(self) -> None:
        """Undo :meth:`attach`: the run does not begin after all."""
        for tap in self._taps.values():
            await tap.withdraw()

    def listen(self) -> None:
        """Take requests from now on. The taps must be attached.

        :raises ShadowError: the address is taken.
        """
        where = self._options
        try:
            self._listening = self._reactor.listenTCP(
                where.port, self._door, backlog=1024, interface=where.host
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
        """End in order: no new requests, answers, the candidate's copies, the queues, the run.

        :raises RecordingError: the run was not recorded to its end.
        """
        patience = self._options.drain_seconds
        began = self._reactor.seconds()
        await maybeDeferred(self._listening.stopListening)
        await self._door.drain(patience)
        await self._settled(began + patience - self._reactor.seconds())
        self.proxy.abandon()
        # What a side has already been sent keeps its own time limit: cutting it short would
        # count as a failure of that side.
        await self._settled(self._options.answer_seconds + CONNECT_SECONDS)
        for side in self._sides.values():
            side.close()
        await self._settled(1.0)
        finishing = (tap.finish(patience) for tap in self._taps.values())
        await gatherResults([Deferred.fromCoroutine(one) for one in finishing])
        if self._flusher.running:
            self._flusher.stop()
        taps = {side.value: tap.report() for side, tap in self._taps.items()}
        self._recorder.close(self._counted(), taps)
        if self._recorder.error:
            raise RecordingError(f"this run cannot be judged: {self._recorder.error}")

    def snapshot(self) -> Snapshot:
        """Return where the run stands."""
        ledger = self.proxy.ledger
        return Snapshot(
            received=ledger.received,
            mirrored=ledger.mirrored,
            candidate_failed=ledger.candidate_failed,
            not_mirrored=ledger.shed + ledger.broken_circuit,
            waiting=len(self._mirror.lane),
            events={side: tap.state.read for side, tap in self._taps.items()},
            error=self._recorder.error,
        )

    async def _settled(self, seconds: float) -> None:
        """Wait until every request has its place in the ledger, for *seconds* at most."""
        deadline = self._reactor.seconds() + seconds
        while not self.proxy.is_settled and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, 0.02)

    def _counted(self) -> dict[str, int]:
        return self.proxy.ledger.to_dict()

    def _flush(self) -> None:
        self._recorder.flush(self._counted())

    def _recording_failed(self, why: str) -> None:
        """Stop mirroring: without a recording there is nothing to mirror for."""
        self.proxy.closed = Reason.FILTERED
        self.log.error("recording stopped, and with it the mirroring: {why}", why=why)


async def start(reactor: Any, options: ShadowOptions) -> ShadowService:
    """Attach the taps, open the run, and listen.

    :raises ShadowError: a URL is wrong, legacy cannot be reached, or the address is taken.
    :raises QueueError: a queue cannot be tapped.
    :raises RecordingError: the run directory cannot be written, or holds a run already.
    """
    names = mapped_names(options)
    sides = _upstreams(reactor, options)
    try:
        where = address(options.legacy.url)
        why = await reachable(reactor, *where, CONNECT_SECONDS)
        if why:
            raise ShadowError(f"legacy {options.legacy.url}: {why}; start it first")
        return await _begin(reactor, options, sides, names)
    except Exception:
        for side in sides.values():
            side.close()
        raise


async def _begin(
    reactor: Any,
    options: ShadowOptions,
    sides: dict[Side, Pool],
    names: dict[Side, dict[str, str]],
) -> ShadowService:
    manifest = _manifest(options)
    writer = RunWriter(options.run, manifest)
    service = ShadowService(reactor, options, sides, writer)
    position = TAP_NAME.format(int(manifest.created * 1000))
    try:
        for side in Side:
            reader = open_reader(reactor, options.side(side).queue, position)
            await service.attach(side, reader, names[side])
        service.listen()
    except Exception:
        await service.withdraw()
        writer.discard()
        raise
    return service


def _manifest(options: ShadowOptions) -> Manifest:
    def told(side: SideOptions) -> dict[str, str]:
        return {"url": side.url, "queue": parse_queue_url(side.queue).shown, "build": side.build}

    return Manifest(
        created=time.time(),
        legacy=told(options.legacy),
        candidate=told(options.candidate),
        notes=list(options.notes),
    )


def _upstreams(reactor: Any, options: ShadowOptions) -> dict[Side, Pool]:
    """Return both sides; what the candidate may take up is bounded more narrowly."""
    legacy = PoolLimits(answer=options.answer_seconds, connect=CONNECT_SECONDS)
    limits = {
        Side.LEGACY: legacy,
        Side.CANDIDATE: replace(
            legacy, connections=options.lane.in_flight, kept=CANDIDATE_LONGEST, bounded=True
        ),
    }
    addresses = {side: address(options.side(side).url) for side in Side}
    return {side: Pool(reactor, *addresses[side], limits[side]) for side in Side}
