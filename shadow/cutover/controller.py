"""The cutover in one proxy process: follows ``stage.json``, watches, and rolls back by itself.

When a guard fires, this process lets legacy answer from the next request on, whatever happens to
the disk; the others follow when they look at ``stage.json``, ten times a second. No I/O but small
files; the clock is an argument.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shadow.cutover.guards import OTHERS, OWNED, Arm, Guards, Trip
from shadow.cutover.processes import ArmTold, Told, tell
from shadow.cutover.router import StageRouter
from shadow.cutover.stage import SHADOW, Phase, State, rolled_back
from shadow.cutover.store import Busy, Late, Store, StoreError
from shadow.exchange import Exchange

LOOK_SECONDS = 0.1
TELL_SECONDS = 0.5


class Controller:
    """Keeps *router* at the stage that the cutover's directory says.

    :param clock: has ``callLater``.
    :param name: of this process, for its file.
    :param build: what the candidate is, as this proxy was told; evidence of another build carries
        no ramp.
    :param now: gives epoch seconds.
    :param ticks: gives seconds that only grow.
    :raises StoreError: the directory holds no cutover.
    """

    def __init__(
        self,
        clock: Any,
        store: Store,
        router: StageRouter,
        guards: Guards,
        name: str,
        build: str = "",
        copied: bool = False,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State()
        self.error = ""
        self._clock = clock
        self._store = store
        self.router = router
        self._guards = guards
        self._name = name
        self._build = build
        self._copied = copied
        self._now = now
        self._ticks = ticks
        self._stamp: tuple[int, ...] = ()
        self._unwritten: Trip | None = None
        self._told_at = -TELL_SECONDS
        self._next: Any = None
        self._adopt(store.read())
        self._refuse_another_build()

    def start(self) -> None:
        """Follow the directory until :meth:`stop`."""
        self.look()
        self._next = self._clock.callLater(LOOK_SECONDS, self.start)

    def stop(self) -> None:
        """Follow it no more, and tell a last time."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._tell()

    def see(self, exchange: Exchange) -> None:
        """Take a finished exchange: an observer of the proxy."""
        trip = self._guards.see(exchange, self._ticks())
        if trip is not None:
            self.roll_back(trip)

    def roll_back(self, trip: Trip) -> None:
        """Let legacy answer from now on, and say so to all."""
        self.router.adopt(SHADOW, self.state.rules.seed)
        self._unwritten = trip
        self._write()

    def look(self) -> None:
        """Follow what was changed; tell what was seen. Called ten times a second."""
        if self._unwritten is not None:
            self._write()
        else:
            self._follow()
        if self._ticks() - self._told_at >= TELL_SECONDS:
            self._tell()

    def _follow(self) -> None:
        stamp = stamp_of(self._store.path)
        if stamp == self._stamp and not self.error:
            return
        try:
            state = self._store.read()
        except StoreError as error:
            self.error = str(error)  # and go on as before: a torn file must shift nobody
            return
        self.error, self._stamp = "", stamp
        if state.epoch != self.state.epoch:
            self._adopt(state)

    def _adopt(self, state: State) -> None:
        self.state = state
        self.router.adopt(state.stage, state.rules.seed)
        self._guards.begin(state.stage, state.rules.guards)
        self._told_at = -TELL_SECONDS  # others wait for what this process has to say

    def _write(self) -> None:
        """Write the roll-back down; who was first decides why it happened."""
        trip = self._unwritten
        if trip is None:
            return

        def back(state: State) -> State:
            return rolled_back(state, who=self._name, why=trip.why, at=self._now())

        try:
            state = self._store.change(self.state.epoch, back, wait=False)
        except Late as late:
            state = late.state
        except Busy:
            return
        except StoreError as error:
            self.error = f"rolled back, but only in this process: {error}"
            return
        self._unwritten, self.error = None, ""
        self._adopt(state)

    def _refuse_another_build(self) -> None:
        """Roll back if this proxy stands before another build than the one that was proven."""
        proof, stage = self.state.proof, self.state.stage
        if stage.phase is Phase.SHADOW or proof is None or proof.build == self._build:
            return
        shown = f"{self._build!r} (--candidate-build)"
        why = f"{stage} was reached with build {proof.build!r}, this proxy was told {shown}"
        self.roll_back(Trip("build", why))

    def _tell(self) -> None:
        self._told_at = self._ticks()
        arms, tripped = self._guards.arms, self._guards.tripped
        told = Told(
            name=self._name,
            pid=os.getpid(),
            at=self._now(),
            epoch=self.state.epoch,
            stage=str(self.router.stage),
            copied=self._copied,
            legacy=_arm(arms[OTHERS]),
            candidate=_arm(arms[OWNED]),
            guards=self._guards.told(),
            tripped=tripped.guard if tripped else "",
            error=self.error,
        )
        try:
            tell(self._store.directory, told)
        except OSError as error:
            self.error = f"{self._store.directory}: {error.strerror}"


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what changes when the file at *path* is replaced; nothing while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _arm(arm: Arm) -> ArmTold:
    return ArmTold(requests=arm.requests, errors=arm.errors, refusals=arm.refusals)
