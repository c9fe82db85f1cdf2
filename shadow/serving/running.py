"""`mixmigrate shadow` as a server: one process, or a supervisor with its children."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyingest.serving.logfile import adopt_twisted, open_log, reopen
from pyingest.serving.logs import Log
from shadow.runs.manifest import RecordingError
from shadow.runs.run import Run
from shadow.service import ShadowService, start
from shadow.serving.reading import options_of
from shadow.serving.settings import Settings
from shadow.serving.supervisor import Supervisor
from shadow.serving.worker import log_settings

ALWAYS = ("received", "lost", "pending", "remainder")
"""Buckets of the ledger that are said at the end though they be empty."""


class DualRunServer:
    """The whole of it, as the terminal sees it."""

    def __init__(
        self, serving: ShadowService | Supervisor, run: Path, log: Log, hang_up: Callable[[], None]
    ) -> None:
        self.serving = serving
        self._run = run
        self._log = log
        self.hang_up = hang_up
        """What SIGHUP does."""
        self.port = serving.port

    @property
    def live(self) -> str:
        """HOST:PORT of the live page; empty when there is none."""
        page = self.serving.live if isinstance(self.serving, Supervisor) else None
        return page.address if page is not None else ""

    async def stop(self) -> None:
        """End in order."""
        self._log.info("stopping")
        try:
            await self.serving.stop()
        finally:
            self._log.info("stopped", ledger=_ledger(self._run))
            self._log.close()


async def run(reactor: Any, settings: Settings, reread: Callable[[], Settings]) -> DualRunServer:
    """Start the dual run that *settings* describe; *reread* gives them anew on SIGHUP.

    :raises QueueError: a queue cannot be tapped, or the log not be opened.
    :raises RecordingError: the run directory cannot be written, or holds a run already.
    :raises ShadowError: legacy cannot be reached, or a process cannot begin.
    :raises ListenError: the address cannot be listened on.
    """
    name = "shadow" if settings.is_single else "supervisor"
    directory = Path(settings.shadow.run)
    log, file = open_log(log_settings(settings.logs), process=name, pid=os.getpid())
    adopt_twisted(log)
    if settings.is_single:
        service = await start(reactor, options_of(settings))

        def alone() -> None:
            reopen(file, log)
            log.warning("settings not taken: one process cannot be replaced; use --workers 2")

        return DualRunServer(service, directory, log, alone)
    crew = Supervisor(reactor, settings, reread, log)
    await crew.start()

    def hang_up() -> None:
        reopen(file, log)
        crew.reload()

    return DualRunServer(crew, directory, log, hang_up)


def _ledger(run: Path) -> dict[str, int]:
    """Return what became of all requests of a run that has ended, restarts and all, by bucket."""
    with suppress(RecordingError):
        counts = Run.open(run).manifest.whole_ledger
        return {name: count for name, count in counts.items() if count or name in ALWAYS}
    return {}
