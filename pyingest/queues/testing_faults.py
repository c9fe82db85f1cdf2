"""What every queue promises when its server fails, as tests that each engine runs."""

import signal
from contextlib import suppress
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.task import deferLater

from pyingest.event import Event, Stored
from pyingest.queues.interface import Outcome, Queue, QueueError, Reader
from pyingest.queues.opening import open_queue, open_reader
from pyingest.queues.testing import BIG, KEY, bodies

reactor: Any = installed

DEADLINE = 0.7
GRACE = 1.0
"""Seconds for one publish to a server that fails, and by how much it may miss them."""
NOT_STORED = (Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.UNKNOWN)


class FaultContract:
    """What every engine with a server promises when that server fails.

    *server* can be killed, halted and begun again at the same port, with what it had on disk.
    """

    durable = True
    """Whether what was confirmed survives the server's sudden end."""
    returns = True
    """Whether the server can come back at the same port."""

    names = ("events", "profiles")
    server: Any
    assertEqual: Any
    assertGreater: Any
    assertIn: Any
    assertLessEqual: Any
    addCleanup: Any

    def url(self) -> str:
        """Return where the queues *names* lie, with a deadline of :data:`DEADLINE`."""
        raise NotImplementedError

    def opened(self) -> Queue:
        """Return a queue; it is closed after the test."""
        queue = open_queue(reactor, self.url())
        self.addCleanup(lambda: Deferred.fromCoroutine(queue.close()))
        return queue

    def publish(self, queue: Queue, *bodies: bytes) -> "Deferred[list[Outcome]]":
        """Publish, and fail when that takes much longer than the deadline."""
        asked = Deferred.fromCoroutine(
            queue.publish([Event(self.names[0], body, KEY) for body in bodies])
        )
        return asked.addTimeout(DEADLINE + GRACE, reactor)

    async def works_again(self, queue: Queue, body: bytes) -> None:
        """Publish *body*, which may be refused for a while, until it is stored."""
        for _ in range(50):
            if await self.publish(queue, body) == [Outcome.STORED]:
                return
            await deferLater(reactor, 0.2)
        raise AssertionError("the queue does not come back")

    def test_what_was_confirmed_outlives_the_server(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            told: dict[bytes, Outcome] = {}
            asked = []

            def note(outcomes: list[Outcome], name: bytes) -> None:
                told[name] = outcomes[0]
                if len(told) == 100:
                    self.server.kill()

            reader = open_reader(reactor, self.url(), "tap")
            await reader.attach()
            for number in range(400):
                name = b"%d" % number
                asked.append(self.publish(queue, name).addCallback(note, name))
                if number % 20 == 0:
                    await deferLater(reactor, 0.001)
            await gatherResults(asked)
            self.server.start()
            await self.works_again(queue, b"last")
            found = bodies(await again(reader))
            sure = {name for name, outcome in told.items() if outcome is Outcome.STORED}
            not_sent = {name for name, outcome in told.items() if outcome is Outcome.REFUSED}
            self.assertGreater(len(sure), 50)
            self.assertLessEqual({*sure, b"last"}, set(found))
            self.assertEqual(not_sent & set(found), set())
            await reader.close()

        return Deferred.fromCoroutine(body()) if self.durable else succeed(None)

    def test_a_server_that_is_away_stores_nothing_and_may_come_back(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            await self.works_again(queue, b"before")
            self.server.kill()
            for number in range(3):
                (outcome,) = await self.publish(queue, b"%d" % number)
                self.assertIn(outcome, NOT_STORED)
            if self.returns:
                self.server.start()
                await self.works_again(queue, b"after")

        return Deferred.fromCoroutine(body())

    def test_a_server_that_hangs_is_not_waited_for(self) -> Deferred[None]:
        async def body() -> None:
            queue = self.opened()
            await self.works_again(queue, b"before")
            self.server.signal(signal.SIGSTOP)
            try:
                outcomes = await self.publish(queue, b"1", b"2")
                self.assertEqual(outcomes, [Outcome.TIMED_OUT] * 2)
                for _ in range(2):
                    (outcome,) = await self.publish(queue, b"3")
                    self.assertIn(outcome, NOT_STORED)
                outcomes = await self.publish(queue, *[b"x" * BIG] * 8)
                self.assertLessEqual(set(outcomes), set(NOT_STORED))
            finally:
                self.server.signal(signal.SIGCONT)
            await self.works_again(queue, b"after")

        return Deferred.fromCoroutine(body())

    def test_a_queue_may_be_opened_before_its_server(self) -> Deferred[None]:
        async def body() -> None:
            self.server.kill()
            queue = self.opened()
            (outcome,) = await self.publish(queue, b"early")
            self.assertIn(outcome, NOT_STORED)
            if self.returns:
                self.server.start()
                await self.works_again(queue, b"late")

        return Deferred.fromCoroutine(body())


async def again(reader: Reader) -> list[Stored]:
    """Read once, as often as it takes until the server has been found again."""
    for _ in range(50):
        with suppress(QueueError):
            return await reader.read(10_000)
        await deferLater(reactor, 0.2)
    raise AssertionError("the reader does not come back")
