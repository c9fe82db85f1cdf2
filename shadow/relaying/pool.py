"""One side: connections that are kept, the last one used first, one request at a time on each.

A request is never sent twice: it may have been carried out although no answer came, and a second
event on a queue would be our doing. What is safe is done (RFC 9112, section 9.3.1): a kept
connection is looked at just before it is used, and if the side closed it meanwhile, or takes no
byte, the request goes another way. What remains is the side's close that is on the wire at that
moment: the request fails, and its client hears 502.
"""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure as TwistedFailure

from shadow.exchange import Failed, Failure
from shadow.relaying.answerframing import KnownAnswers
from shadow.relaying.link import Link, Passage
from shadow.relaying.pace import Pace
from shadow.relaying.raw import RawRequest

TICK = 0.25
"""Seconds between looks at time limits; one look for all connections, no timer per request."""
FRESH = 0.001
"""Seconds for which a kept connection is used without a look, as the reactor has just read from it;
but not after a body, which a server that left it unread answers by closing."""
Waiter = tuple[float, RawRequest, Passage]


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of one side, in seconds, connections and bytes."""

    connections: int = 1024
    connect: float = 2.0
    answer: float = 10.0
    """For a free connection to come; for the answer to begin; between two pieces of it."""
    idle: float = 4.0
    """A kept connection is closed after so long; most servers wait 5 seconds or longer."""
    kept: int = 256 * 1024
    """Bytes of one answer that are kept for the record."""
    aside: bool = False
    """Whether these are copies, whose answers nobody hears.

    Then an answer that is longer than ``kept``, or takes longer than ``answer`` in all, is a
    failure; connections are read after those of clients, and opened at a pace (see
    ``shadow.relaying.pace``).
    """


class Pool(ClientFactory):
    """Sends requests to one server, and tells what became of them."""

    noisy = False

    def __init__(
        self, reactor: Any, host: str, port: int, limits: PoolLimits | None = None
    ) -> None:
        self.limits = limits or PoolLimits()
        self.known = KnownAnswers()
        self.pace = Pace(spaced=self.limits.aside)
        self._reactor = reactor
        self._where = host, port
        self._idle: list[Link] = []
        self._all: set[Link] = set()
        self._opening: deque[float] = deque()  # since when
        self._waiting: deque[Waiter] = deque()
        self._later: Any = None
        self._closed = False
        self._sweeper = LoopingCall(self._sweep)
        self._sweeper.clock = reactor
        self._sweeper.start(TICK, now=False)

    @property
    def in_flight(self) -> int:
        """Requests that the side has and has not answered, and those that wait for a connection."""
        return len(self._all) - len(self._idle) + len(self._waiting)

    def send(self, request: RawRequest, passage: Passage) -> None:
        """Send *request*; *passage* is told what becomes of it."""
        idle = self._idle
        while idle:
            link = idle.pop()
            fresh = time.monotonic() - link.since < FRESH and not link.had_body
            usable = not link.lost if fresh else link.is_alive()
            if usable and link.ask(request, passage):
                return
        self._wait((time.monotonic(), request, passage))

    def _wait(self, waiter: Waiter) -> None:
        """Let a request wait for a connection, and open one if there may be one more."""
        if self._closed:
            waiter[2].failed(Failed(Failure.REFUSED, "this end was closed", 0.0))
            return
        self._waiting.append(waiter)
        self._open()

    def _open(self) -> None:
        """Open as many connections as there are requests that none is being opened for."""
        while (
            len(self._opening) < len(self._waiting)
            and len(self._all) + len(self._opening) < self.limits.connections
            and not self._closed
        ):
            now = time.monotonic()
            wait = self.pace.wait(now)
            if wait > 0:
                self._open_in(wait)
                return
            self._opening.append(now)
            self._reactor.connectTCP(*self._where, self, timeout=self.limits.connect)

    def _open_in(self, seconds: float) -> None:
        if self._later is None:
            self._later = self._reactor.callLater(seconds, self._open_now)

    def _open_now(self) -> None:
        self._later = None
        self._open()

    # Called by connections.

    def made(self, link: Link) -> None:
        """Use a connection that was just made."""
        opened = self._opening.popleft()
        self._all.add(link)
        if self._closed:
            link.cut()
        else:
            self.keep(link, opened)

    def keep(self, link: Link, opened: float | None = None) -> None:
        """Take a connection back: for the request that has waited longest, or for later.

        :param opened: monotonic seconds at which it was begun, if it is new.
        """
        if not self._waiting:
            self._idle.append(link)
            return
        began, request, passage = self._waiting.popleft()
        if link.ask(request, passage):
            if not self.limits.aside:
                link.began = began
            elif opened is not None:  # what a copy waits for its turn is not the side's time
                link.began = max(began, opened)
        else:
            self._waiting.appendleft((began, request, passage))
            self._open()

    def forget(self, link: Link) -> None:
        """Note that a connection is gone."""
        self._all.discard(link)
        if link in self._idle:
            self._idle.remove(link)
        self._open()

    # Called by the reactor.

    def buildProtocol(self, addr: object) -> Link:
        """Return the protocol for one connection."""
        return Link(self)

    def clientConnectionFailed(self, connector: IConnector, reason: TwistedFailure) -> None:
        """Fail the request that has waited longest: no connection could be made."""
        _part(connector)
        self._opening.popleft()
        if self._waiting:
            began, _, passage = self._waiting.popleft()
            seconds = time.monotonic() - began
            passage.failed(Failed(Failure.REFUSED, reason.getErrorMessage(), seconds))
        self._open()

    def clientConnectionLost(self, connector: IConnector, reason: TwistedFailure) -> None:
        """Leave nothing for the garbage collector."""
        _part(connector)

    # Time.

    def close(self) -> None:
        """End every connection; what is under way fails."""
        self._closed = True
        if self._sweeper.running:
            self._sweeper.stop()
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._give_up(list(self._waiting), Failure.REFUSED, "this end was closed")
        for link in list(self._all):
            link.fail(Failure.RESET, "this end was closed")

    def _give_up(self, waiters: Iterable[Waiter], kind: Failure, why: str) -> None:
        now = time.monotonic()
        for waiter in waiters:
            self._waiting.remove(waiter)
            waiter[2].failed(Failed(kind, why, now - waiter[0]))

    def _sweep(self) -> None:
        """End what has taken too long."""
        now, limit = time.monotonic(), self.limits.answer
        for link in list(self._all):
            since = link.began if self.limits.aside else link.bounded or link.since
            if link.is_waited_for and now - since > limit:
                link.fail(Failure.TIMED_OUT, f"no answer within {limit:g} s")
            elif not link.is_busy and now - link.since > self.limits.idle:
                self._retire(link)
        if self._later is not None:
            return  # it is we who let them wait
        late = [one for one in self._waiting if now - one[0] > limit]
        why = f"all {self.limits.connections} connections busy for {limit:g} s"
        self._give_up(late, Failure.TIMED_OUT, why)

    def _retire(self, link: Link) -> None:
        """Close an idle connection; one that was closed and is still there is cut."""
        if link.lost:
            link.cut()
        else:
            link.close()


def _part(connector: Any) -> None:
    """Break the reference cycle of Twisted's two objects for one connection."""
    connector.transport = None


async def reachable(reactor: Any, host: str, port: int, seconds: float) -> str:
    """Return why no connection to a server can be made in *seconds*, or an empty text."""
    endpoint = TCP4ClientEndpoint(reactor, host, port, timeout=max(1, int(seconds)))
    try:
        made: Any = await endpoint.connect(Factory.forProtocol(Protocol))
    except Exception as error:
        return str(error)
    made.transport.loseConnection()
    return ""
