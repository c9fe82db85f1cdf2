"""A dual run that is stopped and gone on with, bounded, and without secrets."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from pyingest.event import Event
from pyingest.queues.sqlite import SqliteQueue
from shadow.exchange import Side
from shadow.options import ShadowOptions, SideOptions
from shadow.recording import RunReader
from shadow.runs.checking import check
from shadow.runs.keeper import EACH, Keeper
from shadow.runs.manifest import RecordingError, RunManifest
from shadow.runs.retention import Keep
from shadow.runs.room import Room
from shadow.runs.run import Run, is_recorded
from shadow.runs.settings import RecordingSettings
from shadow.service import ShadowService, start
from shadow.serving.statusfiles import read_all
from shadow.serving.summing import joined
from shadow.testing import FakeUpstream, RawClient, answering

CLOCK: Any = installed
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
GET = b"GET /track?n=%d HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
SECRET = b"c2VjcmV0"


class RecordingTests(TestCase):
    def setUp(self) -> None:
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        self.sides = {side: FakeUpstream(answering(OK)).listen(CLOCK) for side in Side}
        for port in self.sides.values():
            self.addCleanup(port.stopListening)

    def options(self, **recording: Any) -> ShadowOptions:
        def side(name: Side) -> SideOptions:
            port = self.sides[name].getHost().port
            return SideOptions(f"http://127.0.0.1:{port}", f"sqlite:{self.place}/{name}.db#events")

        given = {"redaction_key": str(self.place / "key"), **recording}
        return ShadowOptions(
            "127.0.0.1",
            0,
            side(Side.LEGACY),
            side(Side.CANDIDATE),
            self.place / "run",
            drain_seconds=2.0,
            recording=RecordingSettings(**given),
        )

    async def ask(self, service: ShadowService, number: int) -> None:
        endpoint = TCP4ClientEndpoint(CLOCK, "127.0.0.1", service.port)
        client: RawClient = await connectProtocol(endpoint, RawClient())
        client.say(GET % number)
        await client.hear(b"1")
        client.transport.loseConnection()  # type: ignore[union-attr]

    async def recorded(self, first: int, **recording: Any) -> None:
        """Record three requests."""
        service = await start(CLOCK, self.options(**recording))
        for number in range(first, first + 3):
            await self.ask(service, number)
        await service.stop()

    async def test_a_run_is_gone_on_with(self) -> None:
        await self.recorded(1)
        with self.assertRaises(RecordingError) as refused:
            await start(CLOCK, self.options())
        self.assertIn("--resume", str(refused.exception))
        await self.recorded(4, resume=True)
        run = RunReader(self.place / "run")
        self.assertEqual((run.manifest.state, run.damage), ("complete", []))
        self.assertEqual(run.manifest.ledger["received"], 6)
        self.assertEqual(run.manifest.ledger["remainder"], 0)
        self.assertEqual(len({one.number for one in run.arrivals()}), 6)
        self.assertEqual([part.manifest.ordinal for part in run.parts], [1, 2, 3, 4])
        self.assertEqual(check(self.place / "run", lambda done, total: None).damage, [])
        self.assertEqual(run.manifest.taps["legacy"]["backlog"], 0)

    async def test_what_is_told_of_a_run_that_was_gone_on_with_is_all_of_it(self) -> None:
        for life in range(3):
            await self.recorded(3 * life + 1, resume=True)
        told = read_all(self.place / "run" / "status")
        self.assertEqual([one.name for one in told.statuses], ["shadow"])
        assert told.earlier is not None
        self.assertEqual(told.earlier.ledger["received"], 6)
        whole = joined((told.earlier, *told.statuses))
        self.assertEqual(whole.ledger, RunReader(self.place / "run").manifest.ledger)
        self.assertEqual(whole.sides["legacy"].answered, 9)

    async def test_what_could_not_be_recorded_is_told_as_lost_at_the_end(self) -> None:
        service = await start(CLOCK, self.options())
        await self.ask(service, 1)
        service._recorder.give_up("the disk is full")
        await self.ask(service, 2)
        with self.assertRaises(RecordingError):
            await service.stop()
        (told,) = read_all(self.place / "run" / "status").statuses
        self.assertIn(told.ledger["lost"], (1, 2))  # the first may have been with the candidate
        self.assertEqual(told.ledger["received"], 2)
        self.assertEqual(told.ledger, Run.open(self.place / "run").manifest.whole_ledger)
        self.assertEqual(told.most["switched_off"], 1)

    async def test_to_go_on_where_there_is_nothing_is_to_begin(self) -> None:
        await self.recorded(1, resume=True)
        self.assertEqual(RunReader(self.place / "run").manifest.state, "complete")

    async def test_credentials_do_not_get_to_the_disk(self) -> None:
        await self.recorded(1)
        run = RunReader(self.place / "run")
        found = [one.request.headers for one in run.arrivals()]
        self.assertEqual(len(found), 3)
        for headers in found:
            self.assertNotIn(SECRET, b" ".join(value for _, value in headers))
            self.assertIn(b"redacted:", b" ".join(value for _, value in headers))
        self.assertIn("header Authorization", run.manifest.notes[0])

    async def test_it_is_recorded_in_the_clear_if_nothing_is_to_be_hidden(self) -> None:
        await self.recorded(1, redact_headers=())
        run = RunReader(self.place / "run")
        for one in run.arrivals():
            self.assertIn((b"Authorization", b"Basic c2VjcmV0"), one.request.headers)
        self.assertFalse((self.place / "key").exists())

    async def test_a_service_that_does_not_begin_leaves_the_directory_free(self) -> None:
        options = self.options()
        await self.sides[Side.LEGACY].stopListening()
        with self.assertRaises(Exception):  # noqa: B017  # whichever error it is
            await start(CLOCK, options)
        self.assertFalse(is_recorded(self.place / "run"))
        self.assertEqual(list((self.place / "run").rglob("manifest.json")), [])

    async def test_events_of_both_queues_lie_in_parts_of_their_own(self) -> None:
        service = await start(CLOCK, self.options())
        for side in Side:
            queue = SqliteQueue(CLOCK, self.place / f"{side}.db")
            await queue.publish([Event("events", b'{"event":"e"}')])
            await queue.close()
        await self.ask(service, 1)
        await service.stop()
        parts = {part.manifest.name: part.manifest for part in RunReader(self.place / "run").parts}
        counts = {name: (sum(one.exchanges), sum(one.events)) for name, one in parts.items()}
        self.assertEqual(counts, {"shadow.0001": (1, 0), "tap.0002": (0, 2)})

    async def test_a_keeper_deletes_while_the_run_is_recorded(self) -> None:
        run = Run.create(self.place / "kept", RunManifest(created=0.0, partitions=1))
        for hour in range(3):
            run.part("proxy-0").seal({}, {}, hour * 3600.0 + 1)
        clock = Clock()
        clock.getThreadPool = CLOCK.getThreadPool  # type: ignore[attr-defined]
        clock.callFromThread = CLOCK.callFromThread  # type: ignore[attr-defined]
        room = Room(self.place, 0)
        keeper = Keeper(clock, run, Keep(seconds=3600.0), room, lambda: 3 * 3600.0)
        keeper.start()
        clock.advance(EACH)
        await keeper.stop()
        self.assertEqual(len(list((self.place / "kept" / "parts").iterdir())), 1)
        run.close()
