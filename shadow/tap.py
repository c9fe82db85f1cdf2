"""Reads both output queues without disturbing their consumers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from pyingest.event import Stored
from pyingest.queues.interface import QueueError, Reader
from shadow.exchange import Side, TappedEvent

BATCH = 1_000
QUICK, SLOW = 0.05, 0.25
"""Seconds between looks at a queue: while events come, and at most. A look costs the queue's
server something, and many events read at once cost it little more than one."""


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
        self._running: Deferred[None] | None = None

    async def attach(self) -> None:
        """Take the position from which the queues will be read.

        :raises QueueError: the queues cannot be reached.
        """
        await self._reader.attach()
        self.state.attached = True

    def start(self) -> None:
        """Read from now on, until :meth:`finish`."""
        self._running = Deferred.fromCoroutine(self._run())

    async def finish(self, seconds: float) -> TapState:
        """Read what is left, for *seconds* at most, and stop."""
        self._stopping = True
        if self._running is not None:
            await self._running
        await self._drain(self._clock.seconds() + seconds)
        await self._leave()
        await self._reader.close()
        return self.state

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

    async def _drain(self, deadline: float) -> None:
        quiet = 0
        while quiet < 2 and self._clock.seconds() < deadline:
            quiet = 0 if await self._read() else quiet + 1
            if quiet:
                await deferLater(self._clock, QUICK)
        try:
            self.state.backlog = await self._reader.backlog()
        except QueueError as error:
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
