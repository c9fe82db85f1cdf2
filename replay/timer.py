"""Wakes the reactor at a moment, to within tens of microseconds where the system can do that.

A reactor's own timers have the grain of ``epoll_wait``: a whole millisecond. Linux's
``timerfd`` is a file descriptor that becomes readable on time, so the reactor sleeps until then
instead (``os.timerfd_create`` does the same from Python 3.13 on).
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any, Protocol

LONGEST = 3600.0
"""Seconds. An alarm set for later rings then, and whoever set it looks at the time again."""
_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class Alarm(Protocol):
    """Calls back once, some time after it was set."""

    def set(self, seconds: float) -> None:
        """Ring in *seconds*; what was set before is forgotten."""

    def close(self) -> None:
        """Never ring again."""


class ReactorAlarm:
    """An alarm on a reactor's own timer; also on a test's clock."""

    def __init__(self, clock: Any, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._call: Any = None

    def set(self, seconds: float) -> None:
        """See :meth:`Alarm.set`."""
        self.close()
        self._call = self._clock.callLater(min(max(0.0, seconds), LONGEST), self._rung)

    def close(self) -> None:
        """See :meth:`Alarm.close`."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _rung(self) -> None:
        self._call = None
        self._ring()


class _Interval(ctypes.Structure):
    """``struct itimerspec``."""

    _fields_ = (
        ("again_seconds", ctypes.c_long),
        ("again_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class TimerAlarm:
    """An alarm on a ``timerfd`` that the reactor reads.

    :raises OSError: the system has none to give.
    """

    def __init__(self, reactor: Any, ring: Callable[[], None]) -> None:
        try:
            self._library = ctypes.CDLL(None, use_errno=True)
            self._descriptor = self._library.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        except AttributeError:
            raise OSError("this system has no timerfd") from None
        if self._descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._reactor = reactor
        self._ring = ring
        reactor.addReader(self)

    def set(self, seconds: float) -> None:
        """See :meth:`Alarm.set`."""
        nanoseconds = max(1, round(min(seconds, LONGEST) * 1e9))  # 0 would mean never
        interval = _Interval(0, 0, *divmod(nanoseconds, 1_000_000_000))
        if self._library.timerfd_settime(self._descriptor, 0, ctypes.byref(interval), None):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        """See :meth:`Alarm.close`."""
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1

    # What a reactor asks of something that it reads from.

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return int(self._descriptor)

    def doRead(self) -> None:
        """Ring."""
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return  # it was set anew after it rang
        self._ring()

    def connectionLost(self, reason: object) -> None:
        """Close, when the reactor lets go."""
        self.close()

    def logPrefix(self) -> str:
        """Return a name for the reactor's log."""
        return "replay timer"


def best_alarm(reactor: Any, ring: Callable[[], None]) -> Alarm:
    """Return the most punctual alarm that this reactor and system have."""
    if hasattr(reactor, "addReader"):
        try:
            return TimerAlarm(reactor, ring)
        except OSError:
            pass  # the reactor's timer is coarser, and lateness is measured either way
    return ReactorAlarm(reactor, ring)
