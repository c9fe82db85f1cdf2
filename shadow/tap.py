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
from pyingest.queues.interface import QueueError, Reader
from shadow.exchange import Side, TappedEvent

BATCH = 250
"""Events that are handed on at once; clients wait meanwhile."""
QUICK, SLOW = 0.05, 0.25
"""Seconds between looks at a queue: while events come, and at most. A look costs the queue's
server something, and many events read at once cost it little more than one."""
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
    ) -> None:
        self.state = TapState()
        self._clock = clock
        self._side = side
        self._reader = reader
        self._names = names
        self._take = take
        self._stopping = False
        self._broken = False
        self._running: Deferred[None] | None = None

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
        """Return the state for the manifest."""
        return asdict(self.state)

    async def _run(self) -> None:
        pause = QUICK
        while not self._stopping:
            found = await self._read()
            pause = QUICK if found else min(pause * 2, SLOW)
            if found < BATCH:
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
        try:
            found: Sequence[Stored] = await self._reader.read(BATCH)
        except QueueError as error:
            self.state.errors += 1
            self.state.error = str(error)
            return 0
        self.state.error = ""
        now = time.time()
        for item in found:
            queue = self._names.get(item.queue, item.queue)
            self._take(TappedEvent(self._side, queue, item.offset, now, item.body))
        self.state.read += len(found)
        return len(found)
