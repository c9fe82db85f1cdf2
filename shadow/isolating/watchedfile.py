"""A small file by which one process tells others what to do: replaced whole, looked at often.

The writer calls :func:`replace`; every reader has a :class:`WatchedFile`. A rename within a
directory is atomic (POSIX ``rename``), so a reader meets the old content or the new one.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

SECONDS = 0.1
"""Between two looks."""
LONGEST = 1024 * 1024
"""Bytes of a file that is read; a longer one is not one of ours."""
_Mark = tuple[int, int, int, int]


class Timer(Protocol):
    """What a call that is due later can be asked."""

    def cancel(self) -> None:
        """Do not make the call."""

    def active(self) -> bool:
        """Return whether the call is still to come."""


class Later(Protocol):
    """A clock that calls back: the reactor, or a test's."""

    def seconds(self) -> float:
        """Return the time in seconds since whenever."""

    def callLater(  # Twisted's name
        self, delay: float, callable: Callable[..., object], /, *args: object
    ) -> Timer:
        """Call *callable* after *delay* seconds."""


class WatchedFile:
    """Looks at a file every tenth of a second and tells when it was replaced.

    *changed* gets the whole content, or ``None`` when the file is gone; before the first change
    the file counts as not there. What it raises is the clock's to log, and the looks go on.
    """

    def __init__(
        self,
        path: Path,
        changed: Callable[[bytes | None], None],
        clock: Later,
        seconds: float = SECONDS,
    ) -> None:
        self.path = path
        self.error = ""
        """Why the file could not be read at the last look; what it said before still holds."""
        self._changed = changed
        self._clock = clock
        self._seconds = seconds
        self._mark: _Mark | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        """Look now, and then again and again until :meth:`stop`."""
        self._timer = self._clock.callLater(self._seconds, self.start)
        self.look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def look(self) -> None:
        """Tell of a change, if there was one."""
        try:
            if self._mark_now() == self._mark:
                self.error = ""
                return
            found = _read(self.path)
        except FileNotFoundError:
            found = None
        except OSError as error:
            self.error = f"{self.path}: {error.strerror or error}"
            return
        self.error = ""
        mark, content = found or (None, None)
        if mark != self._mark:
            self._mark = mark
            self._changed(content)

    def _mark_now(self) -> _Mark | None:
        try:
            return _mark(os.stat(self.path))  # noqa: PTH116  # ten times a second
        except FileNotFoundError:
            return None


def _read(path: Path) -> tuple[_Mark, bytes]:
    """Return the content, and the mark of just that content."""
    with path.open("rb") as file:
        content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise OSError(f"is longer than {LONGEST:,} bytes")
        return _mark(os.fstat(file.fileno())), content


def _mark(stat: os.stat_result) -> _Mark:
    # An inode may be used again; then the times differ.
    return stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size


def replace(path: Path, content: bytes) -> None:
    """Put *content* in the place of the file at *path*, whole or not at all, and durably.

    :raises OSError: it cannot be written; the file is as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
