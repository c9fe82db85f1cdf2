"""A whole dual run on loopback: real sockets, real queues, a real run directory."""

import json
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.http import HttpFactory, Reply
from pyingest.message import Request, Response
from pyingest.queues.interface import QueueError
from pyingest.queues.sqlite import SqliteQueue
from shadow.exchange import Exchange, Failed, Side, TappedEvent
from shadow.isolating.settings import BreakerSettings, Isolating, IsolationSettings, LaneSettings
from shadow.options import ShadowError, ShadowOptions, SideOptions
from shadow.recording import RunReader
from shadow.relaying.link import Passage
from shadow.relaying.raw import RawRequest
from shadow.runs.manifest import RecordingError
from shadow.service import ShadowService, start
from shadow.testing import FakeUpstream, RawClient, answering, hanging, resetting, talking_garbage

CLOCK: Any = reactor
NOBODY = 9
"""A port on which nobody listens."""
GET = b"GET /track?data=%d HTTP/1.1\r\nHost: x\r\n\r\n"
HELLO = b"HTTP/1.1 200 Fine\r\nX-lower: a\r\nContent-Length: 1\r\n\r\n1"
PROMPT = 1.0
"""Seconds; far below the time limits of a side in these tests."""


def isolating(**lane: int) -> Isolating:
    """Return the protection of these tests, with the bounds of the lane that are given."""
    breaker = BreakerSettings(failures=5, first=30.0)
    return Isolating(isolation=IsolationSettings(lane=LaneSettings(**lane), breaker=breaker))


class RunTests(TestCase):
    """Both sides are servers of our own, on any free ports."""

    timeout = 30

    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        self.queues = {side: SqliteQueue(CLOCK, self.place / f"{side}.db") for side in Side}
        for queue in self.queues.values():
            self.addCleanup(self.closed, queue)

    def closed(self, queue: SqliteQueue) -> "Deferred[None]":
        return Deferred.fromCoroutine(queue.close())

    def ingesting(self, side: Side) -> HttpFactory:
        """Return a service that queues each request's target and answers 1."""

        async def handle(request: Request, peer: str) -> Reply:
            await self.queues[side].publish([Event("events", b'{"t":"%b"}' % request.target)])
            length = ((b"Content-Length", b"1"),)
            return Reply(Response(200, b"Fine", length, b"1").encode())

        return HttpFactory(handle, CLOCK)

    def listen(self, factory: Any) -> int:
        """Listen on any free port until the test ends; return the port."""
        self.listening = CLOCK.listenTCP(0, factory, interface="127.0.0.1")
        port: int = self.listening.getHost().port

        async def leave(listening: Any = self.listening) -> None:
            await maybeDeferred(listening.stopListening)
            if isinstance(factory, HttpFactory):
                await factory.drain(1)

        self.addCleanup(lambda: Deferred.fromCoroutine(leave()))
        return port

    def options(self, legacy: int, candidate: int, **others: Any) -> ShadowOptions:
        def side(name: Side, port: int) -> SideOptions:
            return SideOptions(f"http://127.0.0.1:{port}", f"sqlite:{self.place}/{name}.db#events")

        given: dict[str, Any] = {
            "answer_seconds": 3.0,
            "drain_seconds": 2.0,
            "isolating": isolating(),
            **others,
        }
        sides = side(Side.LEGACY, legacy), side(Side.CANDIDATE, candidate)
        return ShadowOptions("127.0.0.1", 0, *sides, self.place / "run", **given)

    async def start(self, legacy: Any, candidate: Any, **others: Any) -> ShadowService:
        """Start a dual run before two servers; a number is a port on which to find one."""
        ports = [one if isinstance(one, int) else self.listen(one) for one in (candidate, legacy)]
        return await start(CLOCK, self.options(ports[1], ports[0], **others))

    async def connect(self, service: ShadowService) -> RawClient:
        endpoint = TCP4ClientEndpoint(CLOCK, "127.0.0.1", service.port)
        client: RawClient = await connectProtocol(endpoint, RawClient())
        return client

    async def ask(self, service: ShadowService, data: bytes, until: bytes = b"1") -> bytes:
        """Send *data* on a connection of its own; return what comes back up to *until*."""
        client = await self.connect(service)
        client.say(data)
        heard = await client.hear(until)
        client.transport.loseConnection()  # type: ignore[union-attr]
        return heard

    def recorded(self) -> tuple[RunReader, list[Exchange], list[TappedEvent]]:
        run = RunReader(self.place / "run")
        exchanges = [one for number in run.partitions for one in run.exchanges(number)]
        events = [one for number in run.partitions for one in run.events(number)]
        self.assertEqual(run.damage, [])
        self.assertEqual(run.manifest.state, "complete")
        self.assertEqual(run.manifest.ledger["remainder"], 0)
        return run, exchanges, events

    async def test_a_stopped_proxy_leaves_a_complete_run(self) -> None:
        sides = self.ingesting(Side.LEGACY), self.ingesting(Side.CANDIDATE)
        service = await self.start(*sides)
        for number in range(20):
            await self.ask(service, GET % number)
        await service.stop()
        run, exchanges, events = self.recorded()
        self.assertEqual(sorted(one.number for one in exchanges), list(range(1, 21)))
        for side in Side:
            of_side = {one.body for one in events if one.side is side}
            self.assertEqual(of_side, {b'{"t":"/track?data=%d"}' % n for n in range(20)})
            tap = run.manifest.taps[side]
            self.assertEqual((tap["attached"], tap["read"], tap["backlog"]), (True, 20, 0))
        ledger = run.manifest.ledger
        self.assertEqual((ledger["received"], ledger["candidate_answered"]), (20, 20))

    async def unharmed(self, candidate: Any, **others: Any) -> dict[str, int]:
        """Check that clients hear legacy at once, whatever *candidate* is; return the ledger."""
        service = await self.start(FakeUpstream(answering(HELLO)), candidate, **others)
        client = await self.connect(service)
        for number in range(1, 31):
            began = time.monotonic()
            client.say(GET % number)
            heard = await client.hear(HELLO * number)
            self.assertEqual(heard, HELLO * number)
            self.assertLess(time.monotonic() - began, PROMPT)
        client.transport.loseConnection()  # type: ignore[union-attr]
        await service.stop()
        run, exchanges, _ = self.recorded()
        ledger = run.manifest.ledger
        self.assertEqual((len(exchanges), ledger["received"], ledger["pending"]), (30, 30, 0))
        self.assertEqual(ledger["legacy_answered"], 30)
        self.assertEqual(ledger["candidate_answered"], 0)
        return ledger

    async def test_a_candidate_that_refuses_harms_nobody(self) -> None:
        ledger = await self.unharmed(NOBODY)
        self.assertGreater(ledger["broken_circuit"], 20)

    async def test_a_candidate_that_hangs_harms_nobody(self) -> None:
        ledger = await self.unharmed(
            FakeUpstream(hanging),
            answer_seconds=1.2,
            isolating=isolating(requests=6, in_flight=4),
        )
        self.assertEqual(ledger["shed"], 20)
        self.assertGreaterEqual(ledger["candidate_failed"], 4)

    async def test_a_candidate_that_resets_harms_nobody(self) -> None:
        ledger = await self.unharmed(FakeUpstream(resetting))
        self.assertEqual(ledger["candidate_failed"], 30)

    async def test_a_candidate_that_talks_garbage_harms_nobody(self) -> None:
        ledger = await self.unharmed(FakeUpstream(talking_garbage))
        self.assertEqual(ledger["candidate_failed"], 30)

    async def test_a_candidate_without_end_harms_nobody(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 2_000_000
        ledger = await self.unharmed(FakeUpstream(answering(endless)))
        self.assertEqual(ledger["candidate_failed"] + ledger["broken_circuit"], 30)
        self.assertGreater(ledger["broken_circuit"], 20)

    async def test_a_slow_candidate_is_waited_for_at_the_end(self) -> None:
        def slowly(transport: Any, data: bytes) -> None:
            CLOCK.callLater(0.4, transport.write, HELLO)

        service = await self.start(FakeUpstream(answering(HELLO)), FakeUpstream(slowly))
        for number in range(5):
            began = time.monotonic()
            await self.ask(service, GET % number)
            self.assertLess(time.monotonic() - began, 0.3)
        await service.stop()
        run, _, _ = self.recorded()
        self.assertEqual(run.manifest.ledger["candidate_answered"], 5)

    async def test_what_waits_too_long_at_the_end_is_abandoned(self) -> None:
        service = await self.start(
            FakeUpstream(answering(HELLO)),
            FakeUpstream(hanging),
            answer_seconds=1.5,
            drain_seconds=0.2,
            isolating=isolating(in_flight=2),
        )
        for number in range(10):
            await self.ask(service, GET % number)
        await service.stop()
        run, _, _ = self.recorded()
        ledger = run.manifest.ledger
        self.assertEqual((ledger["abandoned"], ledger["candidate_failed"]), (8, 2))
        self.assertEqual(ledger["pending"], 0)

    async def test_a_copy_leaves_only_when_the_answer_is_out_of_our_hands(self) -> None:
        left: list[bool] = []
        service = await self.start(self.ingesting(Side.LEGACY), self.ingesting(Side.CANDIDATE))
        mirror = service.front.proxy.copies[Side.CANDIDATE]
        assert mirror is not None
        send = mirror.server.send

        def looking(request: RawRequest, passage: Passage) -> None:
            for one in service.front.door.connections:
                wire: Any = one.transport
                left.append(not wire.dataBuffer[wire.offset :] and not wire._tempDataBuffer)
            send(request, passage)

        mirror.server.send = looking  # type: ignore[method-assign]
        client = await self.connect(service)
        for number in range(1, 11):
            client.say(GET % number)
            while client.heard.count(b"200 Fine") < number:
                await deferLater(CLOCK, 0.005)
        client.transport.loseConnection()  # type: ignore[union-attr]
        await service.stop()
        self.assertEqual(left, [True] * 10)

    async def test_a_legacy_that_dies_is_answered_for_with_502(self) -> None:
        service = await self.start(FakeUpstream(resetting), self.ingesting(Side.CANDIDATE))
        heard = await self.ask(service, GET % 1, until=b"\r\n\r\n")
        self.assertTrue(heard.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))
        await self.listening.stopListening()
        await deferLater(CLOCK, 0.05)
        refused = await self.ask(service, GET % 2, until=b"\r\n\r\n")
        self.assertTrue(refused.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))
        await service.stop()
        run, exchanges, _ = self.recorded()
        self.assertTrue(all(isinstance(one.legacy, Failed) for one in exchanges))
        self.assertEqual(run.manifest.ledger["legacy_failed"], 2)

    async def test_a_legacy_that_hangs_is_answered_for_with_504(self) -> None:
        service = await self.start(FakeUpstream(hanging), NOBODY, answer_seconds=0.3)
        heard = await self.ask(service, GET % 1, until=b"\r\n\r\n")
        self.assertTrue(heard.startswith(b"HTTP/1.1 504 Gateway Timeout\r\n"))
        await service.stop()
        self.assertEqual(self.recorded()[0].manifest.ledger["legacy_timed_out"], 1)

    async def both(self, legacy: FakeUpstream) -> tuple[ShadowService, FakeUpstream]:
        candidate = FakeUpstream(answering(HELLO))
        return await self.start(legacy, candidate), candidate

    async def test_pipelined_requests_are_answered_in_their_order(self) -> None:
        sides = self.ingesting(Side.LEGACY), self.ingesting(Side.CANDIDATE)
        service = await self.start(*sides)
        client = await self.connect(service)
        client.say(b"".join(GET % number for number in range(30)))
        while client.heard.count(b"200 Fine") < 30:
            await deferLater(CLOCK, 0.01)
        client.transport.loseConnection()  # type: ignore[union-attr]
        await service.stop()
        _, exchanges, events = self.recorded()
        self.assertEqual((len(exchanges), len(events)), (30, 60))

    async def test_an_answer_to_head_is_its_head(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nX-A: b\r\n\r\n"
        service, _ = await self.both(FakeUpstream(answering(head)))
        client = await self.connect(service)
        for number in range(1, 4):
            client.say(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(await client.hear(head * number), head * number)
        client.transport.loseConnection()  # type: ignore[union-attr]
        await service.stop()
        self.assertEqual(len(self.recorded()[1]), 3)

    async def test_a_chunked_request_reaches_both_sides_alike(self) -> None:
        legacy = FakeUpstream(answering(HELLO))
        service, candidate = await self.both(legacy)
        post = b"POST /track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self.ask(service, post + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        await service.stop()
        self.assertEqual(legacy.received, candidate.received)
        self.assertTrue(legacy.received[0].endswith(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
        self.assertEqual(self.recorded()[1][0].request.body, b"abcde")

    async def test_a_chunked_answer_keeps_its_chunks(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = head + b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
        service, _ = await self.both(FakeUpstream(answering(answer)))
        self.assertEqual(await self.ask(service, GET % 1, until=b"0\r\n\r\n"), answer)
        await service.stop()

    async def test_a_large_body_reaches_both_sides_whole(self) -> None:
        sides = self.ingesting(Side.LEGACY), self.ingesting(Side.CANDIDATE)
        service = await self.start(*sides)
        body = bytes(range(256)) * 20_000
        post = b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        await self.ask(service, post + body)
        await service.stop()
        run, exchanges, _ = self.recorded()
        self.assertEqual(exchanges[0].request.body, body)
        self.assertEqual(run.manifest.ledger["candidate_answered"], 1)

    async def test_what_is_no_request_is_refused_and_counted_apart(self) -> None:
        service, candidate = await self.both(FakeUpstream(answering(HELLO)))
        heard = await self.ask(service, b"no such thing\r\n\r\n", until=b"never")
        self.assertTrue(heard.startswith(b"HTTP/1.1 400 "))
        await service.stop()
        ledger = self.recorded()[0].manifest.ledger
        self.assertEqual((ledger["malformed"], ledger["received"]), (1, 0))
        self.assertEqual(candidate.received, [])

    async def test_a_full_disk_stops_the_mirroring_and_no_client(self) -> None:
        service, candidate = await self.both(FakeUpstream(answering(HELLO)))
        await self.ask(service, GET % 1)
        await deferLater(CLOCK, 0.1)
        (self.place / "run").rename(self.place / "gone")
        while not service.snapshot().error:
            await deferLater(CLOCK, 0.05)
        self.assertEqual(await self.ask(service, GET % 2), HELLO)
        with self.assertRaises(RecordingError) as caught:
            await service.stop()
        self.assertIn("cannot be judged", str(caught.exception))
        self.assertEqual(len(candidate.received), 1)
        manifest = json.loads((self.place / "gone" / "manifest.json").read_text())
        self.assertEqual(manifest["state"], "recording")

    async def fails(self, begin: Callable[[], Awaitable[object]], *words: str) -> None:
        """Check that nothing starts, that the text says why, and that nothing is left."""
        with self.assertRaises((ShadowError, QueueError)) as caught:
            await begin()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertFalse((self.place / "run" / "manifest.json").exists())

    async def test_without_legacy_nothing_starts(self) -> None:
        await self.fails(
            lambda: self.start(NOBODY, NOBODY), "legacy http://127.0.0.1:9", "start it"
        )

    async def test_on_a_port_that_is_taken_nothing_starts(self) -> None:
        legacy = self.listen(FakeUpstream(answering(HELLO)))
        options = self.options(legacy, NOBODY)
        taken = ShadowOptions(
            "127.0.0.1", legacy, options.legacy, options.candidate, self.place / "run"
        )
        await self.fails(lambda: start(CLOCK, taken), f"cannot listen on 127.0.0.1:{legacy}")
        service = await start(CLOCK, options)
        await service.stop()
        self.recorded()

    async def test_without_a_queue_to_tap_nothing_starts(self) -> None:
        legacy = self.listen(FakeUpstream(answering(HELLO)))
        options = self.options(legacy, NOBODY)
        side = SideOptions(options.candidate.url, "kestrel://127.0.0.1:9/events")
        untapped = ShadowOptions("127.0.0.1", 0, options.legacy, side, self.place / "run")
        await self.fails(lambda: start(CLOCK, untapped), "kestrel://127.0.0.1:9")
