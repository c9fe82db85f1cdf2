"""What is said of the clients' door in the settings holds at the door."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock

from shadow.isolating.isolation import isolation_of
from shadow.ledger import Ledger
from shadow.serving.front import Front
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
