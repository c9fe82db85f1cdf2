"""Replays over real connections, on loopback."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from pyingest.http import HttpFactory, Reply
from pyingest.message import Headers, Request, Response, header
from replay.accounting import Progress, Result
from replay.corpus import traffic, write_corpus
from replay.driver import Replay
from replay.formats.capture import capture_line
from replay.pacing import Closed, Open
from replay.plan import ReplayOptions

reactor = cast(Any, installed)
SCRIPT = """
import sys
from pathlib import Path
from replay.driver import run_replay
from replay.pacing import Open
from replay.plan import ReplayOptions
from replay.summary import render_json
log, url = sys.argv[1:]
options = ReplayOptions((Path(log),), url, Open(200.0), drain=0.2)
print(render_json(run_replay(options, lambda progress: None)).decode())
"""


class Scripted(Protocol):
    """Answers with given bytes as soon as anything comes, and closes if told to."""

    def __init__(self, answer: bytes, close: bool) -> None:
        self._answer, self._close = answer, close

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self._answer)
        if self._close:
            self.transport.loseConnection()


class ScriptedFactory(Factory):
    """Makes them, and counts."""

    noisy = False

    def __init__(self, answer: bytes, close: bool) -> None:
        self._answer, self._close = answer, close
        self.connections = 0

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.connections += 1
        return Scripted(self._answer, self._close)


class DriverTest(TestCase):
    """One replay each."""

    timeout = 30

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=self.mktemp_directory()))
        self.log = self.directory / "capture.jsonl"
        self.received: list[Request] = []
        self.on_request: Callable[[], None] = lambda: None
        self.seconds = 0.0

    def mktemp_directory(self) -> str:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return directory.name

    def write(self, *requests: Request) -> None:
        lines = [capture_line(1.0 + number, item) for number, item in enumerate(requests)]
        self.log.write_bytes(b"\n".join(lines))

    def listen(self, factory: Factory) -> str:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}"

    def serve(self) -> str:
        """Listen; answer every request after ``self.seconds``."""

        async def answer(request: Request, peer: str) -> Reply:
            self.received.append(request)
            self.on_request()
            if self.seconds:
                await deferLater(reactor, self.seconds, lambda: None)
            length: Headers = ((b"Content-Length", b"1"),)
            body = b"" if request.method == b"HEAD" else b"1"
            return Reply(Response(200, headers=length, body=body).encode())

        self.factory = HttpFactory(answer, reactor)
        return self.listen(self.factory)

    def options(self, url: str) -> ReplayOptions:
        return ReplayOptions((self.log,), url, Open(2000.0), patience=10.0)

    async def replay(self, options: ReplayOptions) -> Result:
        result = await Replay(reactor, options, lambda progress: None).result()
        assert result.remainder() == 0
        # Let the server see that its clients are gone, or the reactor is not clean.
        await deferLater(reactor, 0.05, lambda: None)
        return result

    async def test_every_request_arrives_as_it_was(self) -> None:
        write_corpus(self.log, 400, 3)
        result = await self.replay(self.options(self.serve()))
        assert result.answered == {200: 400}
        assert sorted(map(repr, self.received)) == sorted(
            repr(request) for _, request in traffic(400, 3)
        )
        assert (result.lines, result.sent, result.stopped) == (400, 400, "")

    async def test_connections_are_used_again(self) -> None:
        write_corpus(self.log, 300, 4)
        url = self.serve()
        made: list[object] = []
        build = self.factory.buildProtocol
        self.factory.buildProtocol = (  # type: ignore[method-assign]
            lambda addr: made.append(addr) or build(addr)  # type: ignore[func-returns-value]
        )
        result = await self.replay(replace(self.options(url), pace=Closed(3)))
        assert result.answered == {200: 300}
        assert result.closed
        assert len(made) <= 3

    async def test_host_is_added_where_the_log_has_none(self) -> None:
        self.write(Request(b"GET", b"/"), Request(b"GET", b"/", ((b"Host", b"api.test"),)))
        url = self.serve()
        await self.replay(self.options(url))
        hosts = [header(request.headers, b"host") for request in self.received]
        assert sorted(map(bytes.decode, filter(None, hosts))) == sorted([url[7:], "api.test"])

    async def test_slow_answers_hold_nobody_up(self) -> None:
        self.seconds = 0.5
        self.write(*[Request(b"GET", b"/?%d" % number) for number in range(100)])
        result = await self.replay(replace(self.options(self.serve()), pace=Open(500.0)))
        assert result.most_in_flight > 50
        assert result.seconds < 5.0

    async def test_refused_connections_are_failures_that_nobody_saw(self) -> None:
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}"
        await port.stopListening()
        self.write(Request(b"GET", b"/"), Request(b"GET", b"/2"))
        assert (await self.replay(self.options(url))).failed == {"refused": 2}

    async def test_broken_answers_are_failures(self) -> None:
        cases = [
            (b"", True, {"reset": 1}),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", True, {"reset": 1}),
            (b"garbage\r\n\r\n", False, {"malformed": 1}),
            (b"", False, {"timed out": 1}),
        ]
        self.write(Request(b"GET", b"/"))
        for answer, close, failed in cases:
            url = self.listen(ScriptedFactory(answer, close))
            result = await self.replay(replace(self.options(url), patience=0.5))
            assert result.failed == failed, answer

    async def test_answers_that_end_the_connection_are_answers(self) -> None:
        for answer in (
            b"HTTP/1.0 200 OK\r\n\r\n1",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1",
        ):
            self.write(*[Request(b"GET", b"/?%d" % number) for number in range(5)])
            factory = ScriptedFactory(answer, True)
            result = await self.replay(replace(self.options(self.listen(factory)), pace=Closed(1)))
            assert result.answered == {200: 5}
            assert factory.connections == 5

    async def test_stop_drains_and_the_account_is_whole(self) -> None:
        self.seconds = 0.1
        write_corpus(self.log, 5000, 5)
        replay = Replay(reactor, self.options(self.serve()), lambda progress: None)
        reactor.callLater(0.3, replay.stop, "interrupted")
        result = await replay.result()
        assert result.stopped == "interrupted"
        assert 0 < result.sent < 5000
        assert result.answered == {200: result.sent}
        assert result.unanswered == result.remainder() == 0
        await deferLater(reactor, 0.05, lambda: None)

    async def test_stop_before_the_first_request_sends_none(self) -> None:
        self.write(Request(b"GET", b"/"))
        replay = Replay(reactor, self.options(self.serve()), lambda progress: None)
        replay.stop("interrupted")
        result = await replay.result()
        assert (result.sent, result.stopped, self.received) == (0, "interrupted", [])

    async def test_drain_has_an_end(self) -> None:
        self.write(Request(b"GET", b"/"))
        url = self.listen(ScriptedFactory(b"", False))
        replay = Replay(reactor, replace(self.options(url), drain=0.2), lambda progress: None)
        reactor.callLater(0.1, replay.stop, "interrupted")
        result = await replay.result()
        assert (result.unanswered, result.remainder()) == (1, 0)
        await deferLater(reactor, 0.05, lambda: None)

    async def test_progress_is_told_every_second(self) -> None:
        told: list[Progress] = []
        self.write(*[Request(b"GET", b"/?%d" % number) for number in range(130)])
        options = replace(self.options(self.serve()), pace=Open(100.0))
        await Replay(reactor, options, told.append).result()
        assert len(told) == 1
        assert 80 < told[0].answered <= told[0].sent <= 130
        await deferLater(reactor, 0.05, lambda: None)

    async def test_interrupt_ends_the_process_with_a_whole_account(self) -> None:
        write_corpus(self.log, 5000, 6)
        url = self.serve()
        command = [sys.executable, "-c", SCRIPT, str(self.log), url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def interrupt() -> None:
            if len(self.received) == 50:
                os.kill(process.pid, signal.SIGINT)

        self.on_request = interrupt
        told, errors = await deferToThread(process.communicate, timeout=20)
        assert process.returncode == 0, errors
        assert errors == b""
        assert b'"stopped": "interrupted"' in told
        assert b'"remainder": 0' in told
        await deferLater(reactor, 0.05, lambda: None)
