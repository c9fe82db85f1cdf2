"""A local spool that lasts: one thread, one file sync for all that waits."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from pyingest.durability.directories import Claim, claim, orphans
from pyingest.durability.position import Position
from pyingest.durability.record import Entry
from pyingest.durability.segments import SegmentLog, Waiting
from pyingest.queues.interface import Outcome, QueueError

T = TypeVar("T")
LIMIT = 1 << 30
"""Bytes that a spool may take on disk, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class _Log:
    """A log and the directory it lies in."""

    claim: Claim
    log: SegmentLog


class Spool:
    """Events on disk, of this process; :func:`open_spool` makes it.

    What lies in the directories of dead processes comes before what this process spooled.
    """

    log = Logger()

    def __init__(self, reactor: Any, root: Path, limit: int, own: _Log) -> None:
        self._reactor = reactor
        self._root = root
        self._limit = limit
        self._own = own
        self._logs: deque[_Log] = deque([own])
        self._reading = own
        self._pool: ThreadPool | None = None
        self._trigger: Any = None
        self._pending: list[tuple[Sequence[Entry], Deferred[Outcome]]] = []
        self._writing = False
        self._closed = False
        self._told = ""
        self.events = own.log.events
        self._out = 0
        """Entries that were read and are not yet sent."""
        self.taken = 0
        """Entries that were given to it."""
        self.oldest = own.log.oldest
        self.cut_bytes = own.log.cut_bytes
        """Bytes of torn or damaged records that were found in what was opened."""
        self.adopted = 0
        """Directories of dead processes that were taken over, beside the own one."""

    @property
    def directory(self) -> Path:
        """This process's own."""
        return self._own.claim.directory

    @property
    def size(self) -> int:
        """Bytes of the segments now."""
        return sum(each.log.bytes for each in self._logs)

    @property
    def trouble(self) -> str:
        """Why the last write failed; empty when it did not."""
        return self._own.log.trouble

    async def append(self, entries: Sequence[Entry]) -> Outcome:
        """Write *entries*, all or none; return after the sync. Never raises.

        ``FULL``: its limit or the disk leaves no room. ``REFUSED``: it cannot be written.
        """
        if self._closed:
            return Outcome.REFUSED
        done: Deferred[Outcome] = Deferred()
        self._pending.append((entries, done))
        self.events += len(entries)
        self.taken += len(entries)
        self._write_pending()
        return await done

    async def next(self, settled: Position | None, events: int, size: int) -> list[Waiting]:
        """Settle what lies before *settled*, and return the next entries; none when none wait.

        :raises OSError: the files cannot be read.
        """
        if self._reading is not self._logs[0]:
            await self._call(self._reading.log.next, settled, 0, 0)
            self._reading, settled = self._logs[0], None
        while True:
            before = self.taken
            found = await self._call(self._reading.log.next, settled, events, size)
            if found or events <= 0 or self._reading is self._own:
                break
            self._logs.popleft()
            await self._call(self._finish, self._reading)
            self._reading, settled = self._logs[0], None
        if found:
            self.oldest = found[0].entry.milliseconds
        elif events > 0 and self.taken == before and not self._writing:
            # What was counted and is not there: the disk changed under us.
            self.events = self._out
        self._out += len(found)
        return found

    def sent(self, entries: Sequence[Waiting]) -> None:
        """Count *entries* out."""
        self.events -= len(entries)
        self._out -= len(entries)

    async def set_aside(self, entries: Sequence[Waiting]) -> bool:
        """Write entries to the file of those that the queue takes from nobody."""
        try:
            await self._call(self._own.log.set_aside, [each.entry for each in entries])
        except OSError as error:
            self.log.error("spool {path}: {why}", path=self.directory, why=error.strerror)
            return False
        return True

    async def adopt(self) -> int:
        """Take over what dead processes left below the root; return how many events that is.

        Only while nothing that :meth:`next` returned is unsettled.
        """
        found = await self._call(self._orphans) if not self._closed else []
        for each in found:
            self._logs.appendleft(each)
            self.events += each.log.events
            self.cut_bytes += each.log.cut_bytes
            self.adopted += 1
        return sum(each.log.events for each in found)

    async def close(self) -> None:
        """Sync what waits, and leave the directories to whoever comes next."""
        if self._closed:
            return
        self._closed = True
        while self._writing:
            await self._call(lambda: None)
        for each in self._logs:
            await self._call(each.log.close)
            each.claim.release()
        if self._pool is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._pool.stop()

    def _write_pending(self) -> None:
        if self._writing or not self._pending:
            return
        self._writing = True
        group, self._pending = self._pending, []
        work = self._call(self._own.log.append, [entries for entries, _ in group])
        work.addErrback(lambda failure: self._broken(failure, len(group)))
        work.addCallback(self._settle, group)

    def _broken(self, failure: Any, groups: int) -> list[Outcome]:
        self.log.failure("spool {path}", failure, path=self.directory)
        return [Outcome.REFUSED] * groups

    def _settle(
        self, outcomes: list[Outcome], group: list[tuple[Sequence[Entry], "Deferred[Outcome]"]]
    ) -> None:
        self._writing = False
        if self.trouble != self._told:
            self._told = self.trouble
            well = f"spool {self.directory}: writes again"
            self.log.error("{trouble}", trouble=self._told or well)
        for (entries, done), outcome in zip(group, outcomes, strict=True):
            if outcome is not Outcome.STORED:
                self.events -= len(entries)
            done.callback(outcome)
        self._write_pending()

    def _orphans(self) -> list[_Log]:
        """Open what others left; blocks."""
        found: list[_Log] = []
        for each in orphans(self._root, self.directory):
            if any(each.directory == known.claim.directory for known in self._logs):
                continue
            try:
                opened = _Log(each, SegmentLog(each.directory, self._limit))
            except OSError as error:
                each.release()
                self.log.error("spool {path}: {why}", path=each.directory, why=error.strerror)
                continue
            if opened.log.events:
                found.append(opened)
            else:
                self._finish(opened)
        return found

    def _finish(self, emptied: _Log) -> None:
        """Remove a directory of another that has nothing more in it; blocks."""
        emptied.log.close()
        try:
            emptied.log.remove()
            emptied.claim.remove()
        except OSError as error:
            self.log.warn("spool {path}: {why}", path=emptied.claim.directory, why=error.strerror)

    def _call(self, work: Callable[..., T], *values: Any) -> "Deferred[T]":
        return deferToThreadPool(self._reactor, self._started(), work, *values)

    def _started(self) -> ThreadPool:
        if self._pool is None:
            self._pool = ThreadPool(1, 1, name="spool")
            self._pool.start()
            self._trigger = self._reactor.addSystemEventTrigger(
                "after", "shutdown", self._pool.stop
            )
        return self._pool


def open_spool(reactor: Any, root: Path, limit: int = LIMIT) -> Spool:
    """Return a spool of this process below *root*, which any number of processes may share.

    Its directory is made, or taken over from a process that is gone.

    :param limit: bytes on disk; beyond them the spool is full.
    :raises QueueError: the directory cannot be made, read or written.
    """
    mine = claim(root)
    try:
        log = SegmentLog(mine.directory, limit)
    except OSError as error:
        mine.release()
        raise QueueError(
            f"spool {mine.directory}: {error.strerror}; check the directory and its disk"
        ) from None
    return Spool(reactor, root, limit, _Log(mine, log))
