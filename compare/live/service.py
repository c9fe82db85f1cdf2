"""The live page as a service: files read, looks heard, pages told, once a tick."""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from compare.cutover.watch import back_if_failing
from compare.live.access import Access, is_loopback
from compare.live.child import Judge
from compare.live.history import History
from compare.live.judged import Judged
from compare.live.roster import Roster
from compare.live.site import Live, site
from compare.live.state import judged_data, now_data, series_data
from compare.live.stream import Board, message
from compare.live.view import View
from shadow.cutover.store import Store, StoreError
from shadow.serving.statusfiles import DIRECTORY, Told, is_there, read_all

TICK = 1.0
"""Seconds between two states that are sent."""
LOOK_EVERY = 2.0
"""Seconds between looks at the evidence, at least."""
AGAIN = 5.0
"""Seconds until a page that stands still, by a fault of ours, tries to go on."""
RATE_OVER = 60.0
"""Seconds over which the rate of new distinct requests is taken."""


class LiveError(Exception):
    """The page cannot be shown. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What the page shows, and to whom."""

    run: Path
    host: str = "127.0.0.1"
    port: int = 8080
    policy: str = "default"
    """A policy file, or the name of a built-in one."""
    token: str = ""
    tick: float = TICK
    look_every: float = LOOK_EVERY
    cutover: Path | None = None
    """Directory of a cutover, which a run that fails leads back to shadow."""


class LiveService:
    """A live page that is being served; :func:`start` makes it."""

    log = Logger()

    def __init__(self, reactor: Any, options: LiveOptions) -> None:
        self._reactor = reactor
        self._options = options
        self._roster = Roster(is_there)
        self._history = History()
        self._told = Told()
        self._judged = Judged(state="waiting", why="nothing was looked at yet")
        self._distinct: deque[tuple[float, int]] = deque()
        self.board = Board(series=lambda: message("series", series_data(self.view())))
        access = Access(options.token, is_loopback(options.host))
        self.live = Live(self.view, self.board, access, reactor)
        self.judge = Judge(reactor, options.run, options.policy, options.look_every, self._heard)
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor
        self._listening: Any = None
        self._later: Any = None
        self.port = 0

    def listen(self) -> None:
        """Begin to serve.

        :raises LiveError: the address cannot be listened on.
        """
        host, port = self._options.host, self._options.port
        try:
            self._listening = self._reactor.listenTCP(
                port, site(self.live), interface=host.strip("[]")
            )
        except CannotListenError as error:
            raise LiveError(
                f"cannot listen on {host}:{port}: {error.socketError}; name another with --listen"
            ) from None
        self.port = self._listening.getHost().port
        self.judge.start()
        self._go_on()

    async def stop(self) -> None:
        """End the streams, the judging process, and listen no more."""
        if self._loop.running:
            self._loop.stop()
        elif self._later is not None and self._later.active():
            self._later.cancel()
        self.live.end()
        await self._listening.stopListening()
        await self.judge.stop()

    def view(self) -> View:
        """Return what is known now."""
        now = time.time()
        return View(
            run=self._options.run.resolve().name,
            at=now,
            judged=self._judged,
            trouble=self.judge.trouble,
            members=self._roster.members(now),
            totals=self._roster.totals(now),
            history=self._history,
            unreadable=self._told.unreadable,
            distinct_rate=self._rate(),
        )

    def _tick(self) -> None:
        self._told = read_all(self._options.run / DIRECTORY)
        self._roster.take(self._told)
        now = time.time()
        self._history.add(now, self._roster.totals(now))
        self.board.now = message("now", now_data(self.view()))
        self.board.tick += 1
        self.live.update()

    def _heard(self, judged: Judged) -> None:
        """Take a look at the evidence; it goes out with the next tick, so that both agree."""
        self._judged = judged
        self._distinct.append((judged.at, judged.requests.get("distinct", 0)))
        while self._distinct[0][0] < judged.at - RATE_OVER:
            self._distinct.popleft()
        self.board.judged = message("judged", judged_data(self.view()))
        self.board.looks += 1
        if self._options.cutover is not None:
            self._roll_back(Store(self._options.cutover), judged)

    def _roll_back(self, cutover: Store, judged: Judged) -> None:
        """Let legacy answer again, if the candidate fails while it answers clients."""
        try:
            back = back_if_failing(cutover, judged, time.time(), "live")
        except StoreError as error:
            self.log.error("the cutover cannot be looked at: {why}", why=str(error))
            return
        if back is not None:
            self.log.error("the cutover was rolled back: {why}", why=back.why)

    def _rate(self) -> float | None:
        if len(self._distinct) < 2:
            return None
        (began, few), (ended, many) = self._distinct[0], self._distinct[-1]
        return (many - few) / (ended - began) if ended > began and many > few else None

    def _go_on(self) -> None:
        self._loop.start(self._options.tick).addErrback(self._broken)

    def _broken(self, failure: Any) -> None:
        """Say what went wrong and try again: those who look see since when the page is stale."""
        self.log.failure("the live page stands still", failure=failure)
        self._later = self._reactor.callLater(AGAIN, self._go_on)


async def start(reactor: Any, options: LiveOptions) -> LiveService:
    """Return a live page that is being served.

    :raises LiveError: it cannot be.
    """
    if not options.token and not is_loopback(options.host):
        raise LiveError(
            f"{options.host} can be reached from elsewhere, and the page shows your clients' data: "
            "give a token with --token-file FILE, or listen on 127.0.0.1"
        )
    service = LiveService(reactor, options)
    service.listen()
    return service
