"""One queue over several servers: each batch goes to the live server with the least in flight."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from pyingest.event import Event
from pyingest.queues.interface import Outcome, Queue
from pyingest.traffic.servers import Servers

_ELSEWHERE = (Outcome.REFUSED, Outcome.FULL)
"""Surely not stored, so another server may be tried."""


class SpreadQueue:
    """A queue whose events may lie on any of several servers, in no order between servers.

    A server that did not store everything is left alone for a while, then tried again. What it
    surely did not store goes to another server at once; what it may have stored does not, since it
    could be stored twice. When every server is left alone, events are refused without a wait.

    :param queues: the servers by name.
    :param now: seconds, from anywhere, never going back.
    :param rest: seconds for which a server that failed is left alone.
    """

    def __init__(
        self, queues: Mapping[str, Queue], now: Callable[[], float], rest: float = 1.0
    ) -> None:
        self._queues = dict(queues)
        self._now = now
        self._rest = rest
        self._resting: deque[tuple[float, str]] = deque()
        """When each server may be tried again, the first one first: they all rest as long."""
        self.servers = Servers(self._queues)

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events*; see :class:`pyingest.queues.interface.Queue`."""
        outcomes = [Outcome.REFUSED] * len(events)
        left = list(range(len(events)))
        tried = set[str]()
        while left:
            self._revive()
            name = self.servers.least_loaded()
            if name is None or name in tried:
                break
            tried.add(name)
            found = await self._send(name, [events[place] for place in left])
            for place, outcome in zip(left, found, strict=True):
                outcomes[place] = outcome
            left = [place for place in left if outcomes[place] in _ELSEWHERE]
        return outcomes

    async def close(self) -> None:
        """Close the queues of all servers."""
        for queue in self._queues.values():
            await queue.close()

    async def _send(self, name: str, events: Sequence[Event]) -> list[Outcome]:
        servers = self.servers
        servers.begin(name, len(events))
        outcomes: list[Outcome] = []
        try:
            outcomes = await self._queues[name].publish(events)
        finally:
            stored = outcomes.count(Outcome.STORED)
            if stored:
                servers.complete(name, stored)
            if stored < len(events):
                servers.fail(name, len(events) - stored)
                self._leave_alone(name)
        return outcomes

    def _leave_alone(self, name: str) -> None:
        if self.servers.is_alive(name):
            self.servers.mark_dead(name)
            self._resting.append((self._now() + self._rest, name))

    def _revive(self) -> None:
        now = self._now()
        while self._resting and self._resting[0][0] <= now:
            self.servers.mark_alive(self._resting.popleft()[1])
