"""The guarded queue: a 1 only for what lasts, in order, whatever the queue behind does."""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from pyingest.durability.acknowledgement import Ack, Circuit, DurableOptions
from pyingest.durability.durable import DurableQueue
from pyingest.durability.segments import SET_ASIDE, SegmentLog
from pyingest.durability.spool import Spool, open_spool
from pyingest.event import Event
from pyingest.queues.faulty import Fault, FaultyQueue
from pyingest.queues.interface import Outcome
from pyingest.testing import ScriptedQueue

reactor: Any = installed
STORED = Outcome.STORED
OPTIONS = DurableOptions(
    patience=0.15, first_pause=0.02, longest_pause=0.1, batch_events=8, close_seconds=2
)


def numbered(*numbers: int) -> list[Event]:
    return [Event("events", b"%d" % number) for number in numbers]


async def until(true: Callable[[], object]) -> None:
    for _ in range(1000):
        if true():
            return
        await deferLater(reactor, 0.005)
    raise AssertionError("it did not come to that")


def waiting_in_a_copy(root: Path) -> set[bytes]:
    """Return what a process would find that came after a crash at this moment."""
    with tempfile.TemporaryDirectory() as copy:
        for path in root.glob("spool-000/*"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path, copy)
        log = SegmentLog(Path(copy), 1 << 20)
        found = log.next(None, 1_000_000, 1 << 30)
        log.close()
        return {each.entry.event.body for each in found}


class DurableCase(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="spool-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.inner = ScriptedQueue()
        self.behind = FaultyQueue(self.inner)

    def spool(self, limit: int = 1 << 20) -> Spool:
        return open_spool(reactor, self.root, limit)

    def queue(
        self,
        spool: Spool | None = None,
        policy: Ack = Ack.QUEUE,
        options: DurableOptions = OPTIONS,
    ) -> DurableQueue:
        queue = DurableQueue(reactor, self.behind, spool, policy, options)
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    @property
    def stored(self) -> list[bytes]:
        return [event.body for event in self.inner.events]

    async def drained(self, queue: DurableQueue) -> None:
        await until(lambda: queue.status().spooled_events == 0)


class QueuePolicyTests(DurableCase):
    """The default: the queue confirms, and the spool stands in for it."""

    async def test_a_queue_that_is_well_gets_events_straight(self) -> None:
        queue = self.queue(self.spool())
        assert await queue.publish(numbered(1, 2)) == [STORED, STORED]
        assert self.stored == [b"1", b"2"]
        status = queue.status()
        assert (status.direct, status.taken, status.spooled_bytes) == (2, 0, 0)

    async def test_what_is_refused_is_spooled_and_comes_out_in_order(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.REFUSES
        for number in range(50):
            assert await queue.publish(numbered(number)) == [STORED]
        assert self.stored == []
        assert queue.status().spooled_events == 50
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert self.stored == [b"%d" % number for number in range(50)]
        assert queue.status().possible_duplicates == 0

    async def test_events_of_several_writers_come_out_in_the_order_of_their_writers(self) -> None:
        queue = self.queue(self.spool())

        async def writer(lane: int) -> None:
            for number in range(60):
                (outcome,) = await queue.publish([Event("events", b"%d %d" % (lane, number))])
                assert outcome is STORED

        async def moods() -> None:
            for fault in (Fault.REFUSES, Fault.NONE, Fault.IS_FULL, Fault.REFUSES, Fault.NONE):
                self.behind.fault = fault
                await deferLater(reactor, 0.03)

        await gatherResults(
            [Deferred.fromCoroutine(work) for work in [*map(writer, range(8)), moods()]]
        )
        await self.drained(queue)
        for lane in range(8):
            mine = [body for body in self.stored if body.startswith(b"%d " % lane)]
            assert mine == [b"%d %d" % (lane, number) for number in range(60)]

    async def test_a_queue_that_stays_away_holds_nothing_but_time(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.IS_FULL
        assert await queue.publish(numbered(1, 2)) == [STORED, STORED]
        await until(lambda: self.behind.publishes > 12)
        assert queue.status().spooled_events == 2
        assert await queue.publish(numbered(3)) == [STORED]
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert self.stored == [b"1", b"2", b"3"]

    async def test_a_full_queue_is_spooled_for(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.IS_FULL
        assert await queue.publish(numbered(1)) == [STORED]
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert self.stored == [b"1"]

    async def test_a_hanging_queue_holds_one_request_and_no_other(self) -> None:
        queue = self.queue(self.spool(), options=DurableOptions(patience=0.3, first_pause=60))
        self.behind.fault = Fault.HANGS
        assert await queue.publish(numbered(0)) == [STORED]
        assert queue.status().circuit is Circuit.OPEN
        for number in range(1, 100):
            assert await queue.publish(numbered(number)) == [STORED]
        assert self.behind.publishes == 1

    async def test_an_open_circuit_is_probed_and_closes_by_itself(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.HANGS
        await queue.publish(numbered(1))
        await until(lambda: queue.status().circuit is Circuit.HALF_OPEN)
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert queue.status().circuit is Circuit.CLOSED
        assert await queue.publish(numbered(2)) == [STORED]
        assert self.stored == [b"1", b"2"]

    async def test_what_may_be_on_the_queue_is_sent_again_with_its_id_and_counted(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.SWALLOWS
        assert await queue.publish(numbered(1, 2)) == [STORED, STORED]
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        seen = Counter(self.stored)
        assert set(seen) == {b"1", b"2"}
        assert queue.status().possible_duplicates == sum(seen.values()) - 2
        ids = {(event.body, event.id) for event in self.inner.events}
        assert len(ids) == 2
        assert all(identity for _, identity in ids)

    async def test_an_id_that_is_there_is_kept(self) -> None:
        queue = self.queue(self.spool())
        await queue.publish([Event("events", b"x", b"key", b"mine")])
        assert (self.inner.events[0].key, self.inner.events[0].id) == (b"key", b"mine")

    async def test_half_a_batch_that_is_refused_is_spooled_alone(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.TAKES_HALF
        assert await queue.publish(numbered(0, 1, 2, 3)) == [STORED] * 4
        assert self.stored[:2] == [b"0", b"2"]
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert Counter(self.stored) == Counter([b"0", b"1", b"2", b"3"])

    async def test_a_late_confirmation_of_the_drain_spares_a_second_sending(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.REFUSES
        await queue.publish(numbered(1))
        self.behind.fault = Fault.HANGS
        await until(lambda: self.behind.publishes == 3)
        await deferLater(reactor, 0.2)
        self.behind.release()
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert set(self.stored) == {b"1"}

    async def test_under_load_it_goes_back_to_the_queue(self) -> None:
        queue = self.queue(self.spool())
        ended: list[bool] = []

        async def writer(lane: int) -> None:
            number = 0
            while not ended:
                await queue.publish(numbered(1000 * lane + number))
                number += 1
                await deferLater(reactor, 0)

        self.behind.fault = Fault.REFUSES
        writers = [Deferred.fromCoroutine(writer(lane)) for lane in range(4)]
        await until(lambda: queue.status().taken > 20)
        self.behind.fault = Fault.NONE
        await until(lambda: queue.status().direct > 100)
        ended.append(True)
        await gatherResults(writers)

    async def test_what_the_queue_takes_from_nobody_does_not_hold_up_the_rest(self) -> None:
        queue = self.queue(self.spool(), options=replace(OPTIONS, refusal_seconds=0.05))
        self.behind.poison = frozenset([b"1"])
        assert await queue.publish(numbered(1)) == [STORED]
        for number in range(2, 200):
            assert await queue.publish(numbered(number)) == [STORED]
            await deferLater(reactor, 0.005)
            if queue.status().set_aside:
                break
        await self.drained(queue)
        assert self.stored == [b"%d" % n for n in range(2, number + 1)]
        assert queue.status().set_aside == 1
        # As docs/durability.md has it: in a directory of its own it is sent again.
        self.behind.poison = frozenset()
        again = self.root / "spool-900"
        again.mkdir()
        (self.root / "spool-000" / SET_ASIDE).rename(again / "0000000001.log")
        await queue.close()
        await Deferred.fromCoroutine(self.drained(self.queue(self.spool())))
        await until(lambda: b"1" in self.stored)

    async def test_without_a_spool_an_unconfirmed_event_is_not_confirmed(self) -> None:
        queue = self.queue(None)
        for fault, outcome in (
            (Fault.REFUSES, Outcome.REFUSED),
            (Fault.IS_FULL, Outcome.FULL),
            (Fault.LOSES, Outcome.UNKNOWN),
        ):
            self.behind.fault = fault
            assert await queue.publish(numbered(1)) == [outcome]
        assert queue.status().refused == 3

    async def test_without_a_spool_a_hanging_queue_holds_one_request_a_probe(self) -> None:
        queue = self.queue(None)
        self.behind.fault = Fault.HANGS
        assert await queue.publish(numbered(1)) == [Outcome.TIMED_OUT]
        assert await queue.publish(numbered(2)) == [Outcome.REFUSED]
        await deferLater(reactor, 0.05)
        self.behind.fault = Fault.NONE
        assert await queue.publish(numbered(3)) == [STORED]
        assert await queue.publish(numbered(4)) == [STORED]


class SpoolTroubleTests(DurableCase):
    """No false 1, when the spool cannot take an event either."""

    async def test_a_full_spool_is_told(self) -> None:
        queue = self.queue(self.spool(limit=2000))
        self.behind.fault = Fault.REFUSES
        outcomes = [(await queue.publish(numbered(number)))[0] for number in range(100)]
        taken = outcomes.count(STORED)
        assert 0 < taken < 60
        assert outcomes == [STORED] * taken + [Outcome.FULL] * (100 - taken)
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert self.stored == [b"%d" % number for number in range(taken)]
        assert await queue.publish(numbered(100)) == [STORED]

    async def test_a_directory_that_is_gone_is_told_and_the_queue_is_used_once_it_is_back(
        self,
    ) -> None:
        queue = self.queue(self.spool())
        shutil.rmtree(self.root)
        self.behind.fault = Fault.REFUSES
        for number in range(9):
            (outcome,) = await queue.publish(numbered(number))
            assert outcome is Outcome.REFUSED
        assert "No such file" in queue.status().trouble
        self.behind.fault = Fault.NONE
        await deferLater(reactor, 0.15)
        assert await queue.publish(numbered(9)) == [STORED]
        assert self.stored == [b"9"]

    async def test_what_may_be_stored_is_not_called_refused(self) -> None:
        queue = self.queue(self.spool(limit=10))
        self.behind.fault = Fault.SWALLOWS
        assert await queue.publish(numbered(1)) == [Outcome.UNKNOWN]


class OtherPolicyTests(DurableCase):
    """Spool and memory."""

    async def test_the_spool_confirms_before_the_queue(self) -> None:
        queue = self.queue(self.spool(), Ack.SPOOL)
        self.behind.fault = Fault.HANGS
        assert await queue.publish(numbered(1, 2)) == [STORED, STORED]
        assert queue.status().spooled_events == 2
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert set(self.stored) == {b"1", b"2"}

    async def test_everything_goes_through_the_spool(self) -> None:
        queue = self.queue(self.spool(), Ack.SPOOL)
        for number in range(100):
            assert await queue.publish(numbered(number)) == [STORED]
        await self.drained(queue)
        assert self.stored == [b"%d" % number for number in range(100)]
        assert (queue.status().direct, queue.status().drained) == (0, 100)

    async def test_the_policy_spool_needs_a_spool(self) -> None:
        self.assertRaises(ValueError, DurableQueue, reactor, self.behind, None, Ack.SPOOL)
        await self.behind.close()

    async def test_memory_confirms_at_once_and_is_bounded(self) -> None:
        options = DurableOptions(patience=0.1, first_pause=0.02, memory_bytes=3, close_seconds=1)
        queue = self.queue(None, Ack.MEMORY, options)
        self.behind.fault = Fault.REFUSES
        outcomes = [(await queue.publish(numbered(number)))[0] for number in range(5)]
        assert outcomes == [STORED] * 3 + [Outcome.FULL] * 2
        self.behind.fault = Fault.NONE
        await self.drained(queue)
        assert self.stored == [b"0", b"1", b"2"]
        assert await queue.publish(numbered(5)) == [STORED]

    async def test_a_stop_sends_what_is_in_memory(self) -> None:
        queue = self.queue(None, Ack.MEMORY)
        self.behind.fault = Fault.REFUSES
        await queue.publish(numbered(*range(20)))
        self.behind.fault = Fault.NONE
        await queue.close()
        assert self.stored == [b"%d" % number for number in range(20)]


class RestartTests(DurableCase):
    """What a process leaves to the next."""

    async def test_the_next_process_sends_what_is_left_before_what_is_new(self) -> None:
        first = self.queue(self.spool())
        self.behind.fault = Fault.REFUSES
        await first.publish(numbered(1, 2))
        await first.close()
        self.behind.fault = Fault.NONE
        second = self.queue(self.spool())
        assert second.status().spooled_events == 2
        assert await second.publish(numbered(3)) == [STORED]
        await self.drained(second)
        assert self.stored == [b"1", b"2", b"3"]

    async def test_a_stop_sends_on_while_the_queue_takes_it(self) -> None:
        queue = self.queue(self.spool(), Ack.SPOOL)
        await gatherResults(
            [Deferred.fromCoroutine(queue.publish(numbered(number))) for number in range(100)]
        )
        await queue.close()
        assert sorted(self.stored) == sorted(b"%d" % number for number in range(100))
        assert self.inner.closed
        assert await queue.publish(numbered(1)) == [Outcome.REFUSED]

    async def test_a_stop_does_not_wait_for_a_queue_that_hangs(self) -> None:
        queue = self.queue(self.spool())
        self.behind.fault = Fault.HANGS
        await queue.publish(numbered(1))
        await queue.close()
        again = self.spool()
        assert again.events == 1
        await again.close()

    async def test_a_crash_at_any_moment_leaves_all_that_is_not_on_the_queue(self) -> None:
        queue = self.queue(self.spool())
        told: set[bytes] = set()
        ended: list[bool] = []

        async def writer(lane: int) -> None:
            number = 0
            while not ended:
                body = b"%d %d" % (lane, number)
                if await queue.publish([Event("events", body)]) == [STORED]:
                    told.add(body)
                number += 1
                await deferLater(reactor, 0.001)

        writers = [Deferred.fromCoroutine(writer(lane)) for lane in range(4)]
        for fault in [Fault.REFUSES, Fault.TAKES_HALF, Fault.HANGS, Fault.NONE, Fault.IS_FULL] * 2:
            self.behind.fault = fault
            for _ in range(4):
                await deferLater(reactor, 0.02)
                assert told - set(self.stored) - waiting_in_a_copy(self.root) == set()
        ended.append(True)
        self.behind.fault = Fault.NONE
        self.behind.release()
        await gatherResults(writers)
        assert len(told) > 100

    async def test_two_processes_have_directories_of_their_own(self) -> None:
        first, second = self.spool(), self.spool()
        assert first.directory != second.directory
        assert await first.append([]) is STORED
        await first.close()
        third = self.spool()
        assert third.directory == first.directory
        await second.close()
        await third.close()

    async def test_what_a_dead_process_left_is_taken_over_and_its_directory_removed(self) -> None:
        mine, dead = self.spool(), self.spool()
        behind, self.behind.fault = self.queue(dead), Fault.REFUSES
        await behind.publish(numbered(1, 2, 3))
        await behind.close()
        self.behind.fault = Fault.NONE
        queue = self.queue(mine)
        await until(lambda: queue.status().adopted == 1 and not queue.status().spooled_events)
        assert self.stored == [b"1", b"2", b"3"]
        await until(lambda: [path.name for path in self.root.iterdir()] == ["spool-000"])
        assert await queue.publish(numbered(4)) == [STORED]

    async def test_a_directory_with_events_that_were_set_aside_stays(self) -> None:
        mine, dead = self.spool(), self.spool()
        (dead.directory / SET_ASIDE).write_bytes(b"for a person")
        await dead.close()
        assert await mine.adopt() == 0
        assert (dead.directory / SET_ASIDE).exists()
        await mine.close()
