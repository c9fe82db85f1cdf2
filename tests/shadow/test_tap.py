"""A tap reads what both sides queue, and says how it fared."""

import json
import time
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.trial.unittest import SynchronousTestCase

from pyingest.event import Event, Stored
from pyingest.queues.gauge import Missed
from pyingest.queues.interface import QueueError
from pyingest.queues.memory import MemoryQueue, MemoryReader
from shadow.exchange import Side, TappedEvent
from shadow.tap import Tap, TapFiles
from shadow.tapping.journal import Journal, left_in
from shadow.tapping.series import Series

NAMES = {"c_events": "events", "c_profiles": "profiles"}


class Unreadable:
    """A reader whose server is away, until it is told otherwise."""

    def __init__(self, queue: MemoryQueue, why: QueueError | None = None) -> None:
        self.away = True
        self._why = why or QueueError("queue somewhere: connection refused")
        self._reader = queue.reader(list(NAMES), from_start=True)

    async def attach(self) -> None:
        self._look()

    async def detach(self) -> None:
        self._look()

    async def read(self, limit: int) -> list[Stored]:
        self._look()
        return await self._reader.read(limit)

    async def backlog(self) -> int:
        self._look()
        return await self._reader.backlog()

    async def close(self) -> None:
        await self._reader.close()

    def _look(self) -> None:
        if self.away:
            raise self._why


class TapTests(SynchronousTestCase):
    """On queues in memory, and a clock that is told to go on."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.queue = MemoryQueue()
        self.found: list[TappedEvent] = []

    def publish(self, *bodies: bytes, queue: str = "c_events") -> None:
        events = [Event(queue, body) for body in bodies]
        self.successResultOf(Deferred.fromCoroutine(self.queue.publish(events)))

    @pytest.fixture(autouse=True)
    def _log(self, logged_failures: list[LogEvent]) -> None:
        self.failures = logged_failures

    def logged(self) -> list[str]:
        """Return what was logged as a failure; it was meant to be."""
        self.flushLoggedErrors()
        seen = [event["log_failure"].getErrorMessage() for event in self.failures]
        self.failures.clear()
        return seen

    def finish(self, tap: Tap) -> None:
        done = Deferred.fromCoroutine(tap.finish(5.0))
        self.clock.pump([0.3] * 20)
        self.successResultOf(done)

    def test_events_are_handed_on_under_the_names_of_legacy(self) -> None:
        reader = self.queue.reader(list(NAMES))
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        tap.start()
        self.publish(b"1", b"2")
        self.publish(b"3", queue="c_profiles")
        self.clock.pump([0.3] * 3)
        self.assertEqual(
            [(one.side, one.queue, one.body) for one in self.found],
            [
                (Side.CANDIDATE, "events", b"1"),
                (Side.CANDIDATE, "events", b"2"),
                (Side.CANDIDATE, "profiles", b"3"),
            ],
        )
        self.finish(tap)

    def test_the_end_comes_after_everything_is_read(self) -> None:
        tap = Tap(
            self.clock, Side.CANDIDATE, self.queue.reader(list(NAMES)), NAMES, self.found.append
        )
        tap.start()
        self.publish(*(b"%d" % number for number in range(2_500)))
        self.finish(tap)
        self.assertEqual(len(self.found), 2_500)
        self.assertEqual((tap.state.read, tap.state.backlog, tap.state.error), (2_500, 0, ""))

    def test_a_server_that_comes_back_is_read_on(self) -> None:
        reader = Unreadable(self.queue)
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        tap.start()
        self.publish(b"1")
        self.clock.pump([0.3] * 3)
        self.assertIn("refused", tap.state.error)
        reader.away = False
        self.finish(tap)
        self.assertEqual(len(self.found), 1)
        self.assertEqual(tap.state.error, "")
        self.assertGreater(tap.state.errors, 0)

    def test_a_server_that_stays_away_is_told_of_at_the_end(self) -> None:
        tap = Tap(self.clock, Side.CANDIDATE, Unreadable(self.queue), NAMES, self.found.append)
        tap.start()
        self.finish(tap)
        self.assertIn("refused", tap.report()["error"])
        self.assertEqual(tap.state.backlog, -1)

    def test_a_fault_of_ours_does_not_pass_for_a_quiet_queue(self) -> None:
        def stumble(event: TappedEvent) -> None:
            raise KeyError("a fault")

        reader = self.queue.reader(list(NAMES))
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, stumble)
        tap.start()
        self.publish(b"1")
        self.clock.pump([0.3] * 3)
        self.finish(tap)
        self.assertIn("the tap broke", tap.state.error)
        self.assertEqual(self.logged(), ["'a fault'"])

    def test_a_fault_at_the_very_end_is_told_of_too(self) -> None:
        def stumble(event: TappedEvent) -> None:
            raise KeyError("a fault")

        tap = Tap(self.clock, Side.LEGACY, self.queue.reader(list(NAMES)), NAMES, stumble)
        self.publish(b"1")
        self.finish(tap)
        self.assertIn("the tap broke", tap.state.error)
        self.assertEqual(self.logged(), ["'a fault'"])

    def test_the_end_waits_for_stragglers(self) -> None:
        reader = self.queue.reader(list(NAMES))
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        tap.start()
        done = Deferred.fromCoroutine(tap.finish(5.0))
        self.clock.advance(0.25)
        self.clock.advance(0.05)
        self.publish(b"late")
        self.clock.pump([0.05] * 20)
        self.successResultOf(done)
        self.assertEqual(len(self.found), 1)

    def test_a_server_that_is_back_before_the_end_is_read_to_its_end(self) -> None:
        reader = Unreadable(self.queue)
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        tap.start()
        self.publish(b"1")
        done = Deferred.fromCoroutine(tap.finish(5.0))
        self.clock.pump([0.3] * 4)
        self.assertNoResult(done)
        reader.away = False
        self.clock.pump([0.3] * 10)
        self.successResultOf(done)
        self.assertEqual((len(self.found), tap.state.error), (1, ""))

    def test_lag_and_watermark_are_told_while_it_reads(self) -> None:
        reader = self.queue.reader(list(NAMES))
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        before = time.time()
        tap.start()
        self.publish(b"1", b"2")
        self.publish(b"3", queue="c_profiles")
        self.clock.pump([0.3] * 5)
        told = tap.status()
        self.assertEqual(set(told), {"candidate events", "candidate profiles"})
        self.assertEqual(told["candidate events"].read, 2)
        self.assertEqual(told["candidate events"].lag, 0)
        self.assertGreaterEqual(told["candidate events"].watermark, before)
        self.finish(tap)
        report = tap.report()
        self.assertEqual((report["read"], report["lost"], report["discarded"]), (3, 0, 0))
        self.assertGreaterEqual(report["samples"], 2)

    def test_an_outage_is_in_the_report(self) -> None:
        reader = Unreadable(self.queue)
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        tap.start()
        self.clock.pump([0.3] * 3)
        reader.away = False
        self.clock.pump([0.3] * 3)
        self.finish(tap)
        ((_, seconds, why),) = tap.report()["outages"]
        self.assertGreaterEqual(seconds, 0)
        self.assertIn("refused", why)

    def test_messages_that_were_gone_are_told_and_it_reads_on(self) -> None:
        reader = Unreadable(self.queue, Missed("file:q: was cut short"))
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append)
        tap.start()
        self.clock.pump([0.3])
        reader.away = False
        self.publish(b"1")
        self.finish(tap)
        report = tap.report()
        self.assertEqual((report["errors"], report["error"], len(self.found)), (0, "", 1))
        self.assertIn("file:q: was cut short", report["missed"])

    def test_what_was_read_is_in_the_journal_before_more_is_asked_for(self) -> None:
        place = Path(self.mktemp())
        place.mkdir()
        kept: list[int] = []

        class Looking(MemoryReader):
            async def read(self, limit: int) -> list[Stored]:
                kept.append(len(left_in(place).events))
                return await super().read(limit)

        reader = Looking(self.queue, frozenset(NAMES), 0)
        journal = Journal(place)
        self.addCleanup(journal.close)
        files = TapFiles(Series(place / "queues.jsonl"), journal)
        tap = Tap(self.clock, Side.CANDIDATE, reader, NAMES, self.found.append, files)
        tap.start()
        self.publish(b"1", b"2")
        self.clock.pump([0.3] * 2)
        self.publish(b"3")
        self.finish(tap)
        self.assertEqual(sorted(set(kept)), [0, 2, 3])
        heir = Tap(self.clock, Side.CANDIDATE, self.queue.reader(list(NAMES), True), NAMES, print)
        heir.seek(left_in(place).positions[Side.CANDIDATE])
        self.finish(heir)
        self.assertEqual(heir.state.read, 0)
        heir = Tap(self.clock, Side.CANDIDATE, self.queue.reader(list(NAMES)), NAMES, print, files)
        self.assertEqual(heir.report()["read"], 0)
        again = Journal(place)
        self.addCleanup(again.close)
        heir = Tap(
            self.clock,
            Side.CANDIDATE,
            self.queue.reader(list(NAMES)),
            NAMES,
            print,
            TapFiles(journal=again),
        )
        self.assertEqual(heir.report()["read"], 3)
        lines = [json.loads(line) for line in (place / "queues.jsonl").read_text().splitlines()]
        self.assertEqual({line["queue"] for line in lines}, {"events", "profiles"})

    def test_attaching_to_a_server_that_is_away_fails(self) -> None:
        tap = Tap(self.clock, Side.CANDIDATE, Unreadable(self.queue), NAMES, self.found.append)
        self.failureResultOf(Deferred.fromCoroutine(tap.attach()), QueueError)
        self.assertFalse(tap.state.attached)
