"""How far a spool was sent on, kept in a file of fixed size.

Two slots are written in turn, so that a torn write leaves the other; each is
``sequence, settled, sending, crc``. The file is written in place: a full disk does not stop it.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

Position = tuple[int, int]
"""A segment's number, and an offset in it."""

_SLOT = struct.Struct("<QQQQQ")
_CRC = struct.Struct("<I")
SLOT_BYTES = 512
"""One slot a sector."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of the way of a spool's events."""

    settled: Position = (0, 0)
    """Everything before it is on the queue."""
    sending: Position = (0, 0)
    """What lies between ``settled`` and this may be on the queue."""


class PositionFile:
    """An open file; :attr:`progress` is what it said when it was opened.

    :raises OSError: it cannot be made or read.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        data = os.pread(self._descriptor, 2 * SLOT_BYTES, 0)
        if len(data) < 2 * SLOT_BYTES:
            os.pwrite(self._descriptor, data.ljust(2 * SLOT_BYTES, b"\0"), 0)
            os.fsync(self._descriptor)
        slots = [slot for at in (0, SLOT_BYTES) if (slot := _read(data, at)) is not None]
        self._sequence, self.progress = max(
            slots, default=(0, Progress()), key=lambda slot: slot[0]
        )

    def keep(self, progress: Progress) -> None:
        """Write *progress* and sync it.

        :raises OSError: it cannot be written; the last one that was kept holds.
        """
        self._sequence += 1
        body = _SLOT.pack(self._sequence, *progress.settled, *progress.sending)
        at = SLOT_BYTES * (self._sequence % 2)
        os.pwrite(self._descriptor, body + _CRC.pack(zlib.crc32(body)), at)
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _read(data: bytes, at: int) -> tuple[int, Progress] | None:
    body = data[at : at + _SLOT.size]
    crc = data[at + _SLOT.size : at + _SLOT.size + _CRC.size]
    if len(crc) < _CRC.size or _CRC.unpack(crc)[0] != zlib.crc32(body):
        return None
    sequence, *words = _SLOT.unpack(body)
    if sequence == 0:
        return None
    return sequence, Progress((words[0], words[1]), (words[2], words[3]))
