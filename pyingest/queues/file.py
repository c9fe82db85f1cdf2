"""A queue that is a plain file: for trials, measurements, and where a crash may cost a second.

A line is ``queue<TAB>message``. What was published is acknowledged from memory and written many
events at once, at the latest after a second: what was not written yet is lost in a crash, so this
engine must not stand behind a ``1`` that means something.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError

TOGETHER = 512
"""Events that are written at once."""
_PIECES = 3
"""Of a line: its beginning, the message, its end."""


class FileQueue:
    """Appends events to a file.

    :raises QueueError: the file cannot be opened.
    """

    log = Logger()

    def __init__(self, clock: Any, path: Path) -> None:
        self._waiting: list[bytes] = []
        self._begins: dict[str, bytes] = {}
        self._broken = False
        try:
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise QueueError(
                f"file:{path}: cannot be written ({error.strerror}); name a file in a directory "
                "that is there and yours"
            ) from None
        self._writer = LoopingCall(self.flush)
        self._writer.clock = clock
        self._writer.start(1, now=False)

    def publish_now(self, events: Sequence[Event]) -> bool:
        """Take *events*; say whether the file was still good when it was last written."""
        if self._broken:
            return False
        begins, waiting = self._begins, self._waiting
        for event in events:
            waiting += begins.get(event.queue) or self._begin(event.queue), event.body, b"\n"
        if len(waiting) >= _PIECES * TOGETHER:
            self.flush()
        return not self._broken

    def _begin(self, queue: str) -> bytes:
        """Return what a line for *queue* begins with."""
        begin = self._begins[queue] = queue.encode() + b"\t"
        return begin

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Take *events*; see :meth:`publish_now`."""
        outcome = Outcome.STORED if self.publish_now(events) else Outcome.REFUSED
        return [outcome] * len(events)

    def flush(self) -> None:
        """Write what waits. After an error nothing more is taken: part of it may be in the file."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        try:
            while data and not self._broken:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._broken = True
            self.log.error(
                "the queue's file cannot be written: {why}; nothing more is taken", why=error
            )

    async def close(self) -> None:
        """Write what waits, and close the file."""
        if self._writer.running:
            self._writer.stop()
            self.flush()
        self._file.close()
