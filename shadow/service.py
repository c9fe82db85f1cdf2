"""The dual run as a service: proxy, taps and recording put together, and taken apart in order."""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from shadow.exchange import Side
from shadow.ledger import Ledger
from shadow.options import ShadowOptions
from shadow.recorder import Recorder
from shadow.runs.background import Background, Hand
from shadow.runs.manifest import PARTITIONS, RecordingError
from shadow.runs.room import Room
from shadow.runs.rotating import PartsWriter
from shadow.runs.run import Run
from shadow.serving.accounts import settle
from shadow.serving.front import Front
from shadow.serving.odometer import SUFFIX, KeptLedger, Odometer
from shadow.serving.place import Place, Role
from shadow.serving.rundirectory import begin, keeper_of, take_back
from shadow.serving.safeguards import Safeguards
from shadow.serving.sideview import SideViews
from shadow.serving.statusfiles import DIRECTORY
from shadow.serving.taps import Taps
from shadow.serving.telling import Teller
from shadow.status import Status

FLUSH_SECONDS = 1.0


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
    """A dual run that is under way, or one process of it; :func:`start` makes it."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: ShadowOptions,
        place: Place,
        run: Run,
        writers: tuple[PartsWriter, PartsWriter | None],
        hand: Background,
    ) -> None:
        self._options = options
        self._hand = hand
        self._writer = writers[0]
        self._recorder = Recorder(writers[0], self._recording_failed, writers[1])
        self._run = run if place.role is Role.WHOLE else None
        self._keeper = keeper_of(reactor, run, options)
        directory = self.status_directory = options.run / DIRECTORY
        directory.mkdir(exist_ok=True, mode=0o700)
        self._views = SideViews()
        self._front: Front | None = None
        self._taps: Taps | None = None
        self._safeguards: Safeguards | None = None
        if place.proxies:
            ledger = KeptLedger(Odometer(directory / f"{place.name}{SUFFIX}"))
            self._safeguards = guards = Safeguards(reactor, options, place.name)
            observers = (self._recorder.exchange, self._views.observe, *guards.observers)
            self._front = Front(
                reactor, options, guards.isolation, guards.router, observers, ledger
            )
        if place.taps:
            resumes = place.role is Role.TAP
            self._taps = Taps(reactor, options, self._recorder.event, resumes)
        self._teller = Teller(reactor, directory, place.told, self._fill)
        self._flusher = LoopingCall(self._flush)
        self._flusher.clock = reactor
        self.place = place

    @property
    def port(self) -> int:
        """Where clients come in; 0 if not here."""
        return self._front.port if self._front is not None else 0

    @property
    def front(self) -> Front:
        """Where clients come in.

        :raises LookupError: not in this process.
        """
        if self._front is None:
            raise LookupError(f"{self.place.name} has no front")
        return self._front

    async def begin(self) -> None:
        """Attach the taps, then take requests.

        :raises QueueError: a queue cannot be tapped.
        :raises ShadowError: legacy is not there, or the address is taken.
        """
        if self._front is not None:
            await self._front.check()
        if self._taps is not None:
            await self._taps.attach(self.place.position)
        try:
            if self._front is not None:
                self._front.listen(self.place.inherited)
        except Exception:
            if self._taps is not None:
                await self._taps.withdraw()
            raise
        if self._safeguards is not None and self._front is not None:
            # The switch is obeyed, and the stage known, before the first request.
            queues = self._taps.status if self._taps is not None else None
            self._safeguards.start(self._front, queues)
        if self._taps is not None:
            self._taps.start()
        if self._run is not None:
            self._keeper.start()
        self._flusher.start(FLUSH_SECONDS / (2 * PARTITIONS), now=False)
        self._teller.start()

    async def stop(self) -> None:
        """End in order: no new requests, answers, the candidate's copies, the queues, the run.

        :raises RecordingError: the run was not recorded to its end.
        """
        self._teller.ending = True
        if self._front is not None:
            await self._front.stop()
        if self._safeguards is not None:
            self._safeguards.stop()
        if self._taps is not None:
            await self._taps.finish()
            self._writer.recovers(self._taps.recovered)
        if self._flusher.running:
            self._flusher.stop()
        if self._safeguards is not None:
            self._recorder.tell_tax(self._safeguards.isolation.recorded())
        self._recorder.close(self._counted(), self._taps.report() if self._taps else {})
        self._hand.close()
        self._teller.stop()
        await self._end_run()
        if self._recorder.error:
            raise RecordingError(f"this run cannot be judged: {self._recorder.error}")
        if self._taps is not None:
            self._taps.end()

    async def _end_run(self) -> None:
        """Declare the run complete, if it is this process's; what its parts lack, they say."""
        if self._run is None:
            return
        await self._keeper.stop()
        try:
            self._run.close()
            settle(self._run)
        except RecordingError:
            self._run.let_go()
            if not self._recorder.error:
                raise

    def close(self) -> None:
        """Let go of everything: nothing began."""
        self._hand.close()
        if self._front is not None:
            self._front.close()
        for path in self.status_directory.glob(f"{self.place.name}.*"):
            path.unlink()
        with contextlib.suppress(OSError):  # others use it, too
            self.status_directory.rmdir()

    @property
    def error(self) -> str:
        """Why nothing is recorded any more, or an empty text."""
        return self._recorder.error

    def snapshot(self) -> Snapshot:
        """Return where the run stands."""
        ledger = self._front.proxy.ledger if self._front is not None else Ledger()
        taps = self._taps.of if self._taps is not None else {}
        return Snapshot(
            received=ledger.received,
            mirrored=ledger.mirrored,
            candidate_failed=ledger.candidate_failed,
            not_mirrored=ledger.shed + ledger.broken_circuit,
            waiting=self._front.waiting if self._front is not None else 0,
            events={side: tap.state.read for side, tap in taps.items()},
            error=self._recorder.error,
        )

    def _fill(self, status: Status) -> None:
        """Complete what this process tells of itself."""
        status.error = self._recorder.error
        status.ledger = self._counted()
        if self._taps is not None:
            status.queues = self._taps.status()
        if self._front is None:
            return
        status.lane = self._front.lane()
        status.sides = {
            side.value: view.status(self._front.in_flight(side))
            for side, view in self._views.of.items()
        }
        if self._safeguards is not None:
            self._safeguards.tell(status)
        status.mirroring = status.mirroring and self._front.proxy.closed is None

    def _counted(self) -> dict[str, int]:
        return {} if self._front is None else self._front.proxy.ledger.to_dict()

    def _flush(self) -> None:
        if self._recorder.flush(self._counted()) and self._taps is not None:
            try:
                self._taps.flushed()
                self._writer.recovers(self._taps.recovered)
            except OSError as error:
                self._recorder.give_up(f"the tap's journal: {error}")

    def _recording_failed(self, why: str) -> None:
        """Stop mirroring: without a recording there is nothing to mirror for."""
        if self._front is not None:
            self._front.stop_mirroring()
        self.log.error("recording stopped, and with it the mirroring: {why}", why=why)


async def start(reactor: Any, options: ShadowOptions, place: Place | None = None) -> ShadowService:
    """Open the run, attach the taps, and listen; without a *place*, one process does all.

    :raises ShadowError: a URL is wrong, legacy cannot be reached, or the address is taken.
    :raises QueueError: a queue cannot be tapped.
    :raises RecordingError: the run directory cannot be written, or holds a run already.
    """
    if place is None:
        run = begin(options, time.time())
        here = Place(Role.WHOLE, run.manifest.created)
    else:
        run, here = Run.open(options.run, options.recording.redactor()), place
    hand = Background()
    writers = _writers(options, here, run, hand)
    service = ShadowService(reactor, options, here, run, writers, hand)
    try:
        await service.begin()
    except Exception:
        service.close()
        for writer in writers:
            if writer is not None:
                writer.discard()
        if here.role is Role.WHOLE:
            take_back(run)
        raise
    return service


def _writers(
    options: ShadowOptions, place: Place, run: Run, hand: Hand
) -> tuple[PartsWriter, PartsWriter | None]:
    """Return what records exchanges, and what records events if that is another.

    They lie in different parts, since exchanges can be deleted before the events they need.
    """
    settings = options.recording
    room = Room(options.run, settings.free_bytes)

    def writer(name: str) -> PartsWriter:
        return PartsWriter(run, name, settings.rotation, hand, room=room)

    if place.role is not Role.WHOLE:
        return writer(place.name), None
    return writer(place.name), writer(str(Role.TAP))
