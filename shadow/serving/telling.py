"""What a process tells of itself: its status, twice a second, in a file of its own."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

from shadow.isolating.vitals import Stalls, resident_bytes
from shadow.serving import statusfiles
from shadow.status import Status

EACH = 0.5
"""Seconds between two looks at a process."""


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
        self._stalls = Stalls(reactor, reactor.seconds)
        self._stall = self._before = 0.0
        self._calling = LoopingCall(self.tell)
        self._calling.clock = reactor
        self.ending = False
        """Whether the process is on its way out."""

    def start(self) -> None:
        """Tell from now on."""
        self._stalls.start()
        self._calling.start(EACH)

    def stop(self) -> None:
        """Tell for the last time."""
        self._stalls.stop()
        if self._calling.running:
            self._calling.stop()
        self.ending = True
        self.tell()

    def tell(self) -> None:
        """Write the status as it is now."""
        self._before, self._stall = self._stall, self._stalls.take()
        status = Status(
            name=self._name,
            pid=os.getpid(),
            began=self._began,
            at=time.time(),
            ending=self.ending,
            stall=max(self._before, self._stall),
            memory=resident_bytes(),
        )
        self._fill(status)
        try:
            statusfiles.write(self._directory, status)
        except OSError:
            return  # a full disk must not end the service; the old status tells its age
