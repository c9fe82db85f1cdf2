"""Live traffic in, its owner's answer out; a copy to the other side, later and apart."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.logger import Logger

from shadow.dualrun import DualRun, Ended
from shadow.exchange import Exchange, NotMirrored, Reason, Side
from shadow.ledger import Ledger
from shadow.relaying.errand import Client, Errand
from shadow.relaying.mirror import Mirror, Server
from shadow.relaying.raw import RawRequest
from shadow.routing import Route, Router

Observer = Callable[[Exchange], None]


class Proxy:
    """Asks *router* for each request's way, and carries out what the rules of a dual run say.

    *owners* answer clients. *copies* lead to the instances that may be shown what the other side
    owns, because they keep their events off the production queue; a side may have none.
    *observers* take every finished exchange, when its clients and the side behind have had
    their turn; without any, nothing is recorded, and no record is made.
    """

    log = Logger()

    def __init__(
        self,
        clock: Any,
        owners: Mapping[Side, Server],
        copies: Mapping[Side, Mirror | None],
        router: Router,
        observers: Sequence[Observer] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        self.closed: Reason | None = None
        """Why nothing more is mirrored; ``None`` while all is well."""
        self.owners = owners
        self.copies = copies
        self.router = router
        self.observers = tuple(observers)
        self.heard: Callable[[Route, float, float], None] | None = None
        """Takes, as soon as an owner has answered, the request's route, how many seconds that took
        and when it came: ``Isolation.answered``."""
        self._clock = clock
        self._now = now
        self._ended: list[DualRun] = []
        for side, mirror in copies.items():
            if mirror is not None:
                mirror.sent = self._sent
                mirror.ended = partial(self._copy_ended, side)

    @property
    def is_settled(self) -> bool:
        """Whether every request that came has its place in the ledger, and its record."""
        return self.ledger.remainder == 0 and self.ledger.pending == 0

    def ask(self, request: RawRequest, visitor: Client, told: bool) -> None:
        """Take a request of *visitor*, *told* whether that was sent ``100 Continue``."""
        request.at = self._now()
        if request.whole:
            self.ledger.received += 1
        try:
            route = self.router.route(request)
        except Exception:
            route = self._way_out()
        run = DualRun(self.ledger.received, request, route)
        owner = route.owner
        instead = self._hand_over if owner is Side.CANDIDATE else None
        errand = Errand(run, visitor, told, self._owner_ended, instead)
        visitor.begin(errand)
        self.owners[owner].send(request, errand)

    def _way_out(self) -> Route:
        """Return the way of a request that the router failed at: it must not cost the answer."""
        self.log.failure("a request could not be routed; it is not copied")
        owner = Side.LEGACY if Side.LEGACY in self.owners else Side.CANDIDATE
        return Route(owner, Reason.FILTERED)

    def _hand_over(self, errand: Errand) -> None:
        """Let legacy answer a request of the candidate's."""
        self.owners[Side.LEGACY].send(errand.run.request, errand)

    def refused(self) -> None:
        """Count what was no request."""
        self.ledger.malformed += 1

    def abandon(self) -> None:
        """Give up what waits to be copied, and what comes from now on; it is counted."""
        self.closed = Reason.ABANDONED
        for mirror in self.copies.values():
            if mirror is not None:
                mirror.abandon()

    def _owner_ended(self, run: DualRun, ended: Ended, visitor: Client | None) -> None:
        """Note the owner's outcome; carry on when the client's answer has left us."""
        if not run.request.whole:
            self.ledger.received += 1
            run.number = self.ledger.received
        self.ledger.owner_ended(run.route.owner, ended)
        if self.heard is not None and run.request.whole:
            self.heard(run.route, ended.seconds, run.request.at)
        run.owner_ended(ended)
        if run.skip is not None and not self.observers:
            self._copy_ended(run.route.other, run, NotMirrored(run.skip))
        elif visitor is None or visitor.is_out:
            self._later(run)
        else:
            visitor.when_out(partial(self._later, run))

    def _later(self, run: DualRun) -> None:
        """Carry on in the next turn of the loop: one timer serves all that end in this one."""
        if not self._ended:
            self._clock.callLater(0, self._carry_on)
        self._ended.append(run)

    def _carry_on(self) -> None:
        """Turn to the copies of the requests that were answered in the turn before."""
        ended, self._ended = self._ended, []
        for run in ended:
            if run.refused is not None:
                self._sent()
                self._copy_ended(Side.CANDIDATE, run, run.refused)
                continue
            skip = self._skip(run)
            if skip is not None:
                self._copy_ended(run.route.other, run, NotMirrored(skip))
        for mirror in self.copies.values():
            if mirror is not None:
                mirror.pump()

    def _skip(self, run: DualRun) -> Reason | None:
        """Offer the copy of *run*; return why there will be none."""
        mirror = self.copies.get(run.route.other)
        if run.skip is not None or self.closed is not None:
            return run.skip or self.closed
        if mirror is None:
            return Reason.ALONE
        return None if mirror.offer(run) else Reason.SHED

    def _sent(self) -> None:
        self.ledger.mirrored += 1

    def _copy_ended(self, side: Side, run: DualRun, ended: Ended | NotMirrored) -> None:
        """Take what became of a copy, or why there was none: the run is over."""
        self.ledger.copy_ended(side, ended)
        run.copy_ended(ended)
        if not self.observers:
            return
        exchange = run.exchange()
        for observer in self.observers:
            try:
                observer(exchange)
            except Exception:
                self.log.failure("an exchange could not be looked at")
