"""Clients that send too slowly are ended by limits of time and number; nobody else is held up."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from shadow.doctor.answers import EchoAnswer
from shadow.doctor.echoclient import EchoClientProtocol
from shadow.doctor.echoleg import EchoLeg
from shadow.doctor.proxied import Proxied, ProxiedLimits
from shadow.exchange import Side
from shadow.relaying.door import Door, DoorTimes
from tests.system.attacking import plain_answer, said, statuses
from tests.system.attacks import get

reactor: Any = installed
ROOT = Path(__file__).parent.parent.parent
TIMES = DoorTimes(idle=2, head=1, request=2, linger=1)
SLOW = 8
"""Slow clients of each kind."""
PLACES = 3
PATIENCE = 15.0
"""Seconds for what must happen after two; generous, since nothing here measures time."""

Kind = tuple[bytes, bytes]
"""What a client says at once, and what it repeats byte by byte for as long as it is let."""
KINDS: dict[str, Kind] = {
    "silent": (b"", b""),
    "a request line without end": (b"GET /", b"a"),
    "headers without end": (b"GET / HTTP/1.1\r\n", b"X-A: b\r\n"),
    "a body byte by byte": (b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n", b"a"),
    "chunks of one byte": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "a chunk's extension without end": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"a",
    ),
}


class SlowClient:
    """Says something, and then a byte every now and then."""

    def __init__(self, connection: EchoClientProtocol, kind: Kind) -> None:
        self.connection = connection
        first, self._more = kind
        self._at = 0
        self._dripping = LoopingCall(self._drip)
        if first:
            connection.say(first)
        if self._more:
            self._dripping.start(0.05)

    def _drip(self) -> None:
        if self.connection.lost:
            self._dripping.stop()
            return
        self.connection.say(self._more[self._at : self._at + 1])
        self._at = (self._at + 1) % len(self._more)

    def stop(self) -> None:
        """Say no more."""
        if self._dripping.running:
            self._dripping.stop()
        self.connection.hang_up()


class SlowClientTests(TestCase):
    """Over real sockets, with limits of a second or two."""

    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """Start the proxy before two servers."""
        self.legs = [EchoLeg(side, plain_answer) for side in Side]
        self.listening = [leg.listen(reactor) for leg in self.legs]
        self.clients: list[SlowClient] = []
        self.begin(ProxiedLimits(times=TIMES))

    def begin(self, limits: ProxiedLimits) -> None:
        """Start a proxy."""
        legacy, candidate = (leg.port for leg in self.legs)
        self.proxied = Proxied(reactor, legacy, candidate, lambda _: None, limits)

    async def tearDown(self) -> None:  # type: ignore[override]  # trial waits for it
        """Stop all."""
        for client in self.clients:
            client.stop()
        await self.proxied.stop()
        for one in self.listening:
            await maybeDeferred(one.stopListening)

    async def arrive(self, kind: Kind) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxied.port)
        made = await endpoint.connect(Factory.forProtocol(EchoClientProtocol))
        assert isinstance(made, EchoClientProtocol)
        self.clients.append(SlowClient(made, kind))

    async def until(self, reached: Callable[[], bool]) -> bool:
        """Return whether *reached*, while an honest client is served again and again."""
        deadline = reactor.seconds() + PATIENCE
        while not reached() and reactor.seconds() < deadline:
            self.assertEqual(statuses(await said(self.proxied.port, get("front"))), [299])
            await deferLater(reactor, 0.05)
        return reached()

    async def test_slow_clients_are_ended_while_others_are_served(self) -> None:
        for kind in KINDS.values():
            for _ in range(SLOW):
                await self.arrive(kind)
        ended = await self.until(lambda: all(client.connection.lost for client in self.clients))
        self.assertTrue(ended, [client.connection.lost for client in self.clients])
        for number, client in enumerate(self.clients):
            expected = [] if number < SLOW else [408]
            self.assertEqual(statuses(bytes(client.connection.heard)), expected)
        for leg in self.legs:
            self.assertEqual(leg.broken, [])

    async def test_who_comes_when_all_places_are_taken_is_served_later(self) -> None:
        await self.proxied.stop()
        self.begin(ProxiedLimits(times=TIMES, clients=PLACES))
        for _ in range(PLACES):
            await self.arrive(KINDS["headers without end"])
        self.assertEqual(await said(self.proxied.port, get("front")), b"")
        self.assertEqual(self.proxied.door.turned_away, 1)
        while self.held() >= PLACES:
            await deferLater(reactor, 0.05)
        self.assertEqual(statuses(await said(self.proxied.port, get("front"))), [299])

    async def test_who_does_not_fetch_an_answer_is_ended_and_holds_nobody_up(self) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxied.port)
        greedy: Any = await endpoint.connect(Factory.forProtocol(EchoClientProtocol))
        greedy.transport.pauseProducing()
        legacy = self.legs[0]
        legacy.answer = huge_answer
        greedy.say(get("front"))
        await legacy.wait(reactor, 1, PATIENCE)
        legacy.answer = plain_answer
        self.assertEqual(self.held(), 1)
        self.assertTrue(await self.until(lambda: not self.held()))
        greedy.transport.resumeProducing()
        greedy.hang_up()
        while await greedy.news(reactor, PATIENCE):
            pass

    def held(self) -> int:
        """Return how many clients are there."""
        return len(self.proxied.door.connections)


def huge_answer(raw: bytes, side: Side, may_close: bool) -> EchoAnswer:
    """Answer with more than the sockets of two connections take in."""
    body = b"x" * (32 << 20) if side is Side.LEGACY else b"ok"
    return EchoAnswer(b"HTTP/1.1 299 Ok\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def test_the_document_tells_the_limits_of_time_and_number() -> None:
    times = DoorTimes()
    text = " ".join((ROOT / "docs" / "http-attacks.md").read_text().split())
    assert f"a head has to be whole within {times.head} seconds of its first byte" in text
    assert f"a request within {times.request}, a silent connection ends after {times.idle}" in text
    most = signature(Door).parameters["most"].default
    assert f"there may be {most:,} connections in all" in text
