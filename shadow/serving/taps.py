"""The taps of both sides' queues, together."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.queues.opening import open_reader
from shadow.exchange import Side, TappedEvent
from shadow.options import ShadowOptions, mapped_names
from shadow.runs.union import PARTS, names
from shadow.status import QueueStatus
from shadow.tap import Tap, TapFiles
from shadow.tapping.journal import Journal, Left, unrecorded
from shadow.tapping.series import FILE, Series

RECENT = 3
"""Parts in which taps recorded last; what a journal holds is in none before."""
RECOVERED = 2
"""Flushes of the whole after which what was recorded at first is on disk."""
JOURNAL = "tap"
"""Directory of the journal in that of the run."""


class Taps:
    """Reads both sides' queues from :meth:`attach` to :meth:`finish`.

    :param resumes: whether to keep a journal, and to go on where a killed tap stopped.
    :raises OSError: the journal cannot be written.
    :raises RecordingError: the key by which secrets are hidden cannot be read.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: ShadowOptions,
        take: Callable[[TappedEvent], None],
        resumes: bool = False,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._take = take
        self._names = mapped_names(options)
        self._hider = options.recording.redactor()
        self._journal = Journal(options.run / JOURNAL) if resumes else None
        self._left = self._journal.left if self._journal is not None else Left()
        self._dead: list[str] = []
        self.flushes = 0
        self.of: dict[Side, Tap] = {}
        self._recovering: Deferred[None] | None = None

    async def attach(self, position: str) -> None:
        """Take the *position* of that name in the queues of both sides.

        :raises QueueError: a queue cannot be reached; nothing is left behind.
        """
        files = TapFiles(Series(self._options.run / FILE), self._journal, self._hider)
        try:
            for side in Side:
                reader = open_reader(self._reactor, self._options.side(side).queue, position)
                tap = Tap(self._reactor, side, reader, self._names[side], self._take, files)
                self.of[side] = tap
                tap.seek(self._left.positions.get(side, ""))
                await tap.attach()
        except Exception:
            await self.withdraw()
            raise

    async def withdraw(self) -> None:
        """Undo :meth:`attach`: the run does not begin after all."""
        for tap in self.of.values():
            await tap.withdraw()

    def start(self) -> None:
        """Read from now on, and record what a killed tap had read and not recorded."""
        if self._left.positions:
            self._recovering = Deferred.fromCoroutine(self._recover()).addErrback(self._broke)
        for tap in self.of.values():
            tap.start()

    def flushed(self) -> None:
        """Take note that all that was recorded when this was called last is on disk.

        :raises OSError: the journal cannot be written.
        """
        if self._recovering is not None and not self._recovering.called:
            return
        self.flushes += 1
        if self._journal is not None:
            self._journal.turn()

    @property
    def recovered(self) -> list[str]:
        """The parts of killed taps that lack nothing any more, what they lacked being on disk."""
        return self._dead if self.flushes >= RECOVERED else []

    async def _recover(self) -> None:
        """Look for what is missing; that reads whole parts, so a thread does it."""
        pool, parts = self._reactor.getThreadPool(), _parts(self._options.run)
        found: Sequence[TappedEvent] = self._left.events
        for part in parts[-RECENT:]:
            found = await deferToThreadPool(self._reactor, pool, unrecorded, found, part)
        if found:
            self.log.info("{count} events of a killed tap are recorded", count=len(found))
        for event in found:
            self._take(event)
        self._dead = [part.name for part in parts]

    def _broke(self, failure: Failure) -> None:
        """Note that events may be missing: the killed tap's part says the same."""
        self.log.error("a killed tap's journal: {why}", why=failure.getErrorMessage())

    async def finish(self) -> None:
        """Read what is left, and stop."""
        if self._recovering is not None:
            await self._recovering
        finishing = (tap.finish(self._options.drain_seconds) for tap in self.of.values())
        await gatherResults([Deferred.fromCoroutine(one) for one in finishing])
        self.flushes = RECOVERED  # the manifest is written last

    def end(self) -> None:
        """Forget the journal: everything is recorded."""
        if self._journal is not None:
            self._journal.end()

    def report(self) -> dict[str, dict[str, Any]]:
        """Return how each side's tap fared, for the manifest."""
        return {side.value: tap.report() for side, tap in self.of.items()}

    def status(self) -> dict[str, QueueStatus]:
        """Return where each queue is now, by side and name."""
        found: dict[str, QueueStatus] = {}
        for tap in self.of.values():
            found |= tap.status()
        return found


def _parts(run: Path) -> list[Path]:
    """Return the parts in which taps recorded, in their order."""
    ours = [name for name in names(run) if name.startswith("tap.")]
    ours.sort(key=lambda name: int(name.rpartition(".")[2]))
    return [run / PARTS / name for name in ours]
