"""Sending on what waits in a buffer: in order, while the queue takes it, and nothing lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyingest.durability.acknowledgement import Circuit, DurableOptions
from pyingest.durability.attempts import Attempts
from pyingest.durability.buffer import Buffer
from pyingest.durability.circuit import Breaker, Permit
from pyingest.durability.position import Position
from pyingest.durability.segments import Waiting
from pyingest.queues.interface import Outcome

UNSURE = (Outcome.TIMED_OUT, Outcome.UNKNOWN)
SUSPICION = {Outcome.REFUSED: 10, Outcome.FULL: 1}
"""A refusal speaks of the event; a full queue speaks of the event only if it goes on and on."""
LONGEST_WINDOW = 4
"""Batches that may be under way or have been refused; more is not read."""
LAST_BATCHES = 2
"""Writers wait for the rest when it is no more than so many batches."""
BUSY_PAUSE = 0.05
"""Seconds until the next look while a request's own write probes the queue."""
DISK_PAUSE = 1.0
"""Seconds until a spool that cannot be read is tried again."""


Report = Callable[[Permit, Sequence[Outcome]], None]
"""Told what came of a write that had a permit."""


@dataclass(slots=True)
class Counts:
    """What was done, in events."""

    direct: int = 0
    taken: int = 0
    drained: int = 0
    possible_duplicates: int = 0
    refused: int = 0
    set_aside: int = 0


class Drain:
    """Empties *buffer* into the queue, batch by batch, in the background.

    :param closes_gap: whether writers wait for the last batches and then go to the queue
        themselves, instead of joining the end of the buffer for ever.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        attempts: Attempts,
        buffer: Buffer,
        breaker: Breaker,
        options: DurableOptions,
        counts: Counts,
        report: Report,
        closes_gap: bool,
    ) -> None:
        self._reactor = reactor
        self._attempts = attempts
        self._buffer = buffer
        self._breaker = breaker
        self._options = options
        self._counts = counts
        self._report = report
        self._closes_gap = closes_gap
        self._window: list[Waiting] = []
        """What was read and is not on the queue, in order."""
        self._end: Position | None = None
        """Up to where was read, until that is settled."""
        self._gap: list[Deferred[None]] | None = None
        self._sleep: Deferred[None] | None = None
        self._stopped = False
        self._idle: list[Deferred[None]] = []
        self.running = False
        """Whether something waits to be sent on."""
        self.look = False
        """Whether to look for what dead processes left, as soon as nothing is under way."""

    @property
    def oldest(self) -> int:
        """Epoch milliseconds of the entry at the head; 0 for none."""
        if self._window:
            return self._window[0].entry.milliseconds
        return self._buffer.oldest if self._buffer.events else 0

    def kick(self) -> None:
        """Begin to send on, if there is something and that is not so already."""
        if not self.running and not self._stopped:
            self.running = True
            Deferred.fromCoroutine(self._run()).addErrback(self._broken)

    async def gap(self) -> None:
        """Wait while the last batches are sent."""
        while self._gap is not None:
            turn: Deferred[None] = Deferred()
            self._gap.append(turn)
            await turn

    async def stop(self) -> None:
        """Finish the batch that is under way, and write down how far it went."""
        self._stopped = True
        self._wake()
        if self.running:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle
        try:
            await self._buffer.next(self._settled(), 0, 0)
        except OSError as error:
            self.log.error("spool: {why}", why=error.strerror)

    async def _run(self) -> None:
        while not self._stopped and (self.look or self._end or self._buffer.events):
            try:
                await self._turn()
            except OSError as error:
                self.log.error("spool: cannot be read: {why}; trying again", why=error.strerror)
                await self._pause(DISK_PAUSE)
        self._ended()

    def _broken(self, failure: Failure) -> None:
        self.log.failure("sending on stopped", failure)
        self._ended()

    def _ended(self) -> None:
        self.running = False
        self._open_gap()
        idle, self._idle = self._idle, []
        for one in idle:
            one.callback(None)

    async def _turn(self) -> None:
        now = self._reactor.seconds()
        if (wait := self._breaker.wait(now)) or self._breaker.state is Circuit.HALF_OPEN:
            await self._pause(max(wait, BUSY_PAUSE))
            return
        if self.look and not self._window:
            self.look = False
            await self._buffer.adopt()
        self._close_gap()
        await self._fill()
        permit = self._breaker.permit(self._reactor.seconds()) if self._window else Permit.NO
        if permit is Permit.NO:
            return
        await self._send(permit)
        if self._window:
            await self._pause(self._options.first_pause)

    async def _fill(self) -> None:
        """Settle what was sent, and read on; what the queue did not take stays in front."""
        self._sift()
        options = self._options
        room = min(options.batch_events, LONGEST_WINDOW * options.batch_events - len(self._window))
        held = sum(len(each.entry.event.body) for each in self._window)
        size = min(options.batch_bytes, LONGEST_WINDOW * options.batch_bytes - held)
        found = await self._buffer.next(self._settled(), room, size)
        if found:
            self._end = found[-1].end
        elif not self._window:
            self._end = None
        self._window += found

    def _settled(self) -> Position | None:
        return self._window[0].start if self._window else self._end

    async def _send(self, permit: Permit) -> None:
        window = self._window
        self._counts.possible_duplicates += sum(each.entry.doubtful for each in window)
        outcomes = await self._attempts.publish(
            [each.entry.event for each in window], lambda late: note_stored(window, late)
        )
        self._report(permit, outcomes)
        note_stored(window, outcomes)
        self._judge(window, outcomes)
        self._sift()
        await self._set_aside()
        if not self._buffer.events:
            self._open_gap()

    def _judge(self, window: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        """Note what may be on the queue, and what the queue took no liking to."""
        well = Outcome.STORED in outcomes
        for each, outcome in zip(window, outcomes, strict=False):
            if outcome in UNSURE:
                each.entry = replace(each.entry, doubtful=True)
            elif well and outcome is not Outcome.STORED:
                each.suspicion += SUSPICION[outcome]
                each.suspected = each.suspected or self._reactor.seconds()

    def _sift(self) -> None:
        """Take out what is on the queue."""
        gone = [each for each in self._window if each.stored]
        if gone:
            self._window = [each for each in self._window if not each.stored]
            self._buffer.sent(gone)
            self._counts.drained += len(gone)

    async def _set_aside(self) -> None:
        """Take out what the queue takes from nobody: it must not hold up the rest."""
        most = self._options.refusals * SUSPICION[Outcome.REFUSED]
        since = self._reactor.seconds() - self._options.refusal_seconds
        bad = [one for one in self._window if one.suspicion >= most and one.suspected <= since]
        if bad and await self._buffer.set_aside(bad):
            self._window = [each for each in self._window if each not in bad]
            self._buffer.sent(bad)
            self._counts.set_aside += len(bad)
            self.log.error(
                "{n} events were refused again and again beside others that the queue took; "
                "they are set aside in the spool's directory",
                n=len(bad),
            )

    def _close_gap(self) -> None:
        """Let writers wait, if there is so little left that they need not wait for long."""
        few = self._buffer.events <= LAST_BATCHES * self._options.batch_events
        well = self._breaker.state is Circuit.CLOSED
        if self._closes_gap and self._buffer.events and few and well and self._gap is None:
            self._gap = []

    def _open_gap(self) -> None:
        waiters, self._gap = self._gap or [], None
        for waiter in waiters:
            waiter.callback(None)

    async def _pause(self, seconds: float) -> None:
        """Sleep; :meth:`stop` wakes. Writers do not wait for that."""
        self._open_gap()
        if self._stopped:
            return
        self._sleep = Deferred()
        timer = self._reactor.callLater(seconds, self._wake)
        await self._sleep
        if timer.active():
            timer.cancel()

    def _wake(self) -> None:
        sleep, self._sleep = self._sleep, None
        if sleep is not None:
            sleep.callback(None)


def note_stored(window: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
    """Mark what the queue confirmed."""
    for each, outcome in zip(window, outcomes, strict=False):
        if outcome is Outcome.STORED:
            each.stored = True
