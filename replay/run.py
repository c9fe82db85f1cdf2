"""The course of a replay: told the time and the answers, it says when to send what. No I/O."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyingest.message import Request
from replay.accounting import Accounting
from replay.formats.detection import LogError
from replay.pacing import Due
from replay.timer import Alarm
from shadow.exchange import Failed, Outcome

Send = Callable[[Request, Callable[[Outcome], None]], None]
"""Sends a request; calls back once, with what came of it."""

HOPELESS = 1000
"""Failures in a row after which the service is taken for gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run keeps to."""

    in_flight: int
    """Requests under way at most."""
    closed: bool = False
    """There is no schedule: what is sent is never late."""
    may_repeat: bool = False
    """An entry may come twice."""


class Run:
    """One replay under way.

    :param dues: what to send and when, in seconds after the start.
    :param now: gives the time in seconds; it must never step back.
    :param finished: called once, when nothing more will be sent and nothing is waited for.
    """

    def __init__(
        self,
        dues: Iterator[Due],
        accounting: Accounting,
        limits: Limits,
        send: Send,
        now: Callable[[], float],
        finished: Callable[[], None],
    ) -> None:
        self._dues = dues
        self._accounting = accounting
        self._limits = limits
        self._send = send
        self._now = now
        self._finished = finished
        self._alarm: Alarm | None = None
        self._next: Due | None = None
        self._begun = self._ended = 0.0
        self._failures = 0
        self._pumping = self._over = False
        self.stopped = ""
        """Why the replay ended early; empty if it did not."""

    @property
    def seconds(self) -> float:
        """From the start until the last answer."""
        return max(0.0, self._ended - self._begun)

    def start(self, alarm: Alarm) -> None:
        """Begin; *alarm* is to call :meth:`pump`."""
        self._alarm = alarm
        self._next = self._following()  # may take long: a shuffled log is read whole
        self._begun = self._ended = self._now()
        self.pump()

    def pump(self) -> None:
        """Send everything that is due, and have the alarm ring for the next."""
        if self._pumping or self._over:
            return  # a request that fails at once calls back while it is being sent
        self._pumping = True
        try:
            while self._next is not None and self._has_room():
                due = self._begun + self._next.seconds
                wait = due - self._now()
                if wait > 0:
                    assert self._alarm is not None
                    self._alarm.set(wait)
                    break
                self._hand_over(self._next, 0.0 if self._limits.closed else -wait)
                self._next = self._following()
        finally:
            self._pumping = False
        if self._next is None and not self._accounting.in_flight:
            self.give_up()

    def stop(self, why: str) -> None:
        """Send nothing more; what is under way may still be answered."""
        self.stopped = self.stopped or why
        self._next = None
        self.pump()

    def give_up(self) -> None:
        """End, whatever is still under way."""
        if not self._over:
            self._over = True
            self._ended = self._now() if self._accounting.in_flight else self._ended
            if self._alarm is not None:
                self._alarm.close()
            self._finished()

    def _following(self) -> Due | None:
        if self.stopped:
            return None
        try:
            return next(self._dues, None)
        except (LogError, OSError) as error:
            self.stopped = f"the log could not be read any further: {error}"
            return None

    def _has_room(self) -> bool:
        return self._accounting.in_flight < self._limits.in_flight

    def _hand_over(self, due: Due, late: float) -> None:
        self._accounting.begin(due.entry, late, self._limits.may_repeat)
        begun = self._now()

        def done(outcome: Outcome) -> None:
            self._answered(outcome, late, begun)

        self._send(due.entry.request, done)

    def _answered(self, outcome: Outcome, late: float, begun: float) -> None:
        if self._over:
            return  # it is booked as unanswered already
        self._ended = self._now()
        self._accounting.end(outcome, late, self._ended - begun)
        self._failures = self._failures + 1 if isinstance(outcome, Failed) else 0
        if isinstance(outcome, Failed) and self._failures >= HOPELESS:
            self.stop(f"the last {HOPELESS:,} requests all failed: {outcome.detail}")
        self.pump()
