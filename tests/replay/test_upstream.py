"""One side over real sockets: every way to fail is a value, and nothing is sent twice."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.message import Request
from replay.upstream import Upstream, UpstreamLimits
from shadow.exchange import Answered, Failed, Failure, Outcome

REQUEST = Request(b"GET", b"/track", ((b"Host", b"x"),))
ONE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"


class UpstreamTests(TestCase):
    """Against servers that do as they are told with whole requests."""

    def serve(self, react: Callable[[Protocol, int], None], **limits: Any) -> Upstream:
        """Listen with a server that calls *react* for each request, with its number."""
        test = self
        self.requests = self.connections = 0

        class Server(Protocol):
            def connectionMade(self) -> None:
                test.connections += 1

            def dataReceived(self, data: bytes) -> None:
                for _ in range(data.count(b"\r\n\r\n")):
                    test.requests += 1
                    react(self, test.requests)

        clock: Any = reactor
        listening = clock.listenTCP(0, Factory.forProtocol(Server), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        bounds = UpstreamLimits(**{"answer": 5.0, **limits})
        upstream = Upstream(clock, "127.0.0.1", listening.getHost().port, bounds)
        self.addCleanup(self.closed, upstream)
        return upstream

    def closed(self, upstream: Upstream) -> "Deferred[None]":
        upstream.close()
        return deferLater(reactor, 0.05)

    def send(self, upstream: Upstream, times: int = 1) -> "Deferred[list[Outcome]]":
        async def one_by_one() -> list[Outcome]:
            return [await upstream.send(REQUEST) for _ in range(times)]

        return Deferred.fromCoroutine(one_by_one())

    async def failure(self, upstream: Upstream) -> Failure:
        (outcome,) = await self.send(upstream)
        assert isinstance(outcome, Failed), outcome
        return outcome.kind

    async def test_a_connection_is_used_again(self) -> None:
        upstream = self.serve(lambda server, _: write(server, ONE))
        outcomes = await self.send(upstream, 5)
        self.assertTrue(all(isinstance(one, Answered) for one in outcomes))
        self.assertEqual((self.connections, self.requests), (1, 5))

    async def test_a_closing_answer_ends_its_connection(self) -> None:
        closing = ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        upstream = self.serve(lambda server, _: write(server, closing, close=True))
        outcomes = await self.send(upstream, 3)
        self.assertTrue(all(isinstance(one, Answered) for one in outcomes))
        self.assertEqual(self.connections, 3)

    async def test_many_at_once_keep_to_the_limit_of_connections(self) -> None:
        upstream = self.serve(lambda server, _: write(server, ONE), connections=3)
        sends = [Deferred.fromCoroutine(upstream.send(REQUEST)) for _ in range(20)]
        outcomes = await gatherResults(sends)
        self.assertTrue(all(isinstance(one, Answered) for one in outcomes))
        self.assertLessEqual(self.connections, 3)

    async def test_a_server_that_is_not_there_refuses(self) -> None:
        clock: Any = reactor
        upstream = Upstream(clock, "127.0.0.1", 9)
        self.addCleanup(self.closed, upstream)
        self.assertIs(await self.failure(upstream), Failure.REFUSED)

    async def test_a_server_that_never_answers_times_out(self) -> None:
        upstream = self.serve(lambda *_: None, answer=0.3)
        self.assertIs(await self.failure(upstream), Failure.TIMED_OUT)

    async def test_a_server_that_hangs_up_resets_and_is_not_asked_twice(self) -> None:
        upstream = self.serve(lambda server, _: write(server, b"", close=True))
        self.assertIs(await self.failure(upstream), Failure.RESET)
        self.assertEqual(self.requests, 1)

    async def test_a_server_that_hangs_up_in_mid_answer_resets(self) -> None:
        upstream = self.serve(lambda server, _: write(server, ONE[:-1], close=True))
        self.assertIs(await self.failure(upstream), Failure.RESET)

    async def test_garbage_is_malformed(self) -> None:
        upstream = self.serve(lambda server, _: write(server, b"\x16\x03\x01 hello\r\n\r\n"))
        self.assertIs(await self.failure(upstream), Failure.MALFORMED)

    async def test_a_connection_that_speaks_unasked_is_not_used_again(self) -> None:
        late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
        upstream = self.serve(lambda server, _: write(server, ONE + late))
        outcomes = await self.send(upstream, 2)
        self.assertTrue(all(isinstance(one, Answered) for one in outcomes))

    async def test_who_waits_for_a_connection_in_vain_times_out(self) -> None:
        upstream = self.serve(lambda *_: None, answer=0.3, connections=1)
        began = time.monotonic()
        sends = [Deferred.fromCoroutine(upstream.send(REQUEST)) for _ in range(10)]
        outcomes = await gatherResults(sends)
        kinds = {one.kind for one in outcomes if isinstance(one, Failed)}
        self.assertEqual((len(outcomes), kinds), (10, {Failure.TIMED_OUT}))
        self.assertLess(time.monotonic() - began, 2.0)  # one after another takes 3 s or more

    async def test_who_waits_behind_a_refused_connection_is_refused_too(self) -> None:
        clock: Any = reactor
        upstream = Upstream(clock, "127.0.0.1", 9, UpstreamLimits(connections=1))
        self.addCleanup(self.closed, upstream)
        sends = [Deferred.fromCoroutine(upstream.send(REQUEST)) for _ in range(5)]
        outcomes = await gatherResults(sends)
        kinds = {one.kind for one in outcomes if isinstance(one, Failed)}
        self.assertEqual((len(outcomes), kinds), (5, {Failure.REFUSED}))

    async def test_closing_ends_what_is_under_way_and_what_waits(self) -> None:
        upstream = self.serve(lambda *_: None, connections=1)
        sends = [Deferred.fromCoroutine(upstream.send(REQUEST)) for _ in range(2)]
        await deferLater(reactor, 0.1)
        upstream.close()
        outcomes = await gatherResults([*sends, Deferred.fromCoroutine(upstream.send(REQUEST))])
        kinds = [one.kind for one in outcomes if isinstance(one, Failed)]
        self.assertEqual(kinds, [Failure.RESET, Failure.REFUSED, Failure.REFUSED])

    async def test_an_idle_connection_is_closed_before_the_server_does_it(self) -> None:
        upstream = self.serve(lambda server, _: write(server, ONE), idle=0.1)
        await self.send(upstream)
        await deferLater(reactor, 0.6)
        self.assertEqual(len(upstream._all), 0)
        (outcome,) = await self.send(upstream)
        self.assertIsInstance(outcome, Answered)
        self.assertEqual(self.connections, 2)

    async def test_half_of_an_unasked_answer_is_not_taken_for_the_next(self) -> None:
        zero = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0"
        upstream = self.serve(lambda server, _: write(server, ONE + zero[:20]))
        outcomes = await self.send(upstream, 3)
        bodies = [one.response.body for one in outcomes if isinstance(one, Answered)]
        self.assertEqual((bodies, self.connections), ([b"1"] * 3, 3))

    async def test_checking_finds_a_server_or_says_why_not(self) -> None:
        upstream = self.serve(lambda server, _: write(server, ONE))
        self.assertEqual(await upstream.check(), "")
        clock: Any = reactor
        dead = Upstream(clock, "127.0.0.1", 9)
        self.addCleanup(self.closed, dead)
        self.assertIn("refused", await dead.check())


def write(server: Protocol, data: bytes, close: bool = False) -> None:
    transport: Any = server.transport
    transport.write(data)
    if close:
        transport.loseConnection()
