"""One process of several of a dual run: a proxy or the tap; its supervisor starts it."""

import os
import sys
from typing import Any

import msgspec
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pyingest.loops import begin_loop
from pyingest.queues.interface import QueueError
from pyingest.serving.admin import Report
from pyingest.serving.control import LISTENING, Ask, Begin
from pyingest.serving.logfile import adopt_twisted, open_log
from pyingest.serving.settings import LogSettings
from pyingest.serving.workerend import WorkerEnd, run
from shadow.options import ShadowError
from shadow.runs.manifest import RecordingError
from shadow.service import ShadowService, start
from shadow.serving.place import Place, Role
from shadow.serving.reading import options_of
from shadow.serving.settings import LogSettings as ShadowLogs
from shadow.serving.settings import Settings
from shadow.serving.statusfiles import is_there, read_all

LOOK = 1.0
"""Seconds between two looks of an orphaned tap at whether a proxy is left."""


class Duty(msgspec.Struct, frozen=True):
    """What one process is to do."""

    role: Role
    settings: Settings
    created: float
    """Epoch seconds at which the run began."""


TO_WORKER: msgspec.json.Decoder[Begin[Duty] | Ask] = msgspec.json.Decoder(Begin[Duty] | Ask)


def place_of(begin: Begin[Duty]) -> Place:
    """Return which part of the run a process is."""
    role = begin.settings.role
    inherited = LISTENING if role is Role.PROXY else None
    return Place(role, begin.settings.created, begin.slot, begin.generation, inherited)


def log_settings(settings: ShadowLogs) -> LogSettings:
    """Return how the log of any server of ours is told what *settings* say."""
    return LogSettings(level=settings.level, file=settings.file, repeats=settings.repeats)


class Member:
    """What runs in this process, as its supervisor asks for it."""

    def __init__(self, service: ShadowService) -> None:
        self.service = service

    async def stop(self) -> None:
        """End in order."""
        await self.service.stop()

    def report(self) -> Report:
        """Return whether all is well; counts stand in the status file."""
        return Report([], {}, self.service.error)


class Orphan:
    """What a process does whose supervisor is gone.

    Clients are worth more than order: a proxy goes on, mirrors and records until it is told to
    end. The tap goes on, too, for as long as a proxy is left.
    """

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._member: Member | None = None
        self.end: WorkerEnd[Duty] | None = None
        self._watch = LoopingCall(self._look)

    def took_up(self, member: Member) -> None:
        """Note what runs here."""
        self._member = member

    def alone(self) -> None:
        """Carry on without a supervisor; what has not begun ends."""
        if self._member is None:
            self._leave()
            return
        self.log.warn(
            "the supervisor is gone: this process goes on until SIGTERM to pid {pid}",
            pid=os.getpid(),
        )
        if self._member.service.place.role is Role.TAP:
            self._watch.start(LOOK)

    def _look(self) -> None:
        if self._member is None:
            return
        told = read_all(self._member.service.status_directory).statuses
        if not any(is_there(one) for one in told if one.name.startswith(Role.PROXY)):
            self._watch.stop()
            self._leave()

    def _leave(self) -> None:
        if self.end is not None:
            self.end.leave()


def main(loop: str) -> int:
    """Run on that event loop until the supervisor says stop, or SIGTERM comes.

    Returns the exit code.
    """
    reactor = begin_loop(loop)
    orphan = Orphan(reactor)

    async def begin(told: Begin[Duty]) -> Member:
        place, settings = place_of(told), told.settings.settings
        log, _ = open_log(log_settings(settings.logs), process=place.name, pid=os.getpid())
        adopt_twisted(log)
        member = Member(await start(reactor, options_of(settings), place))
        orphan.took_up(member)
        return member

    foreseen = (QueueError, ShadowError, RecordingError)
    orphan.end = WorkerEnd(reactor, TO_WORKER, begin, foreseen, orphan.alone)
    return run(reactor, orphan.end)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
