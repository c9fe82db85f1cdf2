"""Connections that nobody waits for are read few at a time, and let the others go first."""

import socket
from typing import Any

import pytest
from twisted.internet.task import Clock

from pyingest import crowd
from pyingest.crowd import FEW, SLICE, Aside


class Reactor(Clock):
    """Watches nothing by itself."""

    def addReader(self, reader: Any) -> None:
        """Do nothing."""

    removeReader = addReader


class Wire:
    """As much of a connection as a crowd asks for: it counts itself as read, which takes time."""

    connected, disconnecting = True, False

    def __init__(self, end: socket.socket, clock: Clock, seconds: float, read: list[int]) -> None:
        self._end, self._clock, self._seconds, self._read = end, clock, seconds, read
        self.reactor: Any = None
        self.protocol = self

    def fileno(self) -> int:
        return self._end.fileno()

    def getHandle(self) -> socket.socket:
        return self._end

    def startReading(self) -> None:
        self.reactor.addReader(self)

    def stopReading(self) -> None:
        if self.reactor is not None:
            self.reactor.removeReader(self)

    def dataReceived(self, data: bytes) -> None:
        self._clock.rightNow += self._seconds
        self._read.append(self.fileno())


@pytest.mark.parametrize(
    ("seconds", "turns"), [(0.0, [30]), (SLICE, [FEW] * 3 + [6]), (SLICE / 12, [2 * FEW, 14])]
)
def test_it_is_read_for_a_moment_and_all_in_the_end(seconds: float, turns: list[int]) -> None:
    clock, read = Reactor(), list[int]()
    aside = Aside(clock, clock.seconds)
    pairs = [socket.socketpair() for _ in range(30)]
    for near, far in pairs:
        wire: Any = Wire(near, clock, seconds, read)
        aside.join(wire)
        far.sendall(b"x")
    found = []
    for _ in turns:
        before = len(read)
        aside.doRead()
        found.append(len(read) - before)
    assert found == turns
    assert len(set(read)) == 30
    for near, far in pairs:
        near.close()
        far.close()


def test_there_is_one_only_where_connections_are_read_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "_gatherings", {})
    monkeypatch.setattr(crowd, "_asides", {})
    clock = Reactor()
    assert crowd.gathering_of(clock, aside=True) is None
    crowd.gather(clock)
    aside = crowd.gathering_of(clock, aside=True)
    assert isinstance(aside, Aside)
    assert crowd.gathering_of(clock, aside=True) is aside
    assert not isinstance(crowd.gathering_of(clock), Aside)
