"""What a process tells of itself: its status, twice a second, in a file of its own."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

from shadow.serving import statusfiles
from shadow.serving.stall import BEAT, Stall
from shadow.status import Status

EACH = 0.5
"""Seconds between two looks at a process."""
_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Teller:
    """Writes ``NAME.json`` until it is stopped; what cannot be written is left out.

    :param fill: completes a status that holds name, times, stall and memory already.
    """

    def __init__(
        self, reactor: Any, directory: Path, name: str, fill: Callable[[Status], None]
    ) -> None:
        self._directory = directory
        self._name = name
        self._fill = fill
        self._began = time.time()
        self._reactor = reactor
        self._stall = Stall(reactor.seconds())
        self._calls = [LoopingCall(self._beat), LoopingCall(self.tell)]
        for call in self._calls:
            call.clock = reactor
        self.ending = False
        """Whether the process is on its way out."""

    def start(self) -> None:
        """Tell from now on."""
        for call, seconds in zip(self._calls, (BEAT, EACH), strict=True):
            call.start(seconds)

    def stop(self) -> None:
        """Tell for the last time."""
        for call in self._calls:
            if call.running:
                call.stop()
        self.ending = True
        self.tell()

    def tell(self) -> None:
        """Write the status as it is now."""
        status = Status(
            name=self._name,
            pid=os.getpid(),
            began=self._began,
            at=time.time(),
            ending=self.ending,
            stall=self._stall.longest,
            memory=_resident(),
        )
        self._fill(status)
        try:
            statusfiles.write(self._directory, status)
        except OSError:
            return  # a full disk must not end the service; the old status tells its age

    def _beat(self) -> None:
        self._stall.beat(self._reactor.seconds())


def _resident() -> int:
    """Return the bytes of memory that this process has now; the most it had, if only that is
    known."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
