"""Whatever one client or a side does, the next client on the kept connection is served as ever.

There is one connection to each side at most, so whoever comes next needs the one that was spoilt.
"""

from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shadow.doctor.echoclient import EchoClientProtocol
from shadow.doctor.framing import request_end
from shadow.doctor.proxied import Proxied, ProxiedLimits
from shadow.exchange import Exchange, Failed
from shadow.relaying.framing import FramingLimits
from shadow.relaying.pool import PoolLimits
from tests.system.attacking import said, statuses
from tests.system.attacks import get

reactor: Any = installed
OK = b"HTTP/1.1 299 Ok\r\n"
CODED = b"Transfer-Encoding: chunked\r\n"
FINE = b"HTTP/1.1 299 Ok\r\nContent-Length: 2\r\n\r\nok"
SPLIT = b"HTTP/1.1 298 Stolen\r\nContent-Length: 6\r\n\r\nstolen"
KEPT = 20_000
"""Bytes of a request beyond which it is passed on as it comes."""
SECONDS = 5.0

ANSWERS: dict[str, bytes] = {
    "two answers": FINE + SPLIT,
    "a body longer than its length": FINE + b"more",
    "a body for a HEAD": FINE,
    "a body of a 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n" + SPLIT,
    "a body of a 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n" + SPLIT,
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + SPLIT,
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "no length": OK + b"Content-Length: two\r\n\r\nok",
    "length and chunks": OK + b"Content-Length: 2\r\n" + CODED + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and a second answer": OK + CODED + b"\r\n0\r\n\r\n" + SPLIT,
    "a broken chunk": OK + CODED + b"\r\n2\r\nokk\r\n0\r\n\r\n",
    "an unknown coding": OK + b"Transfer-Encoding: gzip\r\n\r\n" + SPLIT,
    "an interim answer and two more": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + FINE + SPLIT,
    "bare LFs": FINE.replace(b"\r\n", b"\n") + SPLIT,
    "a folded header": b"HTTP/1.1 299 Ok\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok" + SPLIT,
    "HTTP/0.9": b"ok",
    "HTTP/2": b"HTTP/2 299 Ok\r\nContent-Length: 2\r\n\r\nok" + SPLIT,
    "garbage": b"\x00\x01\x02\x03" * 100,
    "half a head": b"HTTP/1.1 299 Ok\r\nContent-Le",
    "half a body": b"HTTP/1.1 299 Ok\r\nContent-Length: 9\r\n\r\nok",
}
"""What a side answers, from answers that hold another one to what is no answer."""


class SpoilingSide(Factory):
    """Answers the first request with what it is told, and those after it well."""

    noisy = False

    def __init__(self) -> None:
        self.spoilt = FINE
        self.got: list[bytes] = []
        self.cut_short: list[bytes] = []
        self.connections = 0

    def buildProtocol(self, addr: object) -> Protocol:
        """Return the protocol for one connection."""
        self.connections += 1
        return Spoiling(self)


class Spoiling(Protocol):
    """One connection."""

    def __init__(self, side: SpoilingSide) -> None:
        self._side = side
        self._data = b""
        self._closing: Any = None

    def dataReceived(self, data: bytes) -> None:
        """Answer what is whole."""
        if self._closing is not None:
            return
        self._data += data
        transport: Any = self.transport
        while self._data and (end := request_end(self._data)):
            self._side.got.append(self._data[:end])
            asks_for_the_end = b"Connection: close" in self._data[:end]
            self._data = self._data[end:]
            spoilt, self._side.spoilt = self._side.spoilt, FINE
            transport.write(spoilt)
            if asks_for_the_end:
                self._closing = reactor.callLater(0.005, transport.loseConnection)

    def connectionLost(self, reason: object = None) -> None:
        """Note what never became whole."""
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        if self._data:
            self._side.cut_short.append(self._data)


class KeptConnectionTests(TestCase):
    """Over real sockets, with one connection to each side."""

    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """Start the proxy before two servers."""
        self.sides = [SpoilingSide(), SpoilingSide()]
        self.listening = [reactor.listenTCP(0, one, interface="127.0.0.1") for one in self.sides]
        legacy, candidate = (one.getHost().port for one in self.listening)
        self.kept: list[Exchange] = []
        limits = ProxiedLimits(
            PoolLimits(connections=1, answer=1.5), FramingLimits(kept=KEPT, head=KEPT)
        )
        self.proxied = Proxied(reactor, legacy, candidate, self.kept.append, limits)
        self.legacy = self.sides[0]

    async def tearDown(self) -> None:  # type: ignore[override]  # trial waits for it
        """Stop all."""
        await self.proxied.stop()
        for one in self.listening:
            await maybeDeferred(one.stopListening)

    async def serve_the_next(self, name: str) -> None:
        """Let an honest client come: it must be served as ever."""
        heard = await said(self.proxied.port, get("next"))
        self.assertEqual(heard, FINE, name)
        self.assertTrue(await self.proxied.settle(SECONDS), name)

    async def test_no_answer_of_legacys_reaches_the_client_after(self) -> None:
        for name, answer in ANSWERS.items():
            self.legacy.spoilt = answer
            first = get("front")
            if name == "a body for a HEAD":
                first = first.replace(b"GET", b"HEAD", 1)
            heard = await said(self.proxied.port, first)
            if name != "an unknown coding":  # whose body ends with the connection
                self.assertNotIn(b"stolen", heard, name)
            await self.serve_the_next(name)

    async def test_no_answer_of_the_candidates_spoils_what_is_learnt_of_the_next(self) -> None:
        for name, answer in ANSWERS.items():
            self.sides[1].spoilt = answer
            first = get("front")
            if name == "a body for a HEAD":
                first = first.replace(b"GET", b"HEAD", 1)
            self.assertEqual(statuses(await said(self.proxied.port, first)), [299], name)
            self.assertTrue(await self.proxied.settle(SECONDS), name)
            await self.serve_the_next(name)
            last = self.kept[-1].candidate
            self.assertFalse(isinstance(last, Failed), f"{name}: {last}")

    async def test_a_side_that_closes_without_saying_so_meets_nobody_else(self) -> None:
        for _ in range(20):
            asking = [get("front", b"Connection: close"), get("next")]
            coming = [Deferred.fromCoroutine(said(self.proxied.port, one)) for one in asking]
            heard = await gatherResults(coming)
            self.assertEqual([statuses(one) for one in heard], [[299], [299]])

    async def test_a_large_body_that_turns_bad_is_cut_off(self) -> None:
        head = b"POST /track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"%x\r\n%b\r\n" % (KEPT, b"a" * KEPT)
        smuggled = b"zzz\r\n" + get("smuggled")
        heard = await said(self.proxied.port, head + chunk * 3 + smuggled)
        self.assertIn(statuses(heard), ([400], []))
        await self.serve_the_next("a bad chunk")
        self.assertEqual([b"smuggled" in one for one in self.legacy.got], [False])

    async def test_a_large_body_whose_client_leaves_is_cut_off(self) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxied.port)
        client: Any = await endpoint.connect(Factory.forProtocol(EchoClientProtocol))
        client.say(b"POST /track HTTP/1.1\r\nContent-Length: 90000\r\n\r\n" + b"a" * 50_000)
        while not self.legacy.connections:
            await deferLater(reactor, 0.01)
        await deferLater(reactor, 0.05)
        client.transport.abortConnection()
        await self.serve_the_next("a client that left")
        self.assertEqual(len(self.legacy.cut_short), 1)
        self.assertEqual(len(self.legacy.got), 1)

    async def test_a_large_body_is_passed_on_to_the_byte_and_the_next_request_follows(self) -> None:
        body = bytes(range(256)) * 400
        large = b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        heard = await said(self.proxied.port, large + get("next"))
        self.assertEqual(statuses(heard), [299, 299])
        forwarded = b"\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
        self.assertEqual(self.legacy.got[0], large.replace(b"\r\n\r\n", forwarded, 1))
        self.assertEqual(self.legacy.connections, 1)

    async def test_a_client_that_leaves_before_its_answer_spoils_nothing(self) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxied.port)
        for _ in range(20):
            client: Any = await endpoint.connect(Factory.forProtocol(EchoClientProtocol))
            client.say(get("front"))
            await deferLater(reactor, 0)
            client.transport.abortConnection()
            await self.serve_the_next("a client that left")
