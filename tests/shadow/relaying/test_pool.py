"""One side over real sockets: every way to fail is a value, and nothing is sent twice."""

import gc
import socket
import time
import weakref
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from shadow.dualrun import Ended
from shadow.exchange import Failed, Failure
from shadow.relaying.link import Link
from shadow.relaying.pace import BROKEN, CALM, EARLY, ROW
from shadow.relaying.pool import Pool, PoolLimits, reachable
from shadow.relaying.raw import RawAnswer
from shadow.testing import raw_request

CLOCK: Any = reactor
REQUEST = raw_request(b"GET /track HTTP/1.1\r\nHost: x\r\n\r\n")
ONE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"


class Awaited:
    """A passage that ends a Deferred."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.told = self.begun = False
        self.ended: Deferred[Ended] = Deferred()

    def piece(self, data: bytes) -> None:
        """Drop it."""

    def answered(self, data: bytes, answer: RawAnswer) -> None:
        self.ended.callback(answer)

    def failed(self, failed: Failed) -> None:
        self.ended.callback(failed)

    def ready(self) -> None:
        """Nothing to do."""


class PoolTests(TestCase):
    """Against servers that do as they are told with whole requests."""

    timeout = 15

    def serve(self, react: Callable[[Protocol, int], None], **limits: Any) -> Pool:
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

        listening = CLOCK.listenTCP(0, Factory.forProtocol(Server), interface="127.0.0.1")
        self.addCleanup(maybeDeferred, listening.stopListening)
        return self.pool(listening.getHost().port, **limits)

    def pool(self, port: int, **limits: Any) -> Pool:
        pool = Pool(CLOCK, "127.0.0.1", port, PoolLimits(**{"answer": 5.0, **limits}))

        def close() -> "Deferred[None]":
            pool.close()
            return deferLater(CLOCK, 0.05)

        self.addCleanup(close)
        return pool

    async def send(self, pool: Pool, times: int = 1) -> list[Ended]:
        """Send requests one after the other."""
        ended = []
        for _ in range(times):
            passage = Awaited()
            pool.send(REQUEST, passage)
            ended.append(await passage.ended)
        return ended

    async def at_once(self, pool: Pool, times: int) -> list[Ended]:
        """Send requests at the same time."""
        passages = [Awaited() for _ in range(times)]
        for passage in passages:
            pool.send(REQUEST, passage)
        return [await passage.ended for passage in passages]

    async def failure(self, pool: Pool) -> Failure:
        (ended,) = await self.send(pool)
        assert isinstance(ended, Failed), ended
        return ended.kind

    def answered(self, ended: list[Ended]) -> int:
        return sum(isinstance(one, RawAnswer) for one in ended)

    async def test_a_connection_is_used_again(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE))
        self.assertEqual(self.answered(await self.send(pool, 5)), 5)
        self.assertEqual((self.connections, self.requests), (1, 5))

    async def test_the_connection_that_was_used_last_is_used_first(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE))
        await self.at_once(pool, 3)
        last = pool._idle[-1]
        await self.send(pool, 2)
        self.assertIs(pool._idle[-1], last)

    async def test_a_connection_that_ended_leaves_nothing_for_the_collector(self) -> None:
        garbage = b"certainly no HTTP\r\n\r\n"
        pool = self.serve(lambda server, number: write(server, garbage if number > 1 else ONE))
        await self.send(pool)
        link = weakref.ref(pool._idle[-1])
        wire = weakref.ref(pool._idle[-1]._wire)
        self.addCleanup(gc.enable)
        gc.disable()
        await self.send(pool)
        while link() in pool._all:
            await deferLater(CLOCK, 0.01)
        await deferLater(CLOCK, 0)
        self.assertEqual((link(), wire()), (None, None))

    async def test_where_connections_keep_breaking_few_are_opened_until_an_answer_is_whole(
        self,
    ) -> None:
        answers = [b"certainly no HTTP\r\n\r\n"] * (ROW + 5) + [ONE] * 1000
        pool = self.serve(lambda server, number: write(server, answers[number]), aside=True)
        await self.send(pool, ROW)
        began = time.monotonic()
        await self.send(pool, 4)
        # No timing of ours: none may come before its time.
        self.assertGreaterEqual(time.monotonic() - began, 2 * BROKEN)
        self.assertGreaterEqual(pool.pace._row, ROW)
        await self.send(pool, 2)
        self.assertEqual((pool.pace._row, pool._later), (0, None))

    async def test_what_a_copy_waits_for_its_connection_is_not_the_sides_time(self) -> None:
        pool = self.serve(lambda server, _: write(server, b"no HTTP\r\n\r\n"), aside=True)
        await self.send(pool, ROW)
        began = time.monotonic()
        ended = await self.at_once(pool, 30)
        kinds = {one.kind for one in ended if isinstance(one, Failed)}
        self.assertEqual(kinds, {Failure.MALFORMED})
        # The last one's connection cannot have been begun earlier, however slow this machine is.
        self.assertGreater(time.monotonic() - began - ended[-1].seconds, 20 * BROKEN)

    async def test_copies_get_their_connections_one_after_the_other(self) -> None:
        held: list[Any] = []
        pool = self.serve(lambda server, _: held.append(server), aside=True)
        sent = [Awaited() for _ in range(50)]
        began = time.monotonic()
        for passage in sent:
            pool.send(REQUEST, passage)
        while len(held) < len(sent):
            await deferLater(CLOCK, 0.001)
        # Some at once in the beginning; no timing of ours, none may come before its time.
        self.assertGreaterEqual(time.monotonic() - began, (len(sent) - 1) * CALM - EARLY)
        for server in held:
            write(server, ONE)
        self.assertEqual(self.answered([await one.ended for one in sent]), len(sent))

    async def test_a_closing_answer_ends_its_connection(self) -> None:
        closing = ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        pool = self.serve(lambda server, _: write(server, closing, close=True))
        self.assertEqual(self.answered(await self.send(pool, 3)), 3)
        self.assertEqual(self.connections, 3)

    async def test_many_at_once_keep_to_the_limit_of_connections(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE), connections=3)
        self.assertEqual(self.answered(await self.at_once(pool, 20)), 20)
        self.assertEqual(self.connections, 3)

    async def test_a_server_that_is_not_there_refuses(self) -> None:
        self.assertIs(await self.failure(self.pool(9)), Failure.REFUSED)

    async def test_a_server_that_never_answers_times_out(self) -> None:
        pool = self.serve(lambda *_: None, answer=0.3)
        self.assertIs(await self.failure(pool), Failure.TIMED_OUT)

    async def test_a_server_that_drips_times_out_where_nobody_hears_it(self) -> None:
        dripping: list[LoopingCall] = []

        def drip(server: Protocol, number: int) -> None:
            write(server, b"HTTP/1.1 200 OK\r\n\r\n")
            dripping.append(LoopingCall(write, server, b"x"))
            dripping[0].start(0.05)

        pool = self.serve(drip, answer=0.3, aside=True)
        self.assertIs(await self.failure(pool), Failure.TIMED_OUT)
        dripping[0].stop()

    async def test_a_server_that_hangs_up_resets_and_is_not_asked_twice(self) -> None:
        pool = self.serve(lambda server, _: write(server, b"", close=True))
        self.assertIs(await self.failure(pool), Failure.RESET)
        self.assertEqual(self.requests, 1)

    async def test_a_server_that_hangs_up_in_mid_answer_resets(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE[:-1], close=True))
        self.assertIs(await self.failure(pool), Failure.RESET)

    async def test_garbage_is_malformed(self) -> None:
        pool = self.serve(lambda server, _: write(server, b"\x16\x03\x01 hello\r\n\r\n"))
        self.assertIs(await self.failure(pool), Failure.MALFORMED)

    async def test_where_nobody_hears_it_an_answer_too_long_is_one_without_end(
        self,
    ) -> None:
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + b"x" * 500
        pool = self.serve(lambda server, _: write(server, long), kept=100, aside=True)
        self.assertIs(await self.failure(pool), Failure.TIMED_OUT)

    async def test_an_answer_that_comes_before_the_end_of_a_large_body_is_heard(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            pool = self.pool(listening.getsockname()[1])
            length = 20_000_000
            head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
            passage = Awaited()
            pool.send(raw_request(head + b"x" * length), passage)
            await deferLater(CLOCK, 0.1)
            # All of it before the loop turns again: it is writable, readable, and reset.
            with listening.accept()[0] as server:
                for _ in range(20):
                    server.recv(65536)
                server.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            ended = await passage.ended
        assert isinstance(ended, RawAnswer), ended
        self.assertEqual(ended.status, 413)

    async def test_a_connection_that_speaks_unasked_is_not_used_again(self) -> None:
        late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
        for more in (late, late[:20]):
            pool = self.serve(lambda server, _, more=more: write(server, ONE + more))  # type: ignore[misc]  # a default
            ended = await self.send(pool, 3)
            bodies = [one.outcome.response.body for one in ended if isinstance(one, RawAnswer)]
            self.assertEqual((bodies, self.connections), ([b"1"] * 3, 3))

    async def test_a_connection_on_which_something_lies_is_not_used(self) -> None:
        servers: list[Protocol] = []

        def answer(server: Protocol, number: int) -> None:
            servers.append(server)
            write(server, ONE)

        pool = self.serve(answer)
        await self.send(pool)
        await deferLater(CLOCK, 0.01)
        wire: Any = servers[0].transport
        wire.getHandle().send(ONE)  # the proxy's reactor has no turn before the next request
        ended = await self.send(pool)
        self.assertEqual((self.answered(ended), self.connections), (1, 2))

    async def test_a_connection_that_takes_no_byte_is_replaced_by_another(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE))
        await self.send(pool)
        wire: Any = pool._idle[0].transport
        wire.getHandle().shutdown(socket.SHUT_WR)
        pool._idle[0].since = time.monotonic() + 60  # so fresh that nobody looks at it
        ended = await self.send(pool)
        self.assertEqual((self.answered(ended), self.requests, self.connections), (1, 2, 2))

    async def test_who_waits_for_a_connection_in_vain_times_out(self) -> None:
        pool = self.serve(lambda *_: None, answer=0.3, connections=1)
        began = time.monotonic()
        ended = await self.at_once(pool, 10)
        kinds = {one.kind for one in ended if isinstance(one, Failed)}
        self.assertEqual((len(ended), kinds), (10, {Failure.TIMED_OUT}))
        self.assertLess(time.monotonic() - began, 2.0)  # one after another takes 3 s or more

    async def test_who_waits_behind_a_refused_connection_is_refused_too(self) -> None:
        ended = await self.at_once(self.pool(9, connections=1), 5)
        kinds = {one.kind for one in ended if isinstance(one, Failed)}
        self.assertEqual((len(ended), kinds), (5, {Failure.REFUSED}))

    async def test_closing_ends_what_is_under_way_and_what_waits(self) -> None:
        pool = self.serve(lambda *_: None, connections=1)
        passages = [Awaited(), Awaited()]
        for passage in passages:
            pool.send(REQUEST, passage)
        await deferLater(CLOCK, 0.1)
        pool.close()
        ended = [await one.ended for one in passages] + await self.send(pool)
        kinds = {one.kind for one in ended if isinstance(one, Failed)}
        self.assertEqual((len(ended), kinds), (3, {Failure.RESET, Failure.REFUSED}))

    async def test_an_idle_connection_is_closed_before_the_server_does_it(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE), idle=0.1)
        await self.send(pool)
        await deferLater(CLOCK, 0.6)
        self.assertEqual(len(pool._all), 0)
        self.assertEqual(self.answered(await self.send(pool)), 1)
        self.assertEqual(self.connections, 2)

    async def test_a_server_that_is_there_is_reachable(self) -> None:
        pool = self.serve(lambda server, _: write(server, ONE))
        self.assertEqual(await reachable(CLOCK, *pool._where, 2.0), "")
        self.assertIn("refused", await reachable(CLOCK, "127.0.0.1", 9, 2.0))
        await deferLater(CLOCK, 0.05)


def write(server: Protocol, data: bytes, close: bool = False) -> None:
    transport: Any = server.transport
    transport.write(data)
    if close:
        transport.loseConnection()
