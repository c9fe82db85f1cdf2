"""Where each peer puts its events: a buffered file, written once in 512 events."""

import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

EVERY = 512


class Sink:
    """Appends events to a file, many at once; what is left is written when the process ends."""

    def __init__(self, path: str) -> None:
        self._file: BinaryIO = Path(path).open("ab", buffering=0)  # noqa: SIM115  # to the end
        self._waiting: list[bytes] = []
        signal.signal(signal.SIGTERM, self._leave)

    def put(self, body: bytes) -> None:
        """Take one event."""
        self._waiting.append(body)
        if len(self._waiting) >= EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._file.write(b"\n".join(self._waiting) + b"\n")
            self._waiting.clear()

    def _leave(self, number: int, frame: object) -> None:
        self.flush()
        sys.stdout.flush()
        os._exit(0)
