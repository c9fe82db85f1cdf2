"""Several Kestrel servers: rotation, going on to another, and never twice."""

import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.queues.kestrel import KestrelQueue
from pyingest.queues.kestrel_fleet import KestrelFleet, Ring

reactor: Any = installed
Script = Callable[["Connection", bytes], None]


def stores(connection: "Connection", data: bytes) -> None:
    """Answer as a Kestrel that has room."""
    connection.say(b"VERSION 2.4\r\n" * data.count(b"version"))
    connection.say(b"STORED\r\n" * data.count(b"set "))


def hangs(connection: "Connection", data: bytes) -> None:
    """Say nothing."""


def says(text: bytes) -> Script:
    return lambda connection, data: connection.say(text * data.count(b"set "))


class Connection(Protocol):
    def __init__(self, server: "Server") -> None:
        self.server = server

    def connectionMade(self) -> None:
        self.server.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.server.heard += data
        self.server.script(self, data)

    def say(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]


class Server(Factory):
    """A scripted server on a port of its own."""

    noisy = False

    def __init__(self, script: Script = stores, port: int = 0) -> None:
        self.script = script
        self.connections: list[Connection] = []
        self.heard = b""
        self._listening = reactor.listenTCP(port, self, interface="127.0.0.1")
        self.address = ("127.0.0.1", int(self._listening.getHost().port))

    def buildProtocol(self, addr: Any) -> Connection:
        return Connection(self)

    @property
    def bodies(self) -> list[bytes]:
        return [line for line in self.heard.split(b"\r\n") if line.isdigit()]

    async def stop(self) -> None:
        await self._listening.stopListening()
        for connection in self.connections:
            connection.transport.abortConnection()  # type: ignore[union-attr]
        await deferLater(reactor, 0.01)


def unused_address() -> tuple[str, int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1", int(probe.getsockname()[1])


def numbered(*numbers: int) -> list[Event]:
    return [Event("events", b"%d" % number) for number in numbers]


async def until(true: Callable[[], object]) -> None:
    for _ in range(500):
        if true():
            return
        await deferLater(reactor, 0.01)
    raise AssertionError("it did not come to that")


class FleetTests(TestCase):
    timeout = 20

    def serve(self, script: Script = stores, port: int = 0) -> Server:
        server = Server(script, port)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return server

    def fleet(self, *addresses: tuple[str, int], deadline: float = 5.0) -> KestrelFleet:
        fleet = KestrelFleet(reactor, addresses, deadline=deadline)
        self.addCleanup(lambda: Deferred.fromCoroutine(fleet.close()))
        return fleet

    async def connected(self, *servers: Server, deadline: float = 5.0) -> KestrelFleet:
        """Return a fleet with all its connections made and used."""
        fleet = self.fleet(*(server.address for server in servers), deadline=deadline)
        await fleet.publish(numbered(0))
        await until(lambda: sum(len(server.connections) for server in servers) == 2 * len(servers))
        await deferLater(reactor, 0.02)
        for _ in range(4 * len(servers)):
            await fleet.publish(numbered(0))
        for server in servers:
            server.heard = b""
        return fleet

    async def test_events_go_round_the_servers(self) -> None:
        servers = [self.serve() for _ in range(3)]
        fleet = await self.connected(*servers)
        for number in range(60):
            assert await fleet.publish(numbered(number)) == [Outcome.STORED]
        assert min(len(server.bodies) for server in servers) >= 10
        sent = Counter(body for server in servers for body in server.bodies)
        assert sent == Counter(b"%d" % number for number in range(60))

    async def test_a_server_that_is_not_there_costs_no_event(self) -> None:
        server = self.serve()
        fleet = self.fleet(unused_address(), server.address, unused_address())
        for number in range(20):
            assert await fleet.publish(numbered(number)) == [Outcome.STORED]
        assert fleet.live == [server.address]

    async def test_what_one_server_refuses_another_gets_in_the_same_call(self) -> None:
        refusing, well = self.serve(), self.serve()
        fleet = await self.connected(refusing, well)
        refusing.script = says(b"SERVER_ERROR\r\n")
        for number in range(8):
            assert await fleet.publish(numbered(number)) == [Outcome.STORED]
        assert well.bodies == [b"%d" % number for number in range(8)]
        assert 1 <= len(refusing.bodies) <= 4

    async def test_only_the_refused_events_of_a_batch_go_on(self) -> None:
        first, second = self.serve(), self.serve()
        fleet = await self.connected(first, second)

        def script(connection: Connection, data: bytes) -> None:
            if data.count(b"set ") == 2:
                connection.say(b"STORED\r\nSERVER_ERROR\r\n")
            else:
                stores(connection, data)

        first.script = second.script = script
        assert await fleet.publish(numbered(1, 2)) == [Outcome.STORED, Outcome.STORED]
        assert sorted(first.bodies + second.bodies) == [b"1", b"2", b"2"]

    async def test_a_full_server_is_said_to_be_full(self) -> None:
        server = self.serve(says(b"NOT_STORED\r\n"))
        assert await self.fleet(server.address).publish(numbered(1)) == [Outcome.FULL]

    async def test_all_refusing_is_refused(self) -> None:
        servers = [self.serve(says(b"ERROR\r\n")) for _ in range(2)]
        fleet = self.fleet(*(server.address for server in servers))
        assert await fleet.publish(numbered(1)) == [Outcome.REFUSED]
        assert len(servers[0].bodies + servers[1].bodies) <= 2

    async def test_a_hanging_server_times_out_once_and_is_then_left_alone(self) -> None:
        hanging, well = self.serve(), self.serve()
        fleet = await self.connected(hanging, well, deadline=0.2)
        hanging.script = hangs
        outcomes = [(await fleet.publish(numbered(number)))[0] for number in range(40)]
        assert Counter(outcomes) == {Outcome.TIMED_OUT: 1, Outcome.STORED: 39}
        assert fleet.live == [well.address]
        sent = Counter(hanging.bodies + well.bodies)
        assert set(sent.values()) == {1}

    async def test_a_server_that_hung_is_used_again_once_it_tells_its_version(self) -> None:
        hanging, well = self.serve(), self.serve()
        fleet = await self.connected(hanging, well, deadline=0.1)
        hanging.script = hangs
        for number in range(4):
            await fleet.publish(numbered(number))
        assert fleet.live == [well.address]
        hanging.script = stores
        await until(lambda: len(fleet.live) == 2)
        for number in range(100, 120):
            assert await fleet.publish(numbered(number)) == [Outcome.STORED]
        assert hanging.bodies[-1] >= b"100"

    async def test_a_server_that_leaves_after_taking_the_event_leaves_it_unknown(self) -> None:
        def leaves(connection: Connection, data: bytes) -> None:
            connection.transport.abortConnection()  # type: ignore[union-attr]

        leaving, well = self.serve(leaves), self.serve(leaves)
        fleet = self.fleet(leaving.address, well.address)
        assert await fleet.publish(numbered(1)) == [Outcome.UNKNOWN]
        assert len(leaving.bodies + well.bodies) == 1

    async def test_connections_that_the_server_left_are_noticed_before_sending(self) -> None:
        server = self.serve()
        fleet = await self.connected(server)
        for connection in server.connections:
            handle = connection.transport.getHandle()  # type: ignore[union-attr]
            handle.shutdown(socket.SHUT_WR)
        # The ends are sent by now, and the reactor had no turn to tell the fleet.
        outcomes = [Deferred.fromCoroutine(fleet.publish(numbered(n))) for n in range(3)]
        assert await gatherResults(outcomes) == [[Outcome.STORED]] * 3
        assert sorted(server.bodies) == [b"0", b"1", b"2"]
        assert len(server.connections) > 2

    async def test_a_single_server_s_client_notices_it_as_well(self) -> None:
        server = self.serve()
        queue = KestrelQueue(reactor, *server.address, connections=1, deadline=5)
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        assert await queue.publish(numbered(1)) == [Outcome.STORED]
        handle = server.connections[0].transport.getHandle()  # type: ignore[union-attr]
        handle.shutdown(socket.SHUT_WR)
        assert await queue.publish(numbered(2)) == [Outcome.STORED]
        assert server.bodies == [b"1", b"2"]
        assert len(server.connections) == 2

    async def test_a_server_coming_back_is_noticed(self) -> None:
        host, port = unused_address()
        fleet = self.fleet((host, port))
        assert await fleet.publish(numbered(1)) == [Outcome.REFUSED]
        server = self.serve(stores, port)
        await until(lambda: fleet.live)
        assert await fleet.publish(numbered(2)) == [Outcome.STORED]
        assert server.bodies == [b"2"]

    async def test_nobody_there_refuses_without_waiting_again(self) -> None:
        fleet = self.fleet(unused_address(), unused_address())
        for number in range(50):
            assert await fleet.publish(numbered(number)) == [Outcome.REFUSED]
        assert fleet.live == []

    async def test_a_bad_name_is_not_sent_and_hurts_no_other(self) -> None:
        server = self.serve()
        bad = Event("q 0 0 1\r\nx\r\nset z", b"9")
        outcomes = await self.fleet(server.address).publish([bad, *numbered(1)])
        assert outcomes == [Outcome.REFUSED, Outcome.STORED]
        assert b"z" not in server.heard

    async def test_a_closed_fleet_refuses(self) -> None:
        server = self.serve()
        fleet = self.fleet(server.address)
        assert await fleet.publish(numbered(1)) == [Outcome.STORED]
        await fleet.close()
        assert await fleet.publish(numbered(2)) == [Outcome.REFUSED]
        assert await fleet.publish([]) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))))
def test_a_ring_holds_what_a_set_holds(steps: list[tuple[bool, int]]) -> None:
    ring: Ring[int] = Ring()
    model: set[int] = set()
    for adds, item in steps:
        (ring.add if adds else ring.discard)(item)
        (model.add if adds else model.discard)(item)
        assert len(ring) == len(model)
        assert {ring.next() for _ in range(len(model))} == model
