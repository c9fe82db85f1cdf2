"""Connections that nobody waits for are read few at a time, and let the others go first."""

import socket
from typing import Any

import pytest
from twisted.internet.task import Clock

from pyingest import crowd
from pyingest.crowd import FEW, SLICE, Aside, Gathering


class Reactor(Clock):
    """Watches nothing by itself."""

    def addReader(self, reader: Any) -> None:
        """Do nothing."""

    removeReader = addReader


MANY = 15


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
    ("seconds", "others", "turns"),
    [
        (0.0, 0, [MANY * FEW]),
        (SLICE, 0, [FEW] * MANY),
        (SLICE / (1.5 * FEW), 0, [2 * FEW] * (MANY // 2) + [FEW]),
        (SLICE, 1, [FEW] * MANY),
        (SLICE, 2 * FEW + 2, [2 * FEW] + [FEW] * (MANY - 2)),
        (SLICE, 2 * MANY * FEW, [MANY * FEW]),
    ],
)
def test_it_is_read_for_a_moment_or_as_often_as_is_its_due_and_all_in_the_end(
    seconds: float, others: int, turns: list[int]
) -> None:
    clock, read = Reactor(), list[int]()
    crowd_of_others = Gathering()
    aside = Aside(clock, crowd_of_others, clock.seconds)
    crowd_of_others.latest = others
    pairs = [socket.socketpair() for _ in range(MANY * FEW)]
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
    assert len(set(read)) == MANY * FEW
    for near, far in pairs:
        near.close()
        far.close()


def test_what_was_due_once_is_not_due_again() -> None:
    clock, read = Reactor(), list[int]()
    others = Gathering()
    aside = Aside(clock, others, clock.seconds)
    pairs = [socket.socketpair() for _ in range(4 * FEW)]
    for near, far in pairs:
        wire: Any = Wire(near, clock, SLICE, read)
        aside.join(wire)
        far.sendall(b"x")
    others.latest = 4 * FEW
    aside.doRead()
    assert len(read) == 2 * FEW
    aside.doRead()
    assert len(read) == 3 * FEW
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
