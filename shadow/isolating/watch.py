"""Keeps an isolation going while a proxy runs: the switch, the stalls, the queues, each second."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from shadow.isolating.isolation import LOOK_SECONDS, Filled, Isolation, Queues
from shadow.isolating.switch import control_file
from shadow.isolating.vitals import Stalls, resident_bytes
from shadow.isolating.watchedfile import Later, Timer, WatchedFile
from shadow.status import QueueStatus

TAP_STATUS = Path("status", "tap.json")
"""Where the tap tells of the queues, in the run directory."""


class Watch:
    """Looks after an :class:`Isolation` while a proxy runs: the switch, the stalls, the queues.

    *queues* gives the tapped queues, where this process taps them itself; else the status file of
    the process that does is read.
    """

    def __init__(
        self,
        clock: Later,
        isolation: Isolation,
        run: Path,
        lane: Filled,
        queues: Callable[[], Queues] | None = None,
    ) -> None:
        self._clock = clock
        self._isolation = isolation
        self._lane = lane
        self._told: Queues = {}
        self._queues = queues or (lambda: self._told)
        self._files = [WatchedFile(control_file(run), isolation.switch.take, clock)]
        if queues is None:
            self._files.append(WatchedFile(run / TAP_STATUS, self._tap_told, clock, 1.0))
        self._stalls = Stalls(clock, time.monotonic)
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin: the switch is obeyed before the first request."""
        for file in self._files:
            file.start()
        self._stalls.start()
        self._timer = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """End."""
        for file in self._files:
            file.stop()
        self._stalls.stop()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._clock.callLater(LOOK_SECONDS, self._look)
        stall = self._stalls.take()
        now = self._clock.seconds()
        self._isolation.look(now, self._lane, self._queues(), stall, resident_bytes())

    def _tap_told(self, content: bytes | None) -> None:
        """Take the tap's status; one that cannot be read tells nothing of the queues."""
        try:
            self._told = msgspec.json.decode(content or b"{}", type=_TapStatus).queues
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._told = {}


class _TapStatus(msgspec.Struct):
    queues: dict[str, QueueStatus] = {}
