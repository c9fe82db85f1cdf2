"""The processes of one dual run: proxies on one address, the tap, the live page.

Order of their lives: the tap first, so that no event goes unseen; then the proxies. At the end the
proxies first, so that the tap reads what their last requests left on the queues.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from pyingest.serving.child import PYTHON, Child, Launch
from pyingest.serving.control import Begin
from pyingest.serving.crew import ask_all, kill_silent, until_gone, until_ready
from pyingest.serving.logs import Log
from pyingest.serving.reading import SettingsError, address
from pyingest.serving.slot import Slot
from pyingest.serving.sockets import bind, bind_all
from shadow.options import ShadowError
from shadow.runs.keeper import Keeper
from shadow.runs.manifest import RecordingError
from shadow.runs.run import Run
from shadow.serving import statusfiles
from shadow.serving.accounts import close_killed, is_taken_over, settle
from shadow.serving.livepage import LivePage
from shadow.serving.place import Role
from shadow.serving.reading import options_of
from shadow.serving.rundirectory import begin, keeper_of, take_back
from shadow.serving.settings import Settings, ShadowSettings
from shadow.serving.telling import Teller
from shadow.serving.worker import Duty, place_of
from shadow.status import Status

POLL = 1.0
"""Seconds between two looks at whether every process still speaks."""
SPARE = 15.0
"""Seconds beyond its own limits after which a process that does not end is killed."""
REPLACED = 45.0
"""Seconds that a new proxy gets before the next one's turn comes."""
LOOK = 0.05
EARLY = "ended before it had begun"
FIXED = ("listen", "live", "run", "workers", "backlog", "legacy_queue", "candidate_queue")
"""Settings that no running process can change."""


class Supervisor:
    """Runs the processes.

    :param reread: gives the settings as they are now, for SIGHUP.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        reread: Callable[[], Settings],
        log: Log,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._reread = reread
        self._log = log
        self._created = time.time()
        self._record: Run | None = None
        self._keeper: Keeper | None = None
        self._run = Path(settings.shadow.run)
        self._directory = self._run / statusfiles.DIRECTORY
        self._tap: Slot[Duty] = Slot(reactor, 0, _plan, log, self)
        self._proxies: list[Slot[Duty]] = []
        self.live = _page(reactor, settings.shadow, log)
        self._teller = Teller(reactor, self._directory, "supervisor", self._fill)
        self._polling = LoopingCall(self._poll)
        self._polling.clock = reactor
        self._closing: list[Deferred[Any]] = []
        self._flaws: list[str] = []
        self._dead: dict[str, str] = {}
        """What is wrong for as long as no later tap has taken over, by the killed one's name."""
        self._stopping = False
        self._asked = 0
        """How often proxies were to be replaced and were not yet."""
        self.port = 0

    async def start(self) -> None:
        """Bind the address, open the run, start the processes, wait until they are ready.

        The live page comes first: what is wrong with its settings is said before a run begins.

        :raises ListenError: the address cannot be listened on.
        :raises RecordingError: the run directory cannot be written, or holds a run already.
        :raises ShadowError: a process cannot begin; the others are ended.
        """
        trigger = self._reactor.addSystemEventTrigger("before", "shutdown", self._cut_short)
        try:
            await self._start()
        finally:
            if not self._stopping:
                self._reactor.removeSystemEventTrigger(trigger)
        if self._stopping:
            raise ShadowError(EARLY)

    async def _start(self) -> None:
        listen = self._settings.shadow
        host, port = address(listen.listen)
        sockets = bind_all(host, port, listen.backlog, listen.workers, beside=listen.beside)
        self.port = sockets[0].getsockname()[1]
        if self.live is not None:
            await self.live.start()
        options = options_of(self._settings)
        self._record = begin(options, self._created)
        self._created = self._record.manifest.created
        self._keeper = keeper_of(self._reactor, self._record, options)
        self._keeper.start()

        def rebind() -> Any:
            return bind(host, self.port, listen.backlog)

        self._proxies = [
            Slot(self._reactor, number, _plan, self._log, self, one, rebind)
            for number, one in enumerate(sockets)
        ]
        await self._ready([self._tap.start(self._duty(Role.TAP))])
        await self._ready([slot.start(self._duty(Role.PROXY)) for slot in self._proxies])
        self._polling.start(POLL, now=False)
        self._teller.start()

    def _cut_short(self) -> "Deferred[None]":
        """End what has started already: without a word it would serve on, as if orphaned."""
        return Deferred.fromCoroutine(self.stop()).addErrback(self._broke)

    def reload(self) -> None:
        """Replace the proxies one by one, with the settings as they are now."""
        try:
            settings = self._reread()
        except SettingsError as error:
            self._log.error("settings not taken", why=str(error))
            return
        old, new = self._settings.shadow, settings.shadow
        changed = [name for name in FIXED if getattr(new, name) != getattr(old, name)]
        if changed:
            self._log.warning("needs a restart", keys=[f"shadow.{name}" for name in changed])
        kept = msgspec.structs.replace(new, **{name: getattr(old, name) for name in FIXED})
        self._settings = msgspec.structs.replace(settings, shadow=kept)
        self._asked += 1
        if self._asked == 1:
            Deferred.fromCoroutine(self._replace()).addErrback(self._broke)

    async def stop(self) -> None:
        """End in order: the proxies, the tap, the live page, the run.

        :raises RecordingError: the run was not recorded to its end.
        """
        self._stopping = True
        if self._polling.running:
            self._polling.stop()
        times = self._settings.timeouts
        answering = times.grace + times.drain + times.answer + times.connect
        await self._end(self._proxies, answering + SPARE)
        await self._end([self._tap], 2 * times.drain + SPARE)
        if self.live is not None:
            await self.live.stop(SPARE)
        await gatherResults(self._closing)
        if self._keeper is not None:
            await self._keeper.stop()
        if self._record is not None:
            self._record.close()
            settle(self._record)
        self._look_for_heirs()
        self._teller.stop()
        if self._told:
            raise RecordingError(f"this run cannot be judged: {self._told}")

    def gone(self, child: Child) -> None:
        """Complete the account of a process that did not end in order."""
        if child.launch is None:
            return
        name = place_of(child.launch.begin).name
        self._complain(child, name)
        if child.is_orderly or self._record is None:
            return
        pool, work = self._reactor.getThreadPool(), (self._record, name, child.how)
        closing = deferToThreadPool(self._reactor, pool, close_killed, *work)
        closing.addCallbacks(lambda lost: self._lost(name, child.how, lost), self._broke)
        self._closing.append(closing)

    def others_serve(self, slot: Slot[Duty]) -> bool:
        """Return whether there are proxies beside those of *slot*."""
        return any(one.serving is not None for one in self._proxies if one is not slot)

    async def _replace(self) -> None:
        """Give each slot a new proxy, as often as that was asked; one after the other."""
        while self._asked:
            asked = self._asked
            for slot in self._proxies:
                slot.replace(self._duty(Role.PROXY))
                until = self._reactor.seconds() + REPLACED
                while (slot.coming or slot.leaving) and self._reactor.seconds() < until:
                    await deferLater(self._reactor, LOOK)
            # What was asked meanwhile is done once.
            self._asked = min(1, self._asked - asked)

    async def _ready(self, children: list[Child]) -> None:
        why = await until_ready(self._reactor, children)
        if why and self._stopping:
            raise ShadowError(EARLY)
        if why:
            await self._end(self._slots(), SPARE)
            await gatherResults(self._closing)
            if self.live is not None:
                await self.live.stop(SPARE)
            if self._keeper is not None:
                await self._keeper.stop()
            take_back(self._record)
            raise ShadowError(why)

    async def _end(self, slots: list[Slot[Duty]], seconds: float) -> None:
        for slot in slots:
            slot.stop()

        def left() -> list[Child]:
            found = [child for slot in slots for child in slot.children]
            return [child for child in found if not child.gone.called]

        await until_gone(self._reactor, left, seconds, self._log)
        for slot in slots:
            slot.close()

    def _duty(self, role: Role) -> Duty:
        return Duty(role, self._settings, self._created)

    def _slots(self) -> list[Slot[Duty]]:
        return [*self._proxies, self._tap]

    async def _poll(self) -> None:
        children = [child for slot in self._slots() for child in slot.children]
        await ask_all([child for child in children if not child.gone.called])
        for child in children:
            if child.launch is not None:
                self._complain(child, place_of(child.launch.begin).name)
        self._look_for_heirs()
        oldest = self._reactor.seconds() - self._settings.timeouts.hang
        kill_silent(children, oldest, self._log)

    def _complain(self, child: Child, name: str) -> None:
        """Take note of what a process says is wrong with it."""
        flaw = f"{name}: {child.complaint}"
        if child.complaint and flaw not in self._flaws:
            self._flaws.append(flaw)
            self._log.error("not recorded any more", of=name, why=child.complaint)

    def _lost(self, name: str, how: str, lost: int | None) -> None:
        if lost is None:  # it had not begun to record
            return
        what = f"{lost:,} requests are lost to the record" if lost else "its part is incomplete"
        flaw = f"{name} ended with {how}: {what}"
        if name.partition(".")[0] == Role.TAP:
            self._dead[name] = flaw
        else:
            self._flaws.append(flaw)
        self._log.error("part of the run is incomplete", of=name, lost=lost)

    def _look_for_heirs(self) -> None:
        """Forget what is wrong with a killed tap once its successor has all that it read."""
        for name in [one for one in self._dead if is_taken_over(self._run, one)]:
            del self._dead[name]
            self._log.info("part of the run is complete after all", of=name)

    @property
    def _told(self) -> str:
        return "; ".join([*self._flaws, *self._dead.values()])

    def _broke(self, failure: Failure) -> None:
        self._flaws.append(failure.getErrorMessage())
        self._log.error("supervisor", why=repr(failure.value))

    def _fill(self, status: Status) -> None:
        """Tell which processes there are."""
        status.error = self._told
        status.more = {
            "restarts": sum(slot.restarts for slot in self._slots()),
            "live": {"pid": self.live.pid, "address": self.live.address} if self.live else {},
            "processes": {
                place_of(child.launch.begin).name: {"pid": child.pid, "state": slot.state(child)}
                for slot in self._slots()
                for child in slot.children
                if child.launch is not None
            },
        }


def _page(reactor: Any, settings: ShadowSettings, log: Log) -> LivePage | None:
    """Return what keeps the live page alive, if there is to be one."""
    if not settings.live:
        return None
    words = ["--policy", settings.live_policy]
    if settings.live_token_file:
        words += ["--token-file", settings.live_token_file]
    if settings.cutover:
        words += ["--cutover", settings.cutover]
    return LivePage(reactor, Path(settings.run), settings.live, log, words)


def _plan(duty: Duty, slot: int, generation: int) -> Launch:
    command = (*PYTHON, "shadow.serving.worker", duty.settings.shadow.loop)
    return Launch(command, Begin(duty, slot, generation))
