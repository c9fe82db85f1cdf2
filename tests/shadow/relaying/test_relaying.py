"""Clients and sides on real sockets: every byte goes on as it came, and nothing is made up."""

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from shadow.breaker import Breaker, BreakerLimits
from shadow.exchange import Answered, Exchange, Failed, Failure, NotMirrored, Reason, Side
from shadow.lane import Lane, LaneLimits
from shadow.proxy import Proxy
from shadow.relaying.door import Door, DoorTimes
from shadow.relaying.framing import FramingLimits
from shadow.relaying.mirror import Mirror
from shadow.relaying.pool import Pool, PoolLimits
from shadow.routing import MIRRORED, Route, Seen
from shadow.testing import FakeUpstream, RawClient, answering, hanging

CLOCK: Any = reactor
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
FORWARDED = b"X-Forwarded-For: 127.0.0.1\r\n\r\n"
ONE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
END = b"\r\n\r\n"
KEPT = 4096
MEGA = 1024 * 1024


def onward(request: bytes) -> bytes:
    """Return *request* as a side gets it."""
    return request.replace(b"\r\n\r\n", b"\r\n" + FORWARDED, 1)


def reached(count: Callable[[], int], number: int) -> bool:
    return count() >= number


class Everything:
    """A router that copies everything."""

    def route(self, request: Seen) -> Route:
        return MIRRORED


class RelayingTests(TestCase):
    """With two servers that do as they are told."""

    timeout = 20

    def begin(
        self,
        legacy: Callable[[Any, bytes], None],
        candidate: Callable[[Any, bytes], None] | None = None,
        times: DoorTimes | None = None,
        **limits: Any,
    ) -> None:
        """Start a proxy before servers that behave so."""
        self.legacy, self.candidate = (
            FakeUpstream(one) for one in (legacy, candidate or answering(ONE))
        )
        self.kept: list[Exchange] = []
        bounds = PoolLimits(**{"answer": 5.0, "kept": KEPT, **limits})
        self.pool = self.pool_before(self.legacy, bounds)
        other = self.pool_before(self.candidate, PoolLimits(aside=True, kept=KEPT))
        breaker = Breaker(BreakerLimits(), lambda: 1.0)
        copies: dict[Side, Mirror | None] = {
            Side.CANDIDATE: Mirror(CLOCK, other, Lane(LaneLimits()), breaker)
        }
        owners = {Side.LEGACY: self.pool}
        self.proxy = Proxy(CLOCK, owners, copies, Everything(), [self.kept.append])
        framing = FramingLimits(kept=MEGA, together=2 * MEGA)
        self.door = Door(self.proxy.ask, self.proxy.refused, CLOCK, framing, times, 5)
        self.port = self.listen(self.door)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.door.drain(0.1)))

    def pool_before(self, server: FakeUpstream, limits: PoolLimits) -> Pool:
        pool = Pool(CLOCK, "127.0.0.1", self.listen(server), limits)

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

    async def client(self) -> Any:
        endpoint = TCP4ClientEndpoint(CLOCK, "127.0.0.1", self.port)
        client: Any = await connectProtocol(endpoint, RawClient())
        self.addCleanup(lambda: client.transport.abortConnection())
        self.addCleanup(deferLater, CLOCK, 0.01)
        return client

    async def ask(self, data: bytes, until: bytes = b"1") -> bytes:
        client = await self.client()
        client.say(data)
        heard: bytes = await client.hear(until)
        return heard

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(CLOCK, 0.005)

    async def settled(self, requests: int) -> None:
        """Wait until so many exchanges are over, and the ledger closes."""
        await self.until(lambda: len(self.kept) == requests)
        ledger = self.proxy.ledger
        self.assertEqual((ledger.received, ledger.remainder, ledger.pending), (requests, 0, 0))

    async def test_a_client_that_left_leaves_nothing_for_the_collector(self) -> None:
        self.begin(answering(ONE))
        self.addCleanup(gc.enable)
        gc.disable()
        client = await self.client()
        client.say(b"GET / HTTP/1.1\r\n\r\n")
        await client.hear(b"1")
        await self.settled(1)
        visitor = weakref.ref(next(iter(self.door.connections)))
        client.transport.abortConnection()
        await self.until(lambda: not self.door.connections)
        await deferLater(CLOCK, 0)
        self.assertIsNone(visitor())

    # What came goes on.

    async def test_both_sides_get_the_bytes_that_came_and_the_address(self) -> None:
        self.begin(answering(ONE))
        requests = [
            b"PATCH-it /\xff?\xc3\xa9=%zz HTTP/1.1\r\nhOST:x\r\nX-A: \xe4 \r\nX-a:\t2\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nTE: trailers\r\n\r\n"
            b"3;a=b\r\nabc\r\n00e\r\n0123456789abcd\r\n0\r\nX-T: 1\r\n\r\n",
            b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n"
            b"content-length: 3\r\n\r\na\0c",
            b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n",
        ]
        for number, request in enumerate(requests, 1):
            await self.ask(request)
            await self.settled(number)
        wanted = [onward(one) for one in requests[:3]] + requests[3:]
        self.assertEqual(self.legacy.received, wanted)
        self.assertEqual(self.candidate.received, wanted)
        self.assertEqual(self.kept[1].request.body, b"abc0123456789abcd")

    async def test_the_answer_is_what_legacy_said_byte_for_byte(self) -> None:
        answers = [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1;a\r\nx\r\n02\r\nyz\r\n0\r\nT: 1\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
            b"HTTP/1.1 200 \xe4\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 204\r\nx-Y:z\r\nKeep-Alive: 3\r\n\r\n",
            b"HTTP/1.1 500 Oh\r\nCONTENT-length: 1\r\nConnection: keep-alive\r\n\r\n!",
        ]
        self.begin(lambda transport, _: transport.write(answers[len(self.legacy.received) - 1]))
        client = await self.client()
        for number in range(1, 5):
            client.say(GET)
            heard = b"".join(answers[:number])
            self.assertEqual(await client.hear(heard), heard)
        await self.settled(4)
        self.assertEqual(self.legacy.connections, 1)

    async def test_an_answer_to_head_leaves_the_connection_open(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
        self.begin(answering(head))
        client = await self.client()
        for number in (1, 2):
            client.say(GET.replace(b"GET", b"HEAD"))
            self.assertEqual(await client.hear(head * number), head * number)
        self.assertEqual(self.legacy.connections, 1)

    async def test_an_answer_that_ends_by_closing_ends_so_for_the_client(self) -> None:
        answer = b"HTTP/1.0 200 OK\r\n\r\nuntil here"

        def close(transport: Any, data: bytes) -> None:
            transport.write(answer)
            transport.loseConnection()

        self.begin(close)
        self.assertEqual(await self.ask(GET, until=b"never"), answer)
        await self.settled(1)
        assert isinstance(self.kept[0].legacy, Answered)
        self.assertEqual(self.kept[0].legacy.response.body, b"until here")

    async def test_the_client_decides_whether_its_connection_stays(self) -> None:
        self.begin(answering(ONE))
        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        self.assertEqual(await self.ask(closing, until=b"never"), ONE)
        old = GET.replace(b"HTTP/1.1", b"HTTP/1.0")
        self.assertEqual(await self.ask(old, until=b"never"), ONE)

    async def test_a_connection_that_carried_a_closing_request_is_not_used_again(self) -> None:
        # MochiWeb closes then, and does not say so.
        self.begin(answering(ONE))
        closing = GET.replace(END, b"\r\nConnection: close" + END)
        old = GET.replace(b"HTTP/1.1", b"HTTP/1.0")
        for number, request in enumerate((closing, old, GET, GET), 1):
            await self.ask(request)
            await self.settled(number)
        self.assertEqual((self.legacy.connections, self.candidate.connections), (3, 3))

    async def test_a_connection_on_which_a_body_may_lie_unread_is_not_used_again(self) -> None:
        refusal = b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n1"
        self.begin(lambda transport, data: transport.write(refusal if b"/no" in data else ONE))
        lines = b" HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
        for number, start in enumerate((b"GET /", b"POST /no", b"FOO /", b"POST /", b"GET /"), 1):
            await self.ask(start + lines)
            await self.settled(number)
        self.assertEqual(self.legacy.connections, 4)

    async def test_an_answer_that_closes_closes_the_clients_connection(self) -> None:
        closing = ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        self.begin(answering(closing))
        self.assertEqual(await self.ask(GET, until=b"never"), closing)

    async def test_pipelined_requests_go_on_one_after_the_other(self) -> None:
        waiting: list[Any] = []
        self.begin(lambda transport, _: waiting.append(transport))
        client = await self.client()
        client.say(GET + GET.replace(b"/a", b"/b") + b"\r\n" + GET.replace(b"/a", b"/c"))
        for number in (1, 2, 3):
            await self.until(partial(reached, waiting.__len__, number))
            await deferLater(CLOCK, 0.02)
            self.assertEqual(len(self.legacy.received), number)
            waiting[-1].write(ONE)
        self.assertEqual(await client.hear(ONE * 3), ONE * 3)
        self.assertEqual([one.split()[1] for one in self.legacy.received], [b"/a", b"/b", b"/c"])
        await self.settled(3)

    async def test_a_client_that_half_closes_gets_its_answer(self) -> None:
        self.begin(lambda transport, _: CLOCK.callLater(0.05, transport.write, ONE))
        client = await self.client()
        client.say(GET + GET)
        client.transport.loseWriteConnection()
        self.assertEqual(await client.hear(b"never"), ONE * 2)
        await self.settled(2)

    async def test_a_client_that_half_closes_and_fetches_slowly_gets_all_its_answers(self) -> None:
        size = 60_000
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size
        self.begin(answering(answer))
        client = await self.client()
        client.transport.pauseProducing()
        await self.until(lambda: bool(self.door.connections))
        (visitor,) = self.door.connections
        asked = 0
        while not visitor._outlet.full:
            client.say(GET)
            asked += 1
            await deferLater(CLOCK, 0.001)
        client.say(GET * 3)
        client.transport.loseWriteConnection()
        await self.until(lambda: visitor._read_closed)
        client.transport.resumeProducing()
        await self.until(lambda: client.closed)
        self.assertEqual(len(client.heard), len(answer) * (asked + 3))

    # 100 Continue.

    async def test_a_client_that_waits_is_told_once_to_go_on(self) -> None:
        self.begin(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + ONE))
        head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        client = await self.client()
        client.say(head)
        told = b"HTTP/1.1 100 Continue\r\n\r\n"
        self.assertEqual(await client.hear(told), told)
        client.say(b"abc")
        self.assertEqual(await client.hear(ONE), told + ONE)
        await self.settled(1)
        self.assertEqual(self.legacy.received, [onward(head + b"abc")])
        self.assertEqual(self.candidate.received, self.legacy.received)

    async def test_a_client_that_does_not_wait_hears_what_legacy_says(self) -> None:
        answer = b"HTTP/1.1 100 Continue\r\n\r\n" + ONE
        self.begin(answering(answer))
        head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        self.assertEqual(await self.ask(head + b"abc"), answer)

    # What is no request.

    async def test_what_is_no_request_is_refused_and_reaches_nobody(self) -> None:
        self.begin(answering(ONE))
        smuggling = (
            b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n" + GET
        )
        self.assertEqual(await self.ask(smuggling, until=b"never"), REFUSAL)
        self.assertEqual((self.legacy.received, self.proxy.ledger.malformed), ([], 1))

    async def test_requests_before_one_that_is_none_are_answered(self) -> None:
        self.begin(answering(ONE))
        self.assertEqual(await self.ask(GET + b"nonsense\r\n\r\n", b"never"), ONE + REFUSAL)
        await self.settled(1)

    # Large bodies.

    async def test_a_client_with_a_large_body_hears_legacys_word_to_go_on(self) -> None:
        told = b"HTTP/1.1 100 Continue\r\n\r\n"
        self.begin(answering(told))
        head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        client = await self.client()
        client.say(head % (2 * MEGA))
        self.assertEqual(await client.hear(told), told)
        self.assertEqual(self.legacy.received, [onward(head % (2 * MEGA))])

    async def test_what_all_clients_together_may_leave_here_is_bounded(self) -> None:
        self.begin(hanging)
        head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MEGA - 100)
        clients = [await self.client() for _ in range(4)]
        for client in clients:
            client.say(head + b"x" * (900 * 1024))
        await self.until(lambda: sum(map(len, self.legacy.received)) > 900 * 1024)
        await deferLater(CLOCK, 0.1)
        self.assertLessEqual(self.door.held, 2 * MEGA)
        self.assertGreater(self.door.held, MEGA)
        for client in clients:
            client.transport.abortConnection()
        await self.until(lambda: not self.door.connections)
        self.assertEqual(self.door.held, 0)

    async def test_a_large_body_is_passed_on_and_not_copied(self) -> None:
        got: list[bytes] = []
        body = bytes(range(256)) * 16 * 1024
        request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body

        def whole(transport: Any, data: bytes) -> None:
            got.append(data)
            if sum(map(len, got)) == len(onward(request)):
                transport.write(ONE)

        self.begin(whole)
        client = await self.client()
        client.say(request + GET)
        await self.until(lambda: client.heard.startswith(ONE))
        self.assertEqual(b"".join(got[: len(got)])[: len(onward(request))], onward(request))
        await self.until(lambda: len(self.kept) == 1)
        self.assertEqual(self.kept[0].candidate, NotMirrored(Reason.TOO_LARGE))
        self.assertEqual(self.kept[0].request.body, b"")
        self.assertEqual(self.candidate.received, [])

    async def test_a_side_that_does_not_read_makes_the_client_wait(self) -> None:
        def stop(transport: Any, data: bytes) -> None:
            transport.pauseProducing()
            self.addCleanup(transport.abortConnection)

        self.begin(stop, answer=15.0)
        client = await self.client()
        client.say(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (24 * MEGA))
        client.say(b"x" * (24 * MEGA))
        await self.until(lambda: bool(self.door.connections))
        (visitor,) = self.door.connections
        await self.until(lambda: visitor._paused)
        (link,) = self.pool._all
        wire: Any = link.transport
        self.assertLess(len(wire.dataBuffer) + wire._tempDataLen, MEGA)
        self.assertEqual(len(self.legacy.received), 1)

    async def test_a_client_that_leaves_within_its_request_leaves_nothing_behind(self) -> None:
        self.begin(hanging)
        client = await self.client()
        client.say(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (4 * MEGA))
        client.say(b"x" * 2 * MEGA)
        await self.until(lambda: sum(map(len, self.legacy.received)) > MEGA)
        client.transport.abortConnection()
        await self.until(lambda: not self.pool._all)
        self.assertEqual((self.proxy.ledger.received, self.kept), (0, []))

    async def test_an_answer_before_the_end_of_a_large_request_ends_both_connections(self) -> None:
        refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
        self.begin(answering(refusal))
        client = await self.client()
        client.say(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (4 * MEGA) + b"x" * 99)
        self.assertEqual(await client.hear(b"never"), refusal)
        await self.settled(1)
        await self.until(lambda: not self.pool._all)

    # Large answers.

    async def test_a_large_answer_comes_as_fast_as_the_client_fetches_it(self) -> None:
        size = 24 * MEGA
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

        def long(transport: Any, data: bytes) -> None:
            transport.write(head + b"z" * size)

        self.begin(long)
        client = await self.client()
        client.say(GET)
        await client.hear(b"")
        client.transport.pauseProducing()
        await self.until(lambda: any(link._held_up for link in self.pool._all))
        (visitor,) = self.door.connections
        wire: Any = visitor.transport
        self.assertLess(len(wire.dataBuffer) + wire._tempDataLen, MEGA)
        client.transport.resumeProducing()
        await self.until(lambda: len(client.heard) == len(head) + size)
        self.assertEqual(self.kept[0].candidate, NotMirrored(Reason.TOO_LARGE))
        assert isinstance(self.kept[0].legacy, Answered)
        self.assertLess(len(self.kept[0].legacy.response.body), KEPT)

    async def test_the_exchange_of_a_client_that_left_is_recorded(self) -> None:
        self.begin(lambda transport, _: CLOCK.callLater(0.1, transport.write, ONE))
        client = await self.client()
        client.say(GET)
        await self.until(lambda: bool(self.legacy.received))
        client.transport.abortConnection()
        await self.settled(1)
        self.assertEqual(self.proxy.ledger.candidate_answered, 1)

    async def test_a_client_that_only_asks_is_not_read_for_ever(self) -> None:
        size = 60_000
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size
        self.begin(answering(answer))
        client = await self.client()
        client.transport.pauseProducing()
        await self.until(lambda: bool(self.door.connections))
        (visitor,) = self.door.connections
        while not visitor._outlet.full:
            client.say(GET)
            await deferLater(CLOCK, 0.001)
        asked = len(self.legacy.received)
        for _ in range(50):
            client.say(GET)
            await deferLater(CLOCK, 0.001)
        self.assertLess(len(self.legacy.received), asked + 5)
        client.say(GET * 10_000)
        await self.until(lambda: visitor._paused)
        wire: Any = visitor.transport
        self.assertLess(len(wire.dataBuffer) + wire._tempDataLen, 10 * size)

    async def test_a_large_request_whose_client_left_while_it_waited_is_forgotten(self) -> None:
        self.begin(hanging, connections=1)
        busy, large = await self.client(), await self.client()
        busy.say(GET)
        await self.until(lambda: len(self.legacy.received) == 1)
        large.say(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\nx" % (2 * MEGA))
        await self.until(lambda: self.pool.in_flight == 2)
        large.transport.abortConnection()
        await self.until(lambda: len(self.door.connections) == 1)
        busy.transport.abortConnection()
        (link,) = self.pool._all
        link.fail(Failure.RESET, "for this test")
        await self.until(lambda: not self.pool._all and not self.pool.in_flight)
        await self.settled(1)

    # A legacy that fails.

    async def test_an_answer_that_breaks_off_is_cut_and_not_ended(self) -> None:
        for begin in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ):

            def breaking(transport: Any, data: bytes, begin: bytes = begin) -> None:
                transport.write(begin)
                CLOCK.callLater(0.05, transport.loseConnection)

            self.begin(breaking)
            self.assertEqual(await self.ask(GET, until=b"never"), begin)
            await self.settled(1)
            self.assertIsInstance(self.kept[0].legacy, Failed)

    async def test_an_answer_that_turns_into_nonsense_is_cut(self) -> None:
        begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

        def nonsense(transport: Any, data: bytes) -> None:
            transport.write(begin)
            CLOCK.callLater(0.05, transport.write, b"xyz\r\n")

        self.begin(nonsense)
        self.assertEqual(await self.ask(GET, until=b"never"), begin)
        await self.settled(1)
        self.assertEqual(self.proxy.ledger.legacy_malformed, 1)

    async def test_after_an_answer_for_legacy_the_connection_stays(self) -> None:
        self.begin(lambda transport, _: transport.abortConnection())
        client = await self.client()
        for number in (1, 2):
            client.say(GET)
            await self.until(partial(reached, lambda: client.heard.count(END), number))
        self.assertTrue(client.heard.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))
        await self.settled(2)

    async def test_a_request_is_not_sent_again_when_its_connection_dies(self) -> None:
        def once(transport: Any, data: bytes) -> None:
            if len(self.legacy.received) == 1:
                transport.write(ONE)
            else:
                transport.loseConnection()

        self.begin(once)
        await self.ask(GET)
        heard = await self.ask(GET, until=b"\r\n\r\n")
        self.assertTrue(heard.startswith(b"HTTP/1.1 502 "))
        self.assertEqual(len(self.legacy.received), 2)

    async def test_a_kept_connection_that_legacy_closed_is_not_used(self) -> None:
        closing: list[Any] = []

        def answer(transport: Any, data: bytes) -> None:
            closing.append(transport)
            transport.write(ONE)

        self.begin(answer)
        client = await self.client()
        client.say(GET)
        await client.hear(ONE)
        await deferLater(CLOCK, 0.01)
        # Closed where the proxy's reactor cannot have noticed when the next request is there.
        (visitor,) = self.door.connections
        (link,) = self.pool._all
        closing[0].getHandle().shutdown(2)
        visitor.dataReceived(GET)
        self.assertTrue(link.lost)
        self.assertEqual(await client.hear(ONE * 2), ONE * 2)
        self.assertEqual(self.legacy.connections, 2)
        await self.settled(2)

    # Limits of clients.

    async def test_a_head_that_never_ends_is_given_up(self) -> None:
        self.begin(answering(ONE), times=DoorTimes(head=3))
        client = await self.client()
        client.say(b"GET / HTTP/1.1\r\nX:")
        await self.until(lambda: bool(self.door.connections))
        for _ in range(4):
            client.say(b"y")
            await deferLater(CLOCK, 0.02)
            self.door.sweep()
        heard = await client.hear(b"never")
        self.assertTrue(heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n"))
        self.assertEqual(self.door.timed_out, 1)

    async def test_a_client_that_says_nothing_is_cut(self) -> None:
        self.begin(answering(ONE), times=DoorTimes(idle=3))
        client = await self.client()
        client.say(GET)
        await client.hear(ONE)
        for _ in range(3):
            self.door.sweep()
        self.assertEqual(await client.hear(b"never"), ONE)

    async def test_a_client_that_waits_for_its_answer_is_not_cut(self) -> None:
        self.begin(hanging, times=DoorTimes(idle=1, head=1, request=1))
        client = await self.client()
        client.say(GET)
        await self.until(lambda: bool(self.legacy.received))
        for _ in range(10):
            self.door.sweep()
        await deferLater(CLOCK, 0.05)
        self.assertFalse(client.closed)

    async def test_who_comes_when_there_are_too_many_is_turned_away(self) -> None:
        self.begin(answering(ONE))
        clients = [await self.client() for _ in range(5)]
        await self.until(lambda: len(self.door.connections) == 5)
        one_more = await self.client()
        self.assertEqual(await one_more.hear(b"never"), b"")
        self.assertEqual(self.door.turned_away, 1)
        clients[0].say(GET)
        self.assertEqual(await clients[0].hear(ONE), ONE)

    async def test_a_client_that_sends_ahead_is_read_only_so_far(self) -> None:
        self.begin(hanging)
        client = await self.client()
        client.say(GET)
        await self.until(lambda: bool(self.legacy.received))
        client.say(GET * (MEGA // 10))
        (visitor,) = self.door.connections
        await self.until(lambda: visitor._paused)
        self.assertLess(visitor._framer.held, 256 * 1024)

    async def test_at_the_end_what_came_is_answered(self) -> None:
        waiting: list[Any] = []
        self.begin(lambda transport, _: waiting.append(transport))
        busy, idle = await self.client(), await self.client()
        busy.say(GET)
        await self.until(lambda: bool(waiting))
        draining = Deferred.fromCoroutine(self.door.drain(5.0))
        self.assertEqual(await idle.hear(b"never"), b"")
        waiting[0].write(ONE)
        closing = ONE.replace(END, b"\r\nConnection: close" + END)
        self.assertEqual(await busy.hear(b"never"), closing)
        self.assertEqual(await draining, 0)
        await self.settled(1)

    # The copy.

    async def test_an_answer_of_the_candidates_that_is_too_long_is_a_failure(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * KEPT * 2
        self.begin(answering(ONE), answering(endless))
        self.assertEqual(await self.ask(GET), ONE)
        await self.settled(1)
        self.assertIsInstance(self.kept[0].candidate, Failed)

    async def test_a_candidate_that_answers_twice_answers_once(self) -> None:
        self.begin(answering(ONE), answering(ONE + ONE))
        for number in (1, 2, 3):
            self.assertEqual(await self.ask(GET), ONE)
            await self.settled(number)
        self.assertEqual(self.proxy.ledger.candidate_answered, 3)
        self.assertEqual(self.candidate.connections, 3)
