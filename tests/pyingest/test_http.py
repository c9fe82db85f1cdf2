"""The HTTP protocol, over transports in memory."""

from collections.abc import Callable

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pyingest.connection import PIPELINED, HttpProtocol
from pyingest.http import HttpFactory, Reply
from pyingest.later import MORE, Answer, Later
from pyingest.message import Request, Response
from pyingest.turn import announced
from pyingest.wire.requestreader import Limits

OK = Response(200, headers=((b"Content-Length", b"1"),), body=b"1").encode()
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"


@implementer(ITCPTransport)
class TcpTransport(StringTransport):
    """A transport in memory with the TCP extras."""

    half_closed = False
    no_delay = False

    written: int = 0

    def write(self, data: bytes) -> None:
        self.written += 1
        super().write(data)

    def getTcpNoDelay(self) -> bool:
        return self.no_delay

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborting = True
        self.loseConnection()


class Handler:
    """Answers when told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, str]] = []
        self.waiting: list[Deferred[Reply]] = []
        self.prompt = False

    async def answer(self, request: Request, peer: str) -> Reply:
        self.asked.append((request, peer))
        if self.prompt:
            return Reply(self.named(request))
        waiting: Deferred[Reply] = Deferred()
        self.waiting.append(waiting)
        return await waiting

    @staticmethod
    def named(request: Request) -> bytes:
        body = request.target
        return Response(200, headers=((b"Content-Length", b"%d" % len(body)),), body=body).encode()

    def say(self, index: int, reply: Reply | None = None) -> None:
        self.waiting[index].callback(reply or Reply(self.named(self.asked[index][0])))


class HttpTests(SynchronousTestCase):
    @pytest.fixture(autouse=True)
    def remember(self, logged_failures: list[LogEvent]) -> None:
        self.logged = logged_failures

    def setUp(self) -> None:
        self.clock = Clock()
        self.handler = Handler()
        self.factory = HttpFactory(self.handler.answer, self.clock, Limits(body=100))
        self.factory.doStart()
        self.protocol, self.transport = self.connect()

    def tearDown(self) -> None:
        for connection in list(self.factory.connections):
            self.lose(connection)
        self.factory.doStop()
        assert self.clock.getDelayedCalls() == []

    def connect(self) -> tuple[HttpProtocol, TcpTransport]:
        address = IPv4Address("TCP", "9.9.9.9", 1234)
        transport = TcpTransport(peerAddress=address)
        protocol = self.factory.buildProtocol(address)
        protocol.makeConnection(transport)
        return protocol, transport

    def lose(self, protocol: HttpProtocol) -> None:
        protocol.connectionLost()

    def sent(self) -> bytes:
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def ask(self, *names: bytes) -> None:
        self.protocol.dataReceived(b"".join(GET.replace(b"/ ", b"/%b " % name) for name in names))

    def prompt(self) -> None:
        self.handler.prompt = True

    def hold_up(self) -> None:
        """Tell the protocol that its answers are not fetched, as a transport does."""
        assert self.transport.producer is not None
        self.transport.producer.pauseProducing()

    def let_go(self) -> None:
        assert self.transport.producer is not None
        self.transport.producer.resumeProducing()

    def seconds(self, number: int) -> None:
        for _ in range(number):
            self.clock.advance(1)

    def test_a_request_is_handled_and_answered(self) -> None:
        self.ask(b"a")
        assert self.handler.asked[0][1] == "9.9.9.9"
        assert self.handler.asked[0][0].target == b"/a"
        assert self.sent() == b""
        self.handler.say(0, Reply(OK))
        assert self.sent() == OK
        assert self.transport.no_delay
        assert not self.transport.disconnecting

    def test_answers_leave_in_the_order_of_requests(self) -> None:
        self.ask(b"a", b"b", b"c")
        self.handler.say(2)
        self.handler.say(1)
        assert self.sent() == b""
        self.handler.say(0)
        bodies = self.sent().split(b"\r\n\r\n")[1:]
        assert [body[:2] for body in bodies] == [b"/a", b"/b", b"/c"]

    def test_prompt_answers_to_one_read_leave_in_one_write(self) -> None:
        self.prompt()
        self.ask(b"a", b"b", b"c")
        assert self.transport.written == 1
        assert self.sent().count(b"HTTP/1.1 200") == 3

    def test_only_so_many_pipelined_requests_are_at_work(self) -> None:
        self.ask(*[b"x"] * (PIPELINED + 3))
        assert len(self.handler.asked) == PIPELINED
        assert self.transport.producerState == "paused"
        self.handler.say(1)
        assert len(self.handler.asked) == PIPELINED
        self.handler.say(0)
        assert len(self.handler.asked) == PIPELINED + 2
        self.handler.say(2)
        assert len(self.handler.asked) == PIPELINED + 3
        assert self.transport.producerState == "producing"

    def test_a_thousand_pipelined_requests_are_all_answered(self) -> None:
        self.prompt()
        self.ask(*[b"x"] * 1000)
        assert self.sent().count(b"HTTP/1.1 200") == 1000
        assert self.transport.producerState == "producing"

    def test_a_client_that_does_not_read_is_not_read(self) -> None:
        self.prompt()
        self.hold_up()
        assert self.transport.producerState == "paused"
        self.ask(b"a")
        assert self.handler.asked == []
        self.let_go()
        assert self.sent().count(b"HTTP/1.1 200") == 1
        assert self.transport.producerState == "producing"

    def test_connection_close_is_honoured_and_said(self) -> None:
        self.prompt()
        self.protocol.dataReceived(GET.replace(b"Host: h", b"Connection: close") + GET)
        data = self.sent()
        assert data.count(b"HTTP/1.1 200") == 1
        assert b"\r\nConnection: close\r\n\r\n" in data
        assert self.transport.disconnecting

    def test_a_client_of_1_0_is_closed_unless_it_asks(self) -> None:
        self.prompt()
        old = GET.replace(b"HTTP/1.1", b"HTTP/1.0")
        self.protocol.dataReceived(old.replace(b"Host: h", b"Connection: keep-alive"))
        assert b"\r\nConnection: keep-alive\r\n" in self.sent()
        assert not self.transport.disconnecting
        self.protocol.dataReceived(old)
        assert b"\r\nConnection: close\r\n" in self.sent()
        assert self.transport.disconnecting

    def test_a_handler_may_close(self) -> None:
        self.ask(b"a", b"b")
        self.handler.say(1)
        self.handler.say(0, Reply(OK, close=True))
        assert self.sent() == announced(OK, b"close")
        assert self.transport.disconnecting

    def test_the_announcement_replaces_another(self) -> None:
        data = b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nA: b\r\n\r\nConnection: x\r\n\r\n"
        expected = b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nConnection: x\r\n\r\n"
        assert announced(data, b"close") == expected

    def test_continue_is_said_in_turn(self) -> None:
        head = b"POST /p HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        self.ask(b"a")
        self.protocol.dataReceived(head)
        assert self.sent() == b""
        self.handler.say(0, Reply(OK))
        assert self.sent() == OK + b"HTTP/1.1 100 Continue\r\n\r\n"
        self.protocol.dataReceived(b"ab")
        assert self.handler.asked[1][0].body == b"ab"

    def test_malformed_is_refused_after_the_answers_before_it(self) -> None:
        self.protocol.dataReceived(GET + b"nonsense\r\n\r\n")
        assert self.sent() == b""
        self.handler.say(0, Reply(OK))
        data = self.sent()
        assert data.startswith(OK + b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\nConnection: close\r\n" in data
        assert (self.factory.requests, self.factory.malformed) == (1, 1)

    def test_a_refused_client_may_read_before_it_is_cut(self) -> None:
        self.protocol.dataReceived(b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n")
        assert self.sent().startswith(b"HTTP/1.1 413 ")
        assert self.transport.half_closed
        self.protocol.writeConnectionLost()
        self.protocol.dataReceived(b"a" * 101)
        assert not self.transport.disconnecting
        self.seconds(2)
        assert self.transport.disconnecting

    def test_a_refused_client_that_closes_is_let_go_at_once(self) -> None:
        self.protocol.dataReceived(b"nonsense\r\n\r\n")
        assert not self.transport.disconnecting
        self.protocol.readConnectionLost()
        assert self.transport.disconnecting

    def test_a_half_closed_client_gets_its_answer(self) -> None:
        self.ask(b"a")
        self.protocol.readConnectionLost()
        assert not self.transport.disconnecting
        self.handler.say(0, Reply(OK))
        assert self.sent() == OK
        assert self.transport.disconnecting

    def test_a_half_closed_client_without_a_request_is_closed(self) -> None:
        self.protocol.dataReceived(b"GET / HT")
        self.protocol.readConnectionLost()
        assert self.transport.disconnecting
        assert self.sent() == b""

    def test_an_answer_for_a_client_that_left_is_dropped(self) -> None:
        self.ask(b"a")
        self.protocol.connectionLost()
        self.handler.say(0)
        assert self.sent() == b""
        assert self.factory.in_flight == 0
        assert self.factory.connections == set()

    def test_a_handler_that_raises_means_500_and_a_log_entry(self) -> None:
        self.ask(b"a", b"b")
        self.handler.waiting[0].errback(ZeroDivisionError())
        data = self.sent()
        assert data.startswith(b"HTTP/1.1 500 ")
        assert b"Traceback" not in data
        assert self.transport.disconnecting
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        self.logged.clear()

    def expires(self, after: int, feed: Callable[[], None]) -> None:
        for _ in range(after - 1):
            feed()
            self.seconds(1)
        assert not self.transport.disconnecting
        feed()
        self.seconds(1)
        assert self.transport.disconnecting

    def test_an_idle_connection_ends(self) -> None:
        self.expires(75, lambda: None)

    def test_activity_keeps_a_connection(self) -> None:
        self.prompt()
        self.seconds(74)
        self.ask(b"a")
        self.expires(75, lambda: None)

    def times_out(self, after: int, feed: Callable[[], None]) -> None:
        for _ in range(after):
            assert not self.transport.half_closed
            feed()
            self.seconds(1)
        assert self.transport.half_closed
        data = self.sent()
        assert data.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nConnection: close\r\n" in data
        self.seconds(2)
        assert self.transport.disconnecting
        assert self.factory.timed_out == 1

    def test_a_request_that_trickles_in_is_told_so(self) -> None:
        self.protocol.dataReceived(b"GET /")
        self.times_out(300, lambda: self.protocol.dataReceived(b"a"))

    def test_a_body_that_stalls_is_told_so_and_never_handled(self) -> None:
        self.protocol.dataReceived(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
        self.times_out(75, lambda: None)
        assert self.handler.asked == []

    def test_a_request_has_its_own_time_after_the_one_before(self) -> None:
        self.prompt()
        self.protocol.dataReceived(b"GET /")
        self.seconds(70)
        self.protocol.dataReceived(b" HTTP/1.1\r\n\r\nGET /")
        self.sent()
        self.times_out(300, lambda: self.protocol.dataReceived(b"a"))

    def test_a_client_that_was_told_off_and_sends_on_is_cut(self) -> None:
        self.protocol.dataReceived(b"nonsense\r\n\r\n")
        self.protocol.dataReceived(b"a")
        self.seconds(1)
        self.protocol.dataReceived(b"a")
        self.seconds(1)
        assert self.transport.disconnecting

    def test_a_slow_handler_is_not_the_clients_fault(self) -> None:
        self.ask(b"a")
        self.seconds(1000)
        assert not self.transport.disconnecting
        self.handler.say(0, Reply(OK))
        assert self.sent() == OK

    def test_a_client_that_never_reads_ends(self) -> None:
        self.hold_up()
        self.ask(b"a")
        self.expires(75, lambda: None)

    def test_one_timer_serves_every_connection(self) -> None:
        for _ in range(5):
            self.connect()[0].dataReceived(GET)
        assert len(self.clock.getDelayedCalls()) == 1

    def test_draining_ends_idle_connections_and_answers_the_others(self) -> None:
        busy, transport = self.connect()
        busy.dataReceived(GET)
        drained = Deferred.fromCoroutine(self.factory.drain(5))
        assert self.transport.disconnecting
        self.lose(self.protocol)
        assert not transport.disconnecting
        self.handler.say(0, Reply(OK))
        assert transport.value() == announced(OK, b"close")
        assert transport.disconnecting
        self.assertNoResult(drained)
        self.lose(busy)
        assert self.successResultOf(drained) == 0

    def test_draining_cuts_what_takes_too_long(self) -> None:
        self.ask(b"a")
        drained = Deferred.fromCoroutine(self.factory.drain(5))
        self.seconds(4)
        self.assertNoResult(drained)
        self.seconds(1)
        assert self.successResultOf(drained) == 1
        assert self.transport.disconnecting
        self.handler.say(0)

    def test_a_handler_may_answer_at_once(self) -> None:
        self.factory.handler = lambda request, peer: Reply(Handler.named(request))
        self.ask(b"a", b"b")
        assert self.transport.written == 1
        assert self.sent().count(b"HTTP/1.1 200") == 2
        assert (self.factory.requests, self.factory.in_flight) == (2, 0)

    def test_a_prompt_handler_that_raises_means_500_too(self) -> None:
        def broken(request: Request, peer: str) -> Reply:
            raise ZeroDivisionError

        self.factory.handler = broken
        self.ask(b"a")
        self.is_a_logged_500()

    def is_a_logged_500(self) -> None:
        assert self.sent().startswith(b"HTTP/1.1 500 ")
        assert self.transport.disconnecting
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        self.logged.clear()

    def test_what_the_quick_handler_takes_nobody_else_sees(self) -> None:
        self.factory.quick = lambda data, peer: OK if data == GET else None
        self.protocol.dataReceived(GET)
        assert self.sent() == OK
        self.ask(b"a")
        self.handler.say(0)
        self.protocol.dataReceived(GET)
        assert self.sent().endswith(b"/a" + OK)
        assert [request.target for request, _ in self.handler.asked] == [b"/a"]
        assert self.factory.requests == 3

    def test_a_quick_answer_never_overtakes_another(self) -> None:
        self.ask(b"a")
        self.factory.quick = lambda data, peer: OK
        self.protocol.dataReceived(GET)
        assert len(self.handler.asked) == 2
        assert self.sent() == b""

    def test_the_quick_handler_sees_no_rest_of_a_request(self) -> None:
        self.protocol.dataReceived(b"POST / HTTP/1.1\r\nContent-Length: 27\r\n\r\n")
        self.factory.quick = lambda data, peer: OK
        self.protocol.dataReceived(GET)
        assert [request.body for request, _ in self.handler.asked] == [GET]

    def test_a_quick_handler_that_raises_means_500_too(self) -> None:
        self.factory.quick = lambda data, peer: OK[1 // 0 :]
        self.protocol.dataReceived(GET)
        self.is_a_logged_500()

    def test_a_quick_answer_may_come_later_in_its_turn(self) -> None:
        laters = [Later(), Later()]
        given: list[Answer] = [*laters]
        self.factory.quick = lambda data, peer: given.pop(0)
        self.protocol.dataReceived(GET)
        self.ask(b"b")
        self.handler.say(0)
        assert self.sent() == b""
        assert self.factory.in_flight == 1
        laters[0].deliver(OK)
        assert self.sent().startswith(OK + b"HTTP/1.1 200")
        self.protocol.dataReceived(GET)
        self.protocol.connectionLost()
        laters[1].deliver(OK)
        assert self.factory.in_flight == 0

    def test_a_later_answer_while_draining_ends_the_connection(self) -> None:
        later = Later()
        self.factory.quick = lambda data, peer: later
        self.protocol.dataReceived(GET)
        drained = Deferred.fromCoroutine(self.factory.drain(5))
        later.deliver(OK)
        assert self.sent() == announced(OK, b"close")
        self.lose(self.protocol)
        assert self.successResultOf(drained) == 0

    def test_the_beginning_of_a_request_is_kept_for_the_quick_handler_once(self) -> None:
        seen: list[bytes] = []

        def quick(data: bytes, peer: str) -> Answer:
            seen.append(data)
            return OK if data == POST else MORE

        self.factory.quick = quick
        for cut in (5, len(POST) - 1):
            self.protocol.dataReceived(POST[:cut])
            assert self.sent() == b""
            self.protocol.dataReceived(POST[cut:])
            assert self.sent() == OK
            assert seen == [POST[:cut], POST]
            seen.clear()
        self.prompt()
        for piece in (POST[:5], POST[5:9], POST[9:] + GET):
            self.protocol.dataReceived(piece)
        assert seen == [POST[:5], POST[:9]]
        assert [request.method for request, _ in self.handler.asked] == [b"POST", b"GET"]
        assert self.factory.requests == 4

    def test_the_beginning_of_a_request_times_out_like_any_other(self) -> None:
        self.factory.quick = lambda data, peer: MORE
        self.protocol.dataReceived(POST[:-1])
        self.times_out(75, lambda: None)

    def test_a_request_begun_before_draining_is_dropped(self) -> None:
        self.factory.quick = lambda data, peer: MORE
        self.protocol.dataReceived(POST[:-1])
        drained = Deferred.fromCoroutine(self.factory.drain(5))
        assert self.transport.disconnecting
        self.lose(self.protocol)
        assert self.successResultOf(drained) == 0

    def test_nothing_after_a_malformed_request_is_read(self) -> None:
        self.factory.quick = lambda data, peer: OK if data == GET else None
        self.protocol.dataReceived(b"nonsense\r\n\r\n" + GET)
        self.protocol.dataReceived(GET)
        assert self.sent().count(b"HTTP/1.1") == 1
        assert self.handler.asked == []

    def test_sweeping_ends_with_the_last_connection(self) -> None:
        self.factory.doStop()
        assert len(self.clock.getDelayedCalls()) == 1
        self.lose(self.protocol)
        assert self.clock.getDelayedCalls() == []
        self.factory.doStart()
