"""The place of one worker: its socket outlives it, so that no client is turned away meanwhile."""

import socket
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from pyingest.server import ListenError
from pyingest.serving.child import Child, Launch
from pyingest.serving.logs import Log
from pyingest.serving.slots import LONGEST, Deaths

S = TypeVar("S")
"""What a worker is told to do."""
Plan = Callable[[S, int, int], Launch]
"""How to start a worker: what it is to do, its slot, and how many that slot had before."""


class Crew(Protocol):
    """What a slot must know of the others."""

    def gone(self, child: Child) -> None:
        """Take note that a worker's process is gone."""

    def others_serve(self, slot: "Slot[Any]") -> bool:
        """Return whether there are workers beside those of *slot*."""


class Slot(Generic[S]):
    """Keeps one worker alive, and replaces it without a gap.

    :param listening: the socket that its workers inherit; ``None`` for those that need none.
    :param rebind: gives such a socket anew; ``None`` if it is never to be closed.
    """

    def __init__(
        self,
        reactor: Any,
        number: int,
        plan: Plan[S],
        log: Log,
        crew: Crew,
        listening: socket.socket | None = None,
        rebind: Callable[[], socket.socket] | None = None,
    ) -> None:
        self._reactor = reactor
        self.number = number
        self._plan = plan
        self._socket = listening
        self._rebind = rebind
        self._log = log
        self._crew = crew
        self._settings: S | None = None
        self._deaths = Deaths()
        self._later: Any = None
        self._stopping = False
        self._generation = 0
        self._established = False
        self.serving: Child | None = None
        """The worker that accepts connections, or should."""
        self.coming: Child | None = None
        """Its replacement, until it is ready."""
        self.leaving: list[Child] = []
        """Workers that answer their last requests."""
        self.restarts = 0
        """Workers that were started because one died."""

    @property
    def children(self) -> list[Child]:
        """All workers of this slot whose process is there."""
        return [one for one in (self.serving, self.coming, *self.leaving) if one is not None]

    def state(self, child: Child) -> str:
        """Return what *child*, one of :attr:`children`, does here."""
        if child in self.leaving:
            return "leaving"
        return "starting" if child.ready_at is None else "serving"

    def start(self, settings: S) -> Child:
        """Start the first worker."""
        self._settings = settings
        self.serving = self._spawn(settings)
        return self.serving

    def replace(self, settings: S) -> None:
        """Start a worker with *settings*; the present one leaves when the new one is ready."""
        self._settings = settings
        if self._stopping or self.serving is None:
            return
        if self.coming is not None:
            self.coming.stop()
            self.leaving.append(self.coming)
        self.coming = self._spawn(settings)

    def stop(self) -> None:
        """Let all workers end in order, and start no more."""
        self._stopping = True
        if self._later is not None and self._later.active():
            self._later.cancel()
        for child in self.children:
            child.stop()

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _spawn(self, settings: S) -> Child:
        if self._socket is None and self._rebind is not None:
            self._socket = self._rebind()
        child = Child(self._reactor, self._ready, self._ended)
        launch = self._plan(settings, self.number, self._generation)
        self._generation += 1
        inherited = self._socket.fileno() if self._socket is not None else None
        child.start(self._reactor, launch, inherited)
        return child

    def _ready(self, child: Child) -> None:
        self._established = True
        self._log.info("worker ready", worker=self.number, pid=child.pid)
        if child is self.coming:
            self.coming = None
            before, self.serving = self.serving, child
            if before is not None:
                self.leaving.append(before)
                before.stop()
        if self._stopping:
            child.stop()

    def _ended(self, child: Child) -> None:
        self._crew.gone(child)
        if child in self.leaving:
            self.leaving.remove(child)
            self._log.info("worker left", worker=self.number, pid=child.pid, how=child.how)
        elif child is self.coming:
            self.coming = None
            why = child.failure or child.how
            self._log.error("new worker failed, the old one stays", worker=self.number, why=why)
        elif not self._stopping:
            self._died(child)

    def _died(self, child: Child) -> None:
        self.serving = None
        self._deaths = self._deaths.after(child.lived)
        wait = self._deaths.wait
        why = child.failure or child.how
        self._log.error("worker died", worker=self.number, pid=child.pid, why=why, again_in=wait)
        if self._deaths.gives_way and self._crew.others_serve(self):
            self.close()
        if self.coming is not None:
            self.serving, self.coming = self.coming, None
        elif self._established:
            self._later = self._reactor.callLater(wait, self._restart)

    def _restart(self) -> None:
        if self._stopping or self.serving is not None or self._settings is None:
            return
        self.restarts += 1
        try:
            self.serving = self._spawn(self._settings)
        except ListenError as error:
            self._log.error("cannot listen again", worker=self.number, why=str(error))
            self._later = self._reactor.callLater(LONGEST, self._restart)
