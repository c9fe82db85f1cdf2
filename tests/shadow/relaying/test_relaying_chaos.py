"""Clients and services that do whatever they like: every answer is its client's own, or none."""

import re
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shadow.breaker import Breaker, BreakerLimits
from shadow.exchange import Answered, Exchange, Side
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy
from shadow.relaying.door import Door
from shadow.relaying.framing import FramingLimits, RequestFramer, Whole
from shadow.relaying.mirror import Mirror
from shadow.relaying.pool import Pool, PoolLimits
from shadow.routing import MIRRORED, Route, Seen
from shadow.testing import RawClient

CLOCK: Any = reactor
CLIENTS, REQUESTS = 24, 10
ENDS = rb"\|(?=HTTP|\r|$)|HTTP/1.1 502"
"""How what a client hears of one request ends."""


class Whim(Protocol):
    """A service that answers with the number of the request, in one of many ways, or fails."""

    def __init__(self, random: Random, faults: float, seen: list[bytes]) -> None:
        self._random = random
        self._faults = faults
        self._seen = seen
        self._framer = RequestFramer(FramingLimits())

    def dataReceived(self, data: bytes) -> None:
        found = self._framer.feed(data)
        while isinstance(found, Whole):
            self._seen.append(found.data)
            self._answer(re.findall(rb"/n(\d+)", found.head.target)[0])
            found = self._framer.following()

    def _answer(self, number: bytes) -> None:
        wire: Any = self.transport
        body = number + b"|" * self._random.choice([1, 1, 1, 9_000])
        length = b"Content-Length: %d\r\n" % len(body)
        chunks = b"%x;x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        whole = b"HTTP/1.1 200 OK\r\n"
        ways = [
            (whole + length + b"\r\n" + body, False),
            (whole + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, False),
            (b"HTTP/1.1 103 Hints\r\n\r\n" + whole + length + b"\r\n" + body, False),
            (whole + length + b"Connection: close\r\n\r\n" + body, True),
            (whole + b"\r\n" + body, True),
        ]
        answer, close = self._random.choice(ways[:3] * 6 + ways)
        if self._random.random() < self._faults:
            wire.write(answer[: self._random.randrange(len(answer))])
            wire.abortConnection()
            return
        cut = self._random.randrange(len(answer))
        wire.write(answer[:cut])
        CLOCK.callLater(self._random.choice([0, 0.002, 0.01]), self._rest, answer[cut:], close)

    def _rest(self, rest: bytes, close: bool) -> None:
        wire: Any = self.transport
        wire.write(rest)
        if close:
            wire.loseConnection()


class Everything:
    def route(self, request: Seen) -> Route:
        return MIRRORED


class ChaosTests(TestCase):
    """With fixed seeds."""

    timeout = 40

    def setUp(self) -> None:
        self.kept: list[Exchange] = []
        self.seen: dict[Side, list[bytes]] = {side: [] for side in Side}

    def serve(self, side: Side, seed: int, faults: float, **limits: Any) -> Pool:
        random, seen = Random(seed), self.seen[side]
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda addr: Whim(random, faults, seen)  # type: ignore[method-assign]  # enough of a factory
        pool = Pool(CLOCK, "127.0.0.1", self.listen(factory), PoolLimits(**limits))

        def close() -> "Deferred[None]":
            pool.close()
            return deferLater(CLOCK, 0.05)

        self.addCleanup(close)
        return pool

    def listen(self, factory: Any) -> int:
        listening = CLOCK.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(maybeDeferred, listening.stopListening)
        port: int = listening.getHost().port
        return port

    async def client(self, port: int, first: int, random: Random) -> list[bytes]:
        """Send requests in pieces, sometimes several at once; return the numbers heard."""
        endpoint = TCP4ClientEndpoint(CLOCK, "127.0.0.1", port)
        client: Any = await connectProtocol(endpoint, RawClient())
        stream = b"".join(one(number, random) for number in range(first, first + REQUESTS))
        leaves = random.random() < 0.2
        while stream and not client.closed:
            size = random.choice([1, 40, 500, 20_000])
            client.say(stream[:size])
            stream = stream[size:]
            await deferLater(CLOCK, random.choice([0, 0, 0.003]))
            if leaves and len(stream) < 300:
                client.transport.abortConnection()
                break
        while not client.closed and len(re.findall(ENDS, client.heard)) < REQUESTS:
            await deferLater(CLOCK, 0.005)
        await deferLater(CLOCK, 0.05)
        client.transport.abortConnection()
        return re.findall(rb"(\d+)\|+", client.heard)

    async def run_with(self, seed: int, faults: float) -> list[list[bytes]]:
        owner = self.serve(Side.LEGACY, seed, faults, answer=5.0)
        copy = self.serve(Side.CANDIDATE, seed + 1, 0.2, answer=2.0, aside=True, connections=5)
        lane = Mirror(
            CLOCK, copy, Lane(LaneLimits(in_flight=5)), Breaker(BreakerLimits(), lambda: 1.0)
        )
        self.proxy = Proxy(
            CLOCK, {Side.LEGACY: owner}, {Side.CANDIDATE: lane}, Everything(), [self.kept.append]
        )
        door = Door(self.proxy.ask, self.proxy.refused, CLOCK)
        port = self.listen(door)
        self.addCleanup(lambda: Deferred.fromCoroutine(door.drain(0.5)))
        clients = [
            Deferred.fromCoroutine(self.client(port, 1000 * n, Random(seed * 100 + n)))
            for n in range(1, CLIENTS + 1)
        ]
        heard = await gatherResults(clients)
        while not self.proxy.is_settled:
            await deferLater(CLOCK, 0.01)
        return heard

    def check(self, heard: list[list[bytes]]) -> None:
        for n, numbers in enumerate(heard, 1):
            own = [b"%d" % number for number in range(1000 * n, 1000 * n + REQUESTS)]
            # Each hears its own numbers, once and in order.
            self.assertEqual(numbers, [one for one in own if one in numbers])
        ledger = self.proxy.ledger
        self.assertEqual((ledger.remainder, ledger.pending), (0, 0))
        self.assertEqual(len(self.kept), ledger.received)
        self.assertEqual(len({one.number for one in self.kept}), ledger.received)
        for side in Side:
            self.assertEqual(len(self.seen[side]), len(set(self.seen[side])))
        self.assertLessEqual(set(self.seen[Side.CANDIDATE]), set(self.seen[Side.LEGACY]))
        for one in self.kept:
            number = re.findall(rb"/n(\d+)", one.request.target)[0]
            for outcome in (one.legacy, one.candidate):
                if isinstance(outcome, Answered):
                    self.assertEqual(outcome.response.body.rstrip(b"|"), number)

    async def test_everybody_hears_the_answers_to_what_they_asked(self) -> None:
        heard = await self.run_with(seed=7, faults=0.0)
        self.check(heard)
        self.assertGreater(sum(map(len, heard)), 20)
        self.assertEqual(self.proxy.ledger.legacy_failed, 0)

    async def test_a_service_that_fails_now_and_then_mixes_nothing_up(self) -> None:
        heard = await self.run_with(seed=8, faults=0.15)
        self.check(heard)
        self.assertGreater(self.proxy.ledger.legacy_failed, 0)


def one(number: int, random: Random) -> bytes:
    """Return a request of that number, in one of many shapes."""
    target = b"/n%d" % number
    body = bytes(random.randrange(256) for _ in range(random.choice([0, 3, 2_000])))
    chunks = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return random.choice(
        [
            b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target,
            b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (target, len(body), body),
            b"POST %b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\nT: x\r\n\r\n"
            % (target, chunks),
        ]
    )
