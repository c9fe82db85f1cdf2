"""Where log lines go, and how Twisted's own come among them."""

import os
import sys
import time
from pathlib import Path

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import provider

from pyingest.queues.interface import QueueError
from pyingest.serving.logs import Log
from pyingest.serving.settings import LogSettings


class LogFile:
    """A file that lines are appended to; lines of several processes stay whole.

    :raises QueueError: the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._open()

    def write(self, line: bytes) -> None:
        """Append *line*; a full disk must not stop the service."""
        try:
            os.write(self._file, line)
        except OSError:
            return

    def reopen(self) -> None:
        """Go on in a new file, after the old one was moved away.

        :raises QueueError: it cannot be opened; the old one stays in use.
        """
        if self._path:
            file, self._file = self._file, self._open()
            os.close(file)

    def _open(self) -> int:
        if not self._path:
            return sys.stderr.fileno()
        try:
            return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError as error:
            raise QueueError(
                f"log file {Path(self._path)}: {error.strerror}; "
                "check that its directory exists and may be written"
            ) from None


def open_log(settings: LogSettings, **fixed: object) -> tuple[Log, LogFile]:
    """Return a log that writes where the settings say, and the file behind it.

    :raises QueueError: its file cannot be opened.
    """
    file = LogFile(settings.file)
    return Log(file.write, time.time, settings.level, settings.repeats, **fixed), file


def reopen(file: LogFile, log: Log) -> None:
    """Go on in a new file, or say in the old one why not."""
    try:
        file.reopen()
    except QueueError as error:
        log.error("log not reopened", why=str(error))


def adopt_twisted(log: Log) -> None:
    """Send what Twisted and our adapters log to *log*: no traceback, but where it was raised."""

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        fields: dict[str, object] = {"from": event.get("log_namespace", "")}
        failure = event.get("log_failure")
        if failure is not None:
            frames = failure.frames or failure.stack
            place = f"{frames[-1][1]}:{frames[-1][2]}" if frames else ""
            fields |= {"kind": failure.type.__name__, "where": place}
        text = formatEvent(event)
        if level >= LogLevel.error:
            log.error(text, **fields)
        elif level >= LogLevel.warn:
            log.warning(text, **fields)
        else:
            log.debug(text, **fields)

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=False)
