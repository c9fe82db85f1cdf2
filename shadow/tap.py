"""Reads both output queues without disturbing their consumers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.event import Stored
from pyingest.queues.gauge import Gauging, Missed, Seekable
from pyingest.queues.interface import QueueError, Reader
from shadow.exchange import Side, TappedEvent
from shadow.recording import Hider
from shadow.status import QueueStatus
from shadow.tapping.journal import Journal
from shadow.tapping.series import Series
from shadow.tapping.watch import Watch, merged

BATCH = 250
"""Events that are handed on at once; clients wait meanwhile. A reader may want fewer (``most``)."""
QUICK, SLOW = 0.05, 0.25
"""Seconds between looks at a queue: while events come, and at most. A look costs the queue's
server something, and many events read at once cost it little more than one."""
SAMPLE = 1.0
"""Seconds between looks at what a queue's server tells beside its messages."""
QUIET = 5
"""Looks in a row that find nothing, until the end of a run is believed."""
ATTEMPTS = 12
"""Looks in a row that fail, until a queue is given up at the end of a run."""


@dataclass(slots=True)
class TapState:
    """How a tap fared; it goes into the manifest, since a lame tap makes a run worthless."""

    attached: bool = False
    read: int = 0
    backlog: int = -1
    """Messages left unread at the end; -1 when it could not be asked."""
    errors: int = 0
    error: str = ""
    """The last one, if reading did not recover from it."""
    left_behind: str = ""
    """Why our position is still with the queue; the operator must remove it."""


@dataclass(frozen=True, slots=True)
class TapFiles:
    """Where a tap keeps what must outlive it, if anywhere."""

    series: Series | None = None
    journal: Journal | None = None
    hider: Hider | None = None
    """Takes secrets out of events before anything of them is kept."""


class Tap:
    """Reads one side's queues and hands on what it finds.

    *names* maps the side's queue names to those that both sides are compared under.
    """

    log = Logger()

    def __init__(
        self,
        clock: Any,
        side: Side,
        reader: Reader,
        names: dict[str, str],
        take: Callable[[TappedEvent], None],
        files: TapFiles | None = None,
    ) -> None:
        self.state = TapState()
        self.watch = Watch(names.values())
        self._clock = clock
        self._side = side
        self._reader = reader
        self._names = names
        self._take = take
        self._files = files or TapFiles()
        self._limit: int = min(BATCH, getattr(reader, "most", BATCH))
        self._sample_at = 0.0
        self._stopping = False
        self._broken = False
        self._running: Deferred[None] | None = None

    def seek(self, position: str) -> None:
        """Go on behind what a killed tap kept in its journal; before attaching.

        :raises QueueError: the text is no position of this engine.
        """
        if position and isinstance(self._reader, Seekable):
            self._reader.seek(position)

    async def attach(self) -> None:
        """Take the position from which the queues will be read.

        :raises QueueError: the queues cannot be reached.
        """
        await self._reader.attach()
        self.state.attached = True

    def start(self) -> None:
        """Read from now on, until :meth:`finish`."""
        self._running = Deferred.fromCoroutine(self._run()).addErrback(self._broke)

    async def finish(self, seconds: float) -> TapState:
        """Read what is left, for *seconds* at most, and stop."""
        self._stopping = True
        if self._running is not None:
            await self._running
        try:
            if not self._broken:
                await self._drain(self._clock.seconds() + seconds)
                await self._sample()
        except Exception:
            self._broke(Failure())
        await self._leave()
        await self._reader.close()
        return self.state

    async def withdraw(self) -> None:
        """Leave without having read: the run does not begin after all."""
        self.state.backlog = 0
        if self.state.attached:
            await self._leave()
        await self._reader.close()

    def report(self) -> dict[str, Any]:
        """Return the state, and what was seen of the queues, for the manifest.

        It includes what a killed tap before this one told last, if there is a journal.
        """
        own = {**asdict(self.state), **self.watch.told(time.time()), "read": self.state.read}
        journal = self._files.journal
        before = journal.left.reports.get(self._side) if journal is not None else None
        return own if before is None else merged([before, own])

    def status(self) -> dict[str, QueueStatus]:
        """Return where each queue is now, by side and name."""
        return self.watch.status(self._side.value)

    async def _run(self) -> None:
        pause = QUICK
        while not self._stopping:
            found = await self._read()
            pause = QUICK if found else min(pause * 2, SLOW)
            if self._clock.seconds() >= self._sample_at:
                self._sample_at = self._clock.seconds() + SAMPLE
                await self._sample()
            if found < self._limit:
                await deferLater(self._clock, pause)

    def _broke(self, failure: Failure) -> None:
        """Note a fault of ours: it must not pass for a quiet queue."""
        self.log.failure("the tap on the {side} queue", failure=failure, side=self._side.value)
        self._broken = True
        self.state.errors += 1
        self.state.error = f"the tap broke: {failure.getErrorMessage()}"

    async def _drain(self, deadline: float) -> None:
        """Read until nothing waits and nothing comes, for as long as there is time."""
        while await self._falls_quiet(deadline):
            await self._count_backlog()
            if not self.state.backlog or self._clock.seconds() >= deadline:
                return
        await self._count_backlog()

    async def _falls_quiet(self, deadline: float) -> bool:
        """Read on; return whether the queue can be read, and gives nothing any more."""
        quiet = failed = 0
        while quiet < QUIET and failed < ATTEMPTS and self._clock.seconds() < deadline:
            found = await self._read()
            failed = failed + 1 if self.state.error else 0
            quiet = 0 if found or failed else quiet + 1
            if not found:
                await deferLater(self._clock, SLOW if failed else QUICK)
        return quiet >= QUIET

    async def _count_backlog(self) -> None:
        try:
            self.state.backlog = await self._reader.backlog()
        except QueueError as error:
            self.state.backlog = -1
            self.state.error = str(error)

    async def _leave(self) -> None:
        """Give the position up, but not while something is still behind it."""
        if self.state.backlog:
            return
        try:
            await self._reader.detach()
        except QueueError as error:
            self.state.left_behind = str(error)

    async def _read(self) -> int:
        began = time.time()
        try:
            found: Sequence[Stored] = await self._reader.read(self._limit)
        except Missed as loss:
            self.watch.lost(str(loss))
            return 0
        except QueueError as error:
            self.state.errors += 1
            self.state.error = str(error)
            self.watch.failed(str(error), began)
            return 0
        self.state.error = ""
        is_all = len(found) < self._limit and getattr(self._reader, "whole", True)
        self.watch.succeeded(began, is_all, time.time())
        self._hand_on(found)
        return len(found)

    def _hand_on(self, found: Sequence[Stored]) -> None:
        now = time.time()
        events = [
            TappedEvent(self._side, self._named(item.queue), item.offset, now, item.body)
            for item in found
        ]
        if self._files.hider is not None:
            events = [self._files.hider.event(event) for event in events]
        if events and self._files.journal is not None and isinstance(self._reader, Seekable):
            self._files.journal.add(self._side, events, self._reader.position())
        for event in events:
            self._take(event)
            self.watch.read(event.queue)
        self.state.read += len(events)

    async def _sample(self) -> None:
        """Look at what the queues' servers tell; that it fails is no failure of reading."""
        try:
            if isinstance(self._reader, Gauging):
                told = await self._reader.gauge()
                self.watch.saw({self._named(name): gauge for name, gauge in told.items()})
                lags = [gauge.waiting for gauge in told.values()]
                self.watch.behind(sum(lags) if min(lags) >= 0 else await self._reader.backlog())
            else:
                self.watch.behind(await self._reader.backlog())
        except QueueError:
            self.watch.behind(-1)
        if self._files.series is not None:
            self._files.series.add(self.watch.lines(self._side.value, time.time()))
        if self._files.journal is not None:
            self._files.journal.note(self._side, self.report())

    def _named(self, queue: str) -> str:
        return self._names.get(queue, queue)
