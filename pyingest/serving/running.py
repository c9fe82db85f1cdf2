"""`mixmigrate ingest` as a server: one process, or a supervisor with its workers; and its admin."""

import os
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from pyingest.queues.interface import QueueError, parse_queue_url
from pyingest.serving.admin import Admin, Report, listen_admin
from pyingest.serving.assembly import FAMILIES, Share, assemble
from pyingest.serving.letterpost import open_letters
from pyingest.serving.logfile import LogFile, adopt_twisted, open_log, reopen
from pyingest.serving.logs import Log
from pyingest.serving.metrics import Family
from pyingest.serving.reading import address
from pyingest.serving.settings import Settings
from pyingest.serving.storing import open_backend
from pyingest.serving.supervisor import SUPERVISOR_FAMILIES, Supervisor
from pyingest.serving.trafficstats import merged


def check_settings(settings: Settings) -> None:
    """Look at what can be known to be wrong before anything is opened.

    :raises QueueError: the queue URL is wrong, or missing.
    """
    if not settings.queue.url:
        raise QueueError(
            "no queue: name one with --queue, or as url in the section [queue] of the file, "
            "such as sqlite:/var/lib/mixmigrate/queue.db#events,profiles"
        )
    parse_queue_url(settings.queue.url)


class _Serving(Protocol):
    port: int

    async def stop(self) -> object: ...


class Ingestion:
    """The whole server."""

    def __init__(
        self,
        serving: _Serving,
        admin: IListeningPort | None,
        log: Log,
        hang_up: Callable[[], None],
    ) -> None:
        self._serving = serving
        self._admin = admin
        self._log = log
        self.hang_up = hang_up
        """What SIGHUP does."""
        self.port = serving.port

    @property
    def admin(self) -> str:
        """HOST:PORT for operators; empty when there is none."""
        if self._admin is None:
            return ""
        where = cast(IPv4Address, self._admin.getHost())
        return f"{where.host}:{where.port}"

    async def stop(self) -> None:
        """End in order; operators can ask until the last request is answered."""
        self._log.info("stopping")
        await self._serving.stop()
        if self._admin is not None:
            await maybeDeferred(self._admin.stopListening)
        self._log.info("stopped")
        self._log.close()


async def run(reactor: Any, settings: Settings, reread: Callable[[], Settings]) -> Ingestion:
    """Start the server that *settings* describe; *reread* gives them anew on SIGHUP.

    :raises QueueError: the queue, the log or the operators' address cannot be opened.
    :raises ListenError: the address cannot be listened on.
    """
    log, file = open_log(settings.logs, pid=os.getpid())
    adopt_twisted(log)
    if settings.listen.workers:
        found = await _supervised(reactor, settings, reread, log, file)
    else:
        found = await _alone(reactor, settings, log, file)
    log.info("serving", address=f"{address(settings.listen.address)[0]}:{found.port}")
    return found


async def _alone(reactor: Any, settings: Settings, log: Log, file: LogFile) -> Ingestion:
    one = await assemble(reactor, settings, log, Share())

    async def report() -> Report:
        return one.report()

    admin = await _admin(reactor, settings, one, report, FAMILIES)
    return Ingestion(one, admin, log, lambda: reopen(file, log))


async def _supervised(
    reactor: Any, settings: Settings, reread: Callable[[], Settings], log: Log, file: LogFile
) -> Ingestion:
    await prepare(reactor, settings)
    crew = Supervisor(reactor, settings, reread, log, merged)
    await crew.start()

    def hang_up() -> None:
        reopen(file, log)
        crew.reload()

    families = (*FAMILIES, *SUPERVISOR_FAMILIES)
    admin = await _admin(reactor, settings, crew, crew.report, families)
    return Ingestion(crew, admin, log, hang_up)


async def prepare(reactor: Any, settings: Settings) -> None:
    """Open the files that workers will share, once: two that make the same file would collide.

    :raises QueueError: one cannot be opened.
    """
    queue, _ = open_backend(reactor, settings.queue.url)
    await queue.close()
    if settings.dead_letters.url:
        open_letters(settings.dead_letters).close()


async def _admin(
    reactor: Any,
    settings: Settings,
    serving: _Serving,
    report: Callable[[], Any],
    families: tuple[Family, ...],
) -> IListeningPort | None:
    """Listen for operators, if that is asked; if it fails, nothing is left behind."""
    if not settings.listen.admin:
        return None
    try:
        return listen_admin(reactor, settings.listen.admin, Admin(report, lambda: list(families)))
    except QueueError:
        await serving.stop()
        raise
