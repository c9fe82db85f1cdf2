"""The queue servers: which are alive, what is in flight to each, which one is next.

Every operation is O(1) per event that it moves, however many servers and events in flight there
are: to begin with three events, or to revive a server that still has three in flight, takes three
steps at most.
"""

from collections import OrderedDict
from collections.abc import Iterable

from pyingest.traffic.ranking import Ranking
from pyingest.traffic.stats import ServerState


class UnknownServer(KeyError):
    """No server has this name."""


class _Server:
    __slots__ = ("alive", "completed", "failed", "in_flight")

    def __init__(self) -> None:
        self.alive = True
        self.in_flight = self.completed = self.failed = 0


class Servers:
    """The list of queue servers of one worker.

    :param names: the servers, all taken to be alive, in the order of the rotation.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._servers = {name: _Server() for name in names}
        self._live: Ranking[str] = Ranking()
        """The live ones by what is in flight."""
        # A plain dict finds its first key by walking over all that were deleted before it.
        self._rotation: OrderedDict[str, None] = OrderedDict()
        for name in self._servers:
            self._enlist(name, 0)

    def __len__(self) -> int:
        """Return how many servers are alive."""
        return len(self._rotation)

    def least_loaded(self) -> str | None:
        """Return the live server with the least in flight, or ``None`` if none lives.

        Of several, the one whose count has stood longest: equal servers take turns.
        """
        return self._live.least() if self._rotation else None

    def next_in_rotation(self) -> str | None:
        """Return the live server whose turn it is, or ``None`` if none lives."""
        if not self._rotation:
            return None
        name = next(iter(self._rotation))
        self._rotation.move_to_end(name)
        return name

    def is_alive(self, name: str) -> bool:
        """Say whether the server is in use.

        :raises UnknownServer: there is no such server.
        """
        return self._server(name).alive

    def in_flight(self, name: str) -> int:
        """Return how many events were sent to the server and are not answered.

        :raises UnknownServer: there is no such server.
        """
        return self._server(name).in_flight

    def begin(self, name: str, events: int = 1) -> None:
        """Note that *events* (at least 1) are on their way to the server.

        :raises UnknownServer: there is no such server.
        """
        server = self._server(name)
        server.in_flight += events
        if server.alive:
            self._live.raise_by(name, events)

    def complete(self, name: str, events: int = 1) -> None:
        """Note that the server stored *events* that were on their way to it.

        :raises UnknownServer: there is no such server.
        :raises ValueError: fewer were on their way.
        """
        self._land(name, events).completed += events

    def fail(self, name: str, events: int = 1) -> None:
        """Note that the server did not store *events* that were on their way to it.

        :raises UnknownServer: there is no such server.
        :raises ValueError: fewer were on their way.
        """
        self._land(name, events).failed += events

    def mark_dead(self, name: str) -> None:
        """Take the server out of use. What is in flight to it is still expected back.

        :raises UnknownServer: there is no such server.
        """
        server = self._server(name)
        if server.alive:
            server.alive = False
            self._live.remove(name)
            del self._rotation[name]

    def mark_alive(self, name: str) -> None:
        """Take the server into use again, last in the rotation.

        :raises UnknownServer: there is no such server.
        """
        server = self._server(name)
        if not server.alive:
            server.alive = True
            self._enlist(name, server.in_flight)

    def states(self) -> tuple[ServerState, ...]:
        """Return the state of each server, by name."""
        return tuple(_state(name, server) for name, server in sorted(self._servers.items()))

    def _server(self, name: str) -> _Server:
        try:
            return self._servers[name]
        except KeyError:
            raise UnknownServer(name) from None

    def _enlist(self, name: str, in_flight: int) -> None:
        self._rotation[name] = None
        self._live.add(name)
        if in_flight:
            self._live.raise_by(name, in_flight)

    def _land(self, name: str, events: int) -> _Server:
        server = self._server(name)
        if events > server.in_flight:
            raise ValueError(f"{name}: {events} of {server.in_flight} events in flight came back")
        server.in_flight -= events
        if server.alive:
            self._live.lower_by(name, events)
        return server


def _state(name: str, server: _Server) -> ServerState:
    return ServerState(
        name=name,
        alive=int(server.alive),
        dead=int(not server.alive),
        in_flight=server.in_flight,
        completed=server.completed,
        failed=server.failed,
    )
