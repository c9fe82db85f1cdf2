"""What a process tells of itself: its status, twice a second, in a file of its own.

To put a new file in the place of an old one can take a tenth of a second, as some file systems then
write the new one to the disk first (ext4: ``auto_da_alloc``). So a thread does it.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

from shadow.isolating.vitals import Stalls, resident_bytes
from shadow.runs.background import Background
from shadow.serving import statusfiles
from shadow.status import Status

EACH = 0.5
"""Seconds between two looks at a process."""


class Teller:
    """Writes ``NAME.json`` until it is stopped; what cannot be written is left out.

    While a disk is slow the status on it gets older, and tells its age.

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
        self._hand: Background | None = None
        self._is_writing = False
        self.ending = False
        """Whether the process is on its way out."""

    def start(self) -> None:
        """Tell from now on."""
        self._hand = Background()
        self._stalls.start()
        self._calling.start(EACH)

    def stop(self) -> None:
        """Tell for the last time."""
        self._stalls.stop()
        if self._calling.running:
            self._calling.stop()
        if self._hand is not None:
            self._hand.close()
            self._hand = None
        self.ending = True
        self._write(statusfiles.encoded(self._status()))

    def tell(self) -> None:
        """Have the status written as it is now, unless an earlier one is not written yet."""
        data = statusfiles.encoded(self._status())
        if self._hand is not None and not self._is_writing:
            self._is_writing = True
            self._hand.do(lambda: self._write(data))

    def _status(self) -> Status:
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
        return status

    def _write(self, data: bytes) -> None:
        """Write a status, in whatever thread."""
        with suppress(OSError):  # a full disk must not end the service
            statusfiles.put(self._directory, self._name, data)
        self._is_writing = False
