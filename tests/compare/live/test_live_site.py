"""The live page over HTTP: what is answered to whom, and streams that hold nothing up."""

import socket
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from compare.live.access import Access
from compare.live.judged import Judged
from compare.live.page import POLICY, page
from compare.live.service import LiveError, LiveOptions, LiveService, start
from compare.live.site import MOST_BODY, MOST_STREAMS, Live, site
from compare.live.state import judged_data, now_data
from compare.live.stream import PATIENCE, Board, Stream, message
from compare.live.testing import GrowingRun, proxy_status, requests
from compare.live.view import View

reactor: Any = installed
JUDGED = Judged(
    state="recording",
    at=1.0,
    outcome="UNDECIDED",
    needs=31_204,
    policy_hash="5c3550e04faec814",
    candidate={"build": "b 2"},
    reasons=["too few"],
)


class Transport(StringTransport):
    """A transport in memory that can be cut off."""

    aborted = False
    producer: Any

    def abortConnection(self) -> None:
        self.aborted = True

    def getHandle(self) -> "Transport":
        return self

    def setsockopt(self, *options: int) -> None:
        """Take what a socket would."""


class SiteTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.view = View("first", 1.0, JUDGED)
        self.board = Board(series=lambda: message("series", {"at": []}))
        self.clock = Clock()
        self.live = self.serving(Access())
        self.step(judged=True)

    def serving(self, access: Access) -> Live:
        self.live = Live(lambda: self.view, self.board, access, self.clock)
        self.factory = site(self.live)
        self.factory.timeOut = None  # by the reactor's clock
        return self.live

    def step(self, judged: bool = False) -> None:
        """Let a second pass."""
        self.board.tick += 1
        self.board.now = message("now", {"tick": self.board.tick})
        if judged:
            self.board.looks += 1
            self.board.judged = message("judged", {"look": self.board.looks})
        self.live.update()

    def open(self, request: bytes) -> tuple[Any, Transport]:
        channel: Any = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        transport = Transport()
        channel.makeConnection(transport)
        channel.dataReceived(request)
        return channel, transport

    def ask(
        self, target: str, method: str = "GET", body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer."""
        given = {"Host": "localhost:8080"} | {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        if body:
            given["Content-Length"] = str(len(body))
        lines = "".join(f"{key}: {value}\r\n" for key, value in given.items() if value)
        _, transport = self.open(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        head, _, content = transport.value().partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        told = dict(line.split(": ", 1) for line in rest)
        return int(first.split()[1]), told, content

    def events(self, transport: Transport) -> list[bytes]:
        """Return what was sent since the last time."""
        text = transport.value()
        transport.clear()
        body = text.partition(b"\r\n\r\n")[2] if text.startswith(b"HTTP/1.1") else text
        lines = [line for line in body.split(b"\n") if line.startswith((b"data:", b"event:"))]
        return [
            b"%b %b" % (kind.split()[1], data[6:])
            for kind, data in zip(lines[::2], lines[1::2], strict=True)
        ]


class AnswersTest(SiteTest):
    def test_the_page_is_one_document_under_a_strict_policy(self) -> None:
        code, headers, body = self.ask("/")
        self.assertEqual(code, 200)
        self.assertEqual(headers["Content-Security-Policy"].encode(), POLICY)
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        self.assertEqual(headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(headers["Cache-Control"], "no-store")
        self.assertNotIn("Server", headers)
        self.assertEqual(body, page())
        self.assertNotIn(b"{{", body)
        self.assertNotIn(b'src="', body)

    def test_an_unknown_path_names_the_known_ones(self) -> None:
        code, _, body = self.ask("/nothing")
        self.assertEqual(code, 404)
        self.assertIn(b"/verdict", body)

    def test_nothing_takes_a_method_that_could_change_something(self) -> None:
        for target in ("/", "/events", "/metrics", "/verdict", "/nothing"):
            for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
                self.assertEqual(self.ask(target, method)[0], 405, (target, method))
        self.assertEqual(self.ask("/", "POST")[0], 405)
        self.assertEqual(self.ask("/metrics", "POST")[1]["Allow"], "GET, HEAD")

    def test_head_is_get_without_a_body(self) -> None:
        for target in ("/", "/verdict", "/metrics", "/health", "/events"):
            code, _, body = self.ask(target, "HEAD")
            self.assertEqual((code, body), (200, b""), target)

    def test_a_verdict_is_json_and_always_200(self) -> None:
        code, headers, body = self.ask("/verdict?build=b+2&policy=5c3550e0")
        self.assertEqual((code, headers["Content-Type"]), (200, "application/json"))
        found = msgspec.json.decode(body)
        self.assertEqual((found["result"], found["needs"]), ("UNDECIDED", 31_204))
        code, _, body = self.ask("/verdict?build=b%203")
        self.assertEqual((code, msgspec.json.decode(body)["result"]), (200, "INVALID"))

    def test_a_webhook_is_answered_by_status_and_a_line(self) -> None:
        code, headers, body = self.ask("/verdict", "POST", b'{"metadata":{"build":"b 2"}}')
        self.assertEqual((code, headers["Retry-After"]), (503, "10"))
        self.assertEqual(body, b"UNDECIDED (31,204 more distinct requests): too few\n")
        self.assertEqual(self.ask("/verdict?hook=rollout", "POST", b"{}")[0], 200)
        self.assertEqual(self.ask("/verdict?hook=rollback", "POST")[0], 409)

    def test_a_question_that_makes_no_sense_is_400(self) -> None:
        self.assertEqual(self.ask("/verdict?hook=promote")[0], 400)
        self.assertEqual(self.ask("/verdict", "POST", b"{")[0], 400)

    def test_metrics_are_openmetrics(self) -> None:
        code, headers, body = self.ask("/metrics")
        self.assertEqual(code, 200)
        self.assertTrue(headers["Content-Type"].startswith("application/openmetrics-text"))
        self.assertTrue(body.endswith(b"# EOF\n"))

    def test_a_body_beyond_all_reason_ends_the_connection(self) -> None:
        head = b"POST /verdict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
        channel, transport = self.open(head)
        for _ in range(MOST_BODY // 8192 + 1):
            self.assertFalse(transport.aborted)
            channel.dataReceived(b"x" * 8192)
        self.assertTrue(transport.aborted)


class AccessTest(SiteTest):
    def test_health_says_ok_and_asks_nobody_who_they_are(self) -> None:
        self.serving(Access(token="secret", loopback=False))
        self.assertEqual(self.ask("/health", Host="10.0.0.1")[0], 200)

    def test_without_the_token_nothing_else_is_answered(self) -> None:
        self.serving(Access(token="secret", loopback=False))
        for target in ("/", "/events", "/verdict", "/metrics", "/nothing"):
            code, headers, _ = self.ask(target)
            self.assertEqual((code, headers["WWW-Authenticate"]), (401, "Bearer"), target)
        self.assertEqual(self.ask("/verdict", "POST", b"{}")[0], 401)

    def test_the_page_keeps_the_token_in_a_cookie_that_scripts_cannot_read(self) -> None:
        self.serving(Access(token="secret", loopback=False))
        code, headers, _ = self.ask("/?token=secret")
        self.assertEqual(code, 200)
        cookie = headers["Set-Cookie"]
        self.assertTrue(cookie.startswith("mixmigrate_live_8080=secret;"), cookie)
        for flag in ("HttpOnly", "SameSite=strict", "Path=/"):
            self.assertIn(flag.lower(), cookie.lower())
        self.assertEqual(self.ask("/", Cookie="mixmigrate_live_8080=secret")[0], 200)
        self.assertEqual(self.ask("/metrics", Authorization="Bearer secret")[0], 200)

    def test_a_foreign_name_is_misdirected(self) -> None:
        for name in ("evil.example", "evil.example:8080", ""):
            self.assertEqual(self.ask("/", Host=name)[0], 421, name)

    def test_another_sites_page_gets_no_events(self) -> None:
        code, _, _ = self.ask("/events", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
        self.assertEqual(code, 403)


class StreamsTest(SiteTest):
    GET = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def test_a_new_page_gets_all_and_then_what_is_new(self) -> None:
        _, transport = self.open(self.GET)
        self.assertIn(b"text/event-stream", transport.value())
        first = [b'judged {"look":1}', b'series {"at":[]}', b'now {"tick":1}']
        self.assertEqual(self.events(transport), first)
        self.step()
        self.assertEqual(self.events(transport), [b'now {"tick":2}'])
        self.step(judged=True)
        self.assertEqual(self.events(transport), [b'judged {"look":2}', b'now {"tick":3}'])
        self.live.update()
        self.assertEqual(self.events(transport), [])

    def test_a_page_that_reads_slowly_gets_the_newest_and_no_queue(self) -> None:
        _, transport = self.open(self.GET)
        self.events(transport)
        transport.producer.pauseProducing()
        for _ in range(10):
            self.step(judged=True)
        self.assertEqual(self.events(transport), [])
        transport.producer.resumeProducing()
        newest = [b'judged {"look":11}', b'series {"at":[]}', b'now {"tick":11}']
        self.assertEqual(self.events(transport), newest)

    def test_a_page_that_reads_nothing_is_dropped_and_others_go_on(self) -> None:
        _, slow_transport = self.open(self.GET)
        _, transport = self.open(self.GET)
        slow_transport.producer.pauseProducing()
        for _ in range(int(PATIENCE)):
            self.clock.advance(1)
            self.step()
        self.assertFalse(slow_transport.aborted)
        self.clock.advance(1)
        self.step()
        self.assertTrue(slow_transport.aborted)
        self.assertFalse(transport.aborted)
        self.assertEqual(self.events(transport)[-1], b'now {"tick":22}')

    def test_a_page_that_reads_again_in_time_is_kept(self) -> None:
        _, transport = self.open(self.GET)
        for _ in range(5):
            transport.producer.pauseProducing()
            self.clock.advance(PATIENCE)
            self.step()
            transport.producer.resumeProducing()
        self.assertFalse(transport.aborted)

    def test_a_page_that_is_gone_is_forgotten(self) -> None:
        channel, _ = self.open(self.GET)
        self.assertEqual(len(self.live.streams), 1)
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.live.streams, set())
        self.step()

    def test_so_many_pages_and_no_more(self) -> None:
        for _ in range(MOST_STREAMS):
            self.open(self.GET)
        code, _, _ = self.ask("/events")
        self.assertEqual(code, 503)
        self.assertEqual(self.ask("/verdict")[0], 200)

    def test_the_series_is_made_once_a_tick_for_all(self) -> None:
        made: list[int] = []

        def series() -> bytes:
            made.append(1)
            return message("series", {})

        self.board.series = series
        for _ in range(3):
            self.open(self.GET)
        self.assertEqual(len(made), 1)

    def test_the_end_of_the_server_ends_the_streams(self) -> None:
        _, transport = self.open(self.GET)
        self.live.end()
        self.assertTrue(transport.value().endswith(b"0\r\n\r\n"))


class ServiceTest(TestCase):
    """A whole page, with real sockets and a real judging process."""

    def setUp(self) -> None:
        self.run_directory = Path(self.mktemp()).absolute()
        self.service: LiveService | None = None

    async def begin(self, **options: Any) -> LiveService:
        given: dict[str, Any] = {
            "run": self.run_directory,
            "port": 0,
            "tick": 0.02,
            "look_every": 0.2,
        }
        self.service = await start(reactor, LiveOptions(**(given | options)))
        self.addCleanup(self.service.stop)
        return self.service

    async def until(self, condition: Any) -> None:
        """Wait for *condition*, for ten seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.02)
        self.fail("it did not come")

    async def test_it_waits_for_a_run_and_follows_it_to_its_end(self) -> None:
        service = await self.begin()
        await self.until(lambda: service.view().judged.at)
        self.assertEqual(service.view().phase, "waiting")
        self.run_directory.parent.mkdir(exist_ok=True)
        run = GrowingRun(self.run_directory)
        for request in requests(50):
            run.add(request)
        run.close()
        await self.until(lambda: service.view().judged.final)
        self.assertEqual(service.view().phase, "ended")
        self.assertEqual(service.view().judged.requests["distinct"], 50)

    async def test_a_judge_that_dies_is_told_and_started_again(self) -> None:
        service = await self.begin()
        await self.until(lambda: service.view().judged.at)
        first = service.judge.pid
        service.judge._process.kill()  # type: ignore[union-attr]  # it runs
        await self.until(lambda: service.view().trouble)
        self.assertIn("signal 9", service.view().trouble)
        await self.until(lambda: not service.view().trouble)
        self.assertNotEqual(service.judge.pid, first)

    async def test_a_client_that_stops_reading_is_dropped_while_others_hear(self) -> None:
        service = await self.begin()
        service.live.patience = 0.3
        GrowingRun(self.run_directory).tell(proxy_status(1.0, 1, 5))
        stuck = await deferToThread(_connect, service.port)
        reading = await deferToThread(_connect, service.port)
        self.addCleanup(stuck.close)
        self.addCleanup(reading.close)
        heard = 0
        while len(service.live.streams) != 1 or not heard:
            heard += await deferToThread(lambda: len(reading.recv(1 << 20)))
        begun = heard
        while heard < begun + 50_000:
            heard += await deferToThread(lambda: len(reading.recv(1 << 20)))
        self.assertEqual(len(service.live.streams), 1)

    async def test_beyond_loopback_it_takes_a_token(self) -> None:
        with self.assertRaisesRegex(LiveError, "--token-file"):
            await self.begin(host="0.0.0.0")

    async def test_an_address_in_use_is_said(self) -> None:
        service = await self.begin()
        with self.assertRaisesRegex(LiveError, "--listen"):
            await start(reactor, LiveOptions(self.run_directory, port=service.port))

    async def test_the_messages_hold_what_the_page_reads(self) -> None:
        service = await self.begin()
        view = service.view()
        now, judged = now_data(view), judged_data(view)
        for data in (now, judged):
            self.assertEqual(msgspec.json.decode(msgspec.json.encode(data)), data)
        script = page().decode()
        for name in [*now, *judged]:
            if name not in ("schema", "state", "events", "rates"):
                self.assertTrue(name in script, name)


def _connect(port: int) -> socket.socket:
    """Ask for events, with room for few of them."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def test_a_stream_that_has_ended_takes_no_more() -> None:
    class Request:
        written = 0

        def write(self, data: bytes) -> None:
            self.written += 1

        def registerProducer(self, producer: object, streaming: bool) -> None:
            pass

    request = Request()
    stream = Stream(request, Board(now=b"x", tick=1), Clock(), lambda: None)
    stream.stopProducing()
    before = request.written
    stream.update()
    assert request.written == before
