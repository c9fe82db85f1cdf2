"""Several Kestrel servers as one queue: rotation, and another server where one refused.

Each server has queues of its own and knows nothing of the others, so that order holds only
within one (Kestrel's guide, "Clusters"). No event is sent to a second server unless the first
one is known not to have it.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.queues.kestrel import DEADLINE
from pyingest.queues.kestrel_server import Link, Server
from pyingest.queues.kestrel_wire import is_queue_name, outcome, set_request

T = TypeVar("T")


class Ring(Generic[T]):
    """Things taken in turn; every operation takes the same time, however many there are."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._places: dict[T, int] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: T) -> bool:
        return item in self._places

    def add(self, item: T) -> None:
        """Add *item*, once."""
        if item not in self._places:
            self._places[item] = len(self._items)
            self._items.append(item)

    def discard(self, item: T) -> None:
        """Take *item* out, if it is there; the last one takes its place."""
        place = self._places.pop(item, None)
        if place is None:
            return
        last = self._items.pop()
        if last is not item:
            self._items[place] = last
            self._places[last] = place

    def next(self) -> T:
        """Return the one whose turn it is.

        :raises IndexError: the ring is empty.
        """
        self._turn = (self._turn + 1) % max(1, len(self._items))
        return self._items[self._turn]

    def peek(self) -> T:
        """Return the one whose turn comes next.

        :raises IndexError: the ring is empty.
        """
        return self._items[(self._turn + 1) % max(1, len(self._items))]


class KestrelFleet:
    """Writes to whichever of several servers is well.

    :param servers: (host, port) of each.
    :param connections: to each server.
    :param deadline: seconds for one :meth:`publish` as a whole: connecting, waiting, going on
        to another server. Then the connection is cut, so that a late answer can never be taken
        for another's; what else was under way on it is ``UNKNOWN``.
    """

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[tuple[str, int]],
        connections: int = 2,
        deadline: float = DEADLINE,
    ) -> None:
        self._reactor = reactor
        self._deadline = deadline
        self._usable: Ring[Link] = Ring()
        self._servers = [
            Server(reactor, address, connections, deadline, self._use) for address in servers
        ]
        self._arrivals: list[Deferred[None]] = []
        self._valid: set[str] = set()
        self._begun = False
        self._closed = False

    @property
    def live(self) -> list[tuple[str, int]]:
        """The servers that take events now."""
        return [
            server.address
            for server in self._servers
            if any(link in self._usable for link in server.links)
        ]

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events* in order over one connection; return one outcome per event.

        Those that a server refused go to the next one. An event whose queue name Kestrel would
        not take is ``REFUSED``, and not sent.
        """
        outcomes = [Outcome.REFUSED] * len(events)
        left = [n for n, event in enumerate(events) if self._is_valid(event.queue)]
        expires = self._reactor.seconds() + self._deadline
        for _ in self._servers:
            if not left or (link := await self._link(expires)) is None:
                break
            came = await self._ask(link, [events[n] for n in left], expires)
            for n, each in zip(left, came, strict=True):
                outcomes[n] = each
            left = [n for n in left if outcomes[n] is Outcome.REFUSED]
            if left:
                link.server.rest()
        return outcomes

    async def close(self) -> None:
        """Wait for the answers under way (at most the deadline), and end the connections."""
        self._closed = True
        while any(link.waiting for server in self._servers for link in server.links):
            await deferLater(self._reactor, 0.01)
        for server in self._servers:
            await server.close()
        self._wake()

    async def _link(self, expires: float) -> Link | None:
        """Return a connection; wait for one only when there is none, and one may come."""
        if not self._begun:
            self._begun = True
            for server in self._servers:
                server.begin()
        while not self._closed and self._reactor.seconds() < expires:
            if len(self._usable):
                link = min(self._usable.next(), self._usable.peek(), key=lambda one: one.waiting)
                if link.protocol is not None and not link.protocol.stale:
                    return link
                self._renew(link)
            elif any(server.arriving for server in self._servers):
                await self._arrival(expires)
            else:
                break
        return None

    def _renew(self, link: Link) -> None:
        """Make a connection anew that the server has left; nothing was sent over it."""
        answered = link.answered
        link.drop()
        link.server.departed(link, answered)

    async def _arrival(self, expires: float) -> None:
        """Wait until a connection is there or none is to be had, or the time is over."""
        arrival: Deferred[None] = Deferred()
        self._arrivals.append(arrival)
        left = max(0.0, expires - self._reactor.seconds())
        timer = self._reactor.callLater(left, self._wake)
        await arrival
        if timer.active():
            timer.cancel()

    async def _ask(self, link: Link, events: list[Event], expires: float) -> list[Outcome]:
        protocol = link.protocol
        if protocol is None:
            return [Outcome.REFUSED] * len(events)
        late: list[bool] = []

        def cut() -> None:
            late.append(True)
            link.server.rest()
            protocol.abort()

        left = max(0.0, expires - self._reactor.seconds())
        timer = self._reactor.callLater(left, cut)
        requests = [set_request(event.queue, event.body) for event in events]
        answers = await DeferredList(protocol.ask(requests, False), consumeErrors=True)
        if timer.active():
            timer.cancel()
        link.answered = link.answered or (answers[0][0] and link.protocol is protocol)
        unanswered = Outcome.TIMED_OUT if late else Outcome.UNKNOWN
        return [outcome(answer) if good else unanswered for good, answer in answers]

    def _use(self, link: Link, usable: bool) -> None:
        """Note whether events may be sent over *link*; who waits looks again."""
        if usable:
            self._usable.add(link)
        else:
            self._usable.discard(link)
        self._wake()

    def _wake(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            arrival.callback(None)

    def _is_valid(self, name: str) -> bool:
        if name not in self._valid and is_queue_name(name):
            self._valid.add(name)
        return name in self._valid
