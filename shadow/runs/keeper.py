"""Deletes the oldest parts of a run while it is recorded, in a thread: nobody waits for it."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from shadow.runs.manifest import Pruned
from shadow.runs.retention import Keep, prune
from shadow.runs.room import Room
from shadow.runs.run import Run

EACH = 60.0
"""Seconds between two looks."""


class Keeper:
    """Keeps of *run* what *keep* says, and less if *room* is short."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        run: Run,
        keep: Keep,
        room: Room,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reactor = reactor
        self._run, self._keep, self._room = run, keep, room
        self._now = now
        self._looking: Deferred[None] | None = None
        self._calling = LoopingCall(self.look)
        self._calling.clock = reactor

    def start(self) -> None:
        """Look now and then, until :meth:`stop`; without limits there is nothing to do."""
        if self._keep != Keep():
            self._calling.start(EACH, now=True)

    async def stop(self) -> None:
        """Look no more; wait for what is under way."""
        if self._calling.running:
            self._calling.stop()
        if self._looking is not None:
            await self._looking

    def look(self) -> "Deferred[None]":
        """Delete what need not be kept."""
        pool = self._reactor.getThreadPool()
        done = maybeDeferred(deferToThreadPool, self._reactor, pool, self._prune)
        self._looking = done.addCallbacks(self._tell, self._broke)
        return self._looking

    def _prune(self) -> Pruned:
        return prune(self._run, self._keep, self._now(), self._room.short)

    def _tell(self, gone: Pruned) -> None:
        if gone.parts:
            self.log.info(
                "{parts} old parts of the run deleted, {bytes} bytes",
                parts=gone.parts,
                bytes=gone.bytes,
            )

    def _broke(self, failure: Failure) -> None:
        self.log.error("old parts cannot be deleted: {why}", why=failure.getErrorMessage())
