"""Connections: a limit in all, one for each address; those beyond are told 503."""

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from pyingest.connection import HttpProtocol
from pyingest.http import Reply
from pyingest.message import Request
from pyingest.serving.admission import LINGER, SPARE, Admission, LimitedFactory, TurnedAway


async def never(request: Request, peer: str) -> Reply:
    raise AssertionError(request)


class AdmissionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def factory(self, most: int = 0, each: int = 0) -> LimitedFactory:
        return LimitedFactory(never, self.clock, None, None, Admission(most, each))

    def connect(self, factory: LimitedFactory, host: str) -> tuple[Protocol, StringTransport]:
        address = IPv4Address("TCP", host, 5)
        protocol = factory.buildProtocol(address)
        assert protocol is not None
        transport = StringTransport(peerAddress=address)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_one_connection_too_many_is_told_so(self) -> None:
        factory = self.factory(most=1)
        first, _ = self.connect(factory, "192.0.2.1")
        assert isinstance(first, HttpProtocol)
        second, transport = self.connect(factory, "192.0.2.2")
        second.dataReceived(b"GET /track?verbose=1 HTTP/1.1\r\nOrigin: https://a\r\n\r\n")
        data = transport.value()
        assert data.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in data
        assert b"\r\nAccess-Control-Allow-Origin: https://a\r\n" in data
        assert b"\r\nConnection: close\r\n" in data
        assert data.endswith(b'{"error":"a temporary failure occurred","status":0}')
        assert factory.admission.turned_away == 1

    def test_there_is_room_again_when_one_is_gone(self) -> None:
        factory = self.factory(most=1)
        first, _ = self.connect(factory, "192.0.2.1")
        first.connectionLost()
        assert isinstance(self.connect(factory, "192.0.2.2")[0], HttpProtocol)

    def test_each_address_has_a_limit_of_its_own(self) -> None:
        factory = self.factory(each=2)
        kinds = [
            type(self.connect(factory, host)[0])
            for host in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")
        ]
        assert kinds == [HttpProtocol, HttpProtocol, TurnedAway, HttpProtocol]

    def test_nothing_is_kept_of_addresses_that_are_gone(self) -> None:
        factory = self.factory(each=2)
        protocol, _ = self.connect(factory, "192.0.2.1")
        protocol.connectionLost()
        assert not factory.admission.open

    def test_the_telling_is_bounded_too(self) -> None:
        factory = self.factory(most=1)
        self.connect(factory, "192.0.2.1")
        told = [self.connect(factory, "192.0.2.2")[0] for _ in range(SPARE)]
        assert factory.buildProtocol(IPv4Address("TCP", "192.0.2.3", 5)) is None
        told[0].connectionLost()
        assert factory.buildProtocol(IPv4Address("TCP", "192.0.2.3", 5)) is not None

    def test_one_that_sends_nothing_is_cut(self) -> None:
        factory = self.factory(most=1)
        self.connect(factory, "192.0.2.1")
        _, transport = self.connect(factory, "192.0.2.2")
        self.clock.advance(LINGER)
        assert transport.disconnecting
