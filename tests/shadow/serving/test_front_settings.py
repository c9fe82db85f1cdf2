"""What is said of the clients' door in the settings holds at the door."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock

from shadow.isolating.isolation import isolation_of
from shadow.ledger import Ledger
from shadow.relaying.door import DoorTimes
from shadow.relaying.framing import FramingLimits
from shadow.relaying.settings import ClientTimes, RelayingSettings, RequestLimits
from shadow.serving.front import Front, door_times, framing_limits
from shadow.serving.reading import options_of
from shadow.serving.settings import Settings, ShadowSettings

HERE = ShadowSettings(legacy="http://127.0.0.1:1", candidate="http://127.0.0.1:2", backlog=7)


def listening(settings: Settings) -> tuple[Front, Any]:
    """Return a front that was told *settings*, and the reactor on which it listens."""
    reactor: Any = MemoryReactorClock()
    options = options_of(settings)
    isolation = isolation_of(options.isolating, "the test")
    front = Front(reactor, options, isolation, isolation.router, (), Ledger())
    front.listen()
    return front, reactor


def test_one_process_holds_as_many_waiting_connections_as_the_settings_say() -> None:
    _, reactor = listening(Settings(shadow=HERE))
    ((port, _, backlog, host),) = reactor.tcpServers
    assert (host, port, backlog) == ("127.0.0.1", 8000, 7)


def test_the_limits_of_clients_are_those_of_the_settings() -> None:
    times = ClientTimes(idle=9, head=8, request=10, linger=7)
    limits = RequestLimits(head=2000, kept=3000, together=4000)
    relaying = RelayingSettings(times=times, limits=limits)
    front, _ = listening(Settings(shadow=HERE, relaying=relaying))
    assert front.door.times == DoorTimes(idle=9, head=8, request=10, linger=7)
    assert front.door.limits == FramingLimits(head=2000, kept=3000, together=4000)


def test_without_settings_the_limits_are_those_of_the_door() -> None:
    assert door_times(ClientTimes()) == DoorTimes()
    assert framing_limits(RequestLimits()) == FramingLimits()
