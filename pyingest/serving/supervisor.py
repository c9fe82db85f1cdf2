"""Several workers as one server: started, kept alive, replaced on SIGHUP, ended, asked."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall

from pyingest.queues.interface import QueueError
from pyingest.serving.admin import Report
from pyingest.serving.assembly import FAMILIES
from pyingest.serving.child import PYTHON, Child, Launch
from pyingest.serving.control import Begin
from pyingest.serving.crew import ask_all, kill_silent, until_gone, until_ready
from pyingest.serving.logs import Log
from pyingest.serving.metrics import Family, Sample, lasting, summed
from pyingest.serving.reading import SettingsError, address
from pyingest.serving.settings import Settings
from pyingest.serving.slot import Slot
from pyingest.serving.sockets import bind, bind_all

WORKERS = Family("mixmigrate_workers", "gauge", "Workers, by whether they serve.")
RESTARTS = Family("mixmigrate_worker_restarts_total", "counter", "Workers that had died.")
SUPERVISOR_FAMILIES = (WORKERS, RESTARTS)
SPARE = 15.0
"""Seconds beyond its own limits after which a worker that does not end is killed."""

Merge = Callable[[list[dict[str, Any]]], dict[str, Any]]


class Supervisor:
    """Runs workers.

    :param reread: gives the settings as they are now, for SIGHUP.
    :param merge: the workers' stats as those of one server.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        reread: Callable[[], Settings],
        log: Log,
        merge: Merge,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._reread = reread
        self._log = log
        self._merge = merge
        self._slots: list[Slot[Settings]] = []
        self._retired: list[Sample] = []
        self._polling = LoopingCall(self._poll)
        self._polling.clock = reactor
        self._stopping = False
        self.port = 0

    async def start(self) -> None:
        """Bind the address, start the workers, and wait until all of them listen.

        :raises ListenError: the address cannot be listened on.
        :raises QueueError: a worker cannot begin; the others are ended.
        """
        listen = self._settings.listen
        host, port = address(listen.address)
        sockets = bind_all(host, port, listen.backlog, listen.workers)
        self.port = sockets[0].getsockname()[1]

        def rebind() -> Any:
            return bind(host, self.port, listen.backlog)

        self._slots = [
            Slot(self._reactor, number, _plan, self._log, self, one, rebind)
            for number, one in enumerate(sockets)
        ]
        why = await until_ready(self._reactor, [slot.start(self._settings) for slot in self._slots])
        if why:
            await self.stop()
            raise QueueError(why)
        self._polling.start(self._settings.metrics.poll, now=False)

    def reload(self) -> None:
        """Replace all workers by new ones, with the settings as they are now."""
        try:
            settings = self._reread()
        except SettingsError as error:
            self._log.error("settings not taken", why=str(error))
            return
        fixed = ("address", "workers", "backlog", "admin")
        changed = [
            name
            for name in fixed
            if getattr(settings.listen, name) != getattr(self._settings.listen, name)
        ]
        if changed:
            self._log.warning("needs a restart", keys=[f"listen.{name}" for name in changed])
        self._log.info("replacing workers", workers=len(self._slots))
        for slot in self._slots:
            slot.replace(settings)

    async def stop(self) -> None:
        """Let the workers end in order; one that takes too long is killed."""
        self._stopping = True
        if self._polling.running:
            self._polling.stop()
        for slot in self._slots:
            slot.stop()
        times = self._settings.timeouts
        seconds = times.notice + times.grace + times.drain + SPARE
        await until_gone(self._reactor, self._children, seconds, self._log)
        for slot in self._slots:
            slot.close()

    async def report(self) -> Report:
        """Return what all workers counted, those that are gone among them."""
        children = self._children()
        await ask_all(children)
        serving = [slot.serving for slot in self._slots if slot.serving is not None]
        up = sum(one.ready_at is not None for one in serving)
        own = [
            Sample(WORKERS.name, (("state", "serving"),), up),
            Sample(WORKERS.name, (("state", "missing"),), len(self._slots) - up),
            Sample(RESTARTS.name, (), sum(slot.restarts for slot in self._slots)),
        ]
        live = [child.samples for child in self._children()]
        samples = summed([self._retired, *live, own], FAMILIES)
        stats = self._merge([child.stats for child in children if child.stats])
        stats["workers"] = [
            {"slot": slot.number, "pid": child.pid, "state": slot.state(child)}
            for slot in self._slots
            for child in slot.children
        ]
        return Report(samples, stats, self._problem(serving))

    def _problem(self, serving: list[Child]) -> str:
        """Return why no requests should come: all workers say no, or there is none."""
        if self._stopping:
            return "draining"
        problems = [child.problem for child in serving]
        if not problems:
            return "no worker serves"
        return problems[0] if all(problems) else ""

    def gone(self, child: Child) -> None:
        """Keep what a worker counted: a sum that shrank would look like a restart."""
        self._retired = summed([self._retired, lasting(child.samples, FAMILIES)], FAMILIES)

    def others_serve(self, slot: Slot[Settings]) -> bool:
        """Return whether there are workers beside those of *slot*."""
        return any(one.serving is not None for one in self._slots if one is not slot)

    def _children(self) -> list[Child]:
        found = [child for slot in self._slots for child in slot.children]
        return [child for child in found if not child.gone.called]

    async def _poll(self) -> None:
        """Have the counts at hand of a worker that may die before it is asked."""
        await ask_all(self._children())
        oldest = self._reactor.seconds() - self._settings.timeouts.hang
        kill_silent(self._children(), oldest, self._log)


def _plan(settings: Settings, slot: int, generation: int) -> Launch:
    command = (*PYTHON, "pyingest.serving.worker", settings.listen.loop)
    return Launch(command, Begin(settings, slot, generation))
