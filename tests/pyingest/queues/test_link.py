"""One connection, made when it is needed; and the thread in which it lives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from pyingest.queues import link as module
from pyingest.queues.interface import QueueError
from pyingest.queues.link import Away, Link
from pyingest.queues.loop_thread import LoopThread


class Wire:
    """A connection."""

    def __init__(self) -> None:
        self.lost = False
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Server:
    """Makes connections, or fails to."""

    def __init__(self) -> None:
        self.made: list[Wire] = []
        self.attempts = 0
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def connect(self) -> Wire:
        self.attempts += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.made.append(Wire())
        return self.made[-1]


def run(test: Callable[[Server, Link[Wire]], Awaitable[None]]) -> None:
    """Run *test* with a server and a link to it."""

    async def main() -> None:
        server = Server()
        link = Link(server.connect)
        await test(server, link)
        await link.close()

    asyncio.run(main())


def test_a_connection_is_made_once_and_kept() -> None:
    async def test(server: Server, link: Link[Wire]) -> None:
        assert await link.get(1) is await link.get(1)
        assert server.attempts == 1

    run(test)


def test_those_who_come_while_it_connects_share_the_attempt() -> None:
    async def test(server: Server, link: Link[Wire]) -> None:
        server.open.clear()
        asked = [asyncio.create_task(link.get(5)) for _ in range(3)]
        await asyncio.sleep(0)
        server.open.set()
        assert len(set(await asyncio.gather(*asked))) == 1
        assert server.attempts == 1

    run(test)


def test_a_lost_connection_is_closed_and_made_anew() -> None:
    async def test(server: Server, link: Link[Wire]) -> None:
        first = await link.get(1)
        first.lost = True
        assert await link.get(1) is not first
        assert first.closed

    run(test)


def test_a_failure_is_told_at_once_until_it_is_time_to_try_again() -> None:
    async def test(server: Server, link: Link[Wire]) -> None:
        server.error = Away("nobody there")
        for _ in range(3):
            with pytest.raises(Away, match="nobody there"):
                await link.get(1)
        assert server.attempts == 1
        server.error = None
        await asyncio.sleep(1.2 * module.FIRST_WAIT)
        assert await link.get(1) is server.made[0]

    run(test)


def test_one_that_does_not_answer_is_waited_for_as_long_as_was_said() -> None:
    async def test(server: Server, link: Link[Wire]) -> None:
        server.open.clear()
        with pytest.raises(Away, match="does not answer"):
            await link.get(0.01)
        server.open.set()
        assert await link.get(1) is server.made[0]
        assert server.attempts == 1

    run(test)


def test_an_attempt_that_breaks_is_a_failure_like_another() -> None:
    async def test(server: Server, link: Link[Wire]) -> None:
        server.error = RuntimeError("a client's own")
        with pytest.raises(Away, match="a client's own"):
            await link.get(5)

    run(test)


def test_an_attempt_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.01)

    async def test(server: Server, link: Link[Wire]) -> None:
        server.open.clear()
        with pytest.raises(Away, match="does not answer"):
            await link.get(5)

    run(test)


class LoopThreadTests(TestCase):
    """A loop beside the reactor."""

    def setUp(self) -> None:
        self.loop = LoopThread(reactor, "test")
        self.addCleanup(self.loop.stop)

    def test_results_and_errors_come_back(self) -> Deferred[None]:
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            if number < 0:
                raise ValueError("negative")
            return 2 * number

        async def body() -> None:
            self.assertEqual(await self.loop.ask(double(4)), 8)
            await self.assertFailure(self.loop.ask(double(-1)), ValueError)
            self.assertEqual(self.loop.wait(double(1), 5), 2)

        return Deferred.fromCoroutine(body())

    def test_waiting_has_an_end_and_ends_the_work(self) -> None:
        ended: list[Any] = []

        async def forever() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        with self.assertRaises(TimeoutError):
            self.loop.wait(forever(), 0.01)
        self.loop.stop()
        self.assertEqual(ended, [True])

    def test_stopping_ends_what_runs_and_refuses_what_comes(self) -> Deferred[None]:
        async def body() -> None:
            asked = self.loop.ask(asyncio.sleep(60))
            self.loop.wait(asyncio.sleep(0), 5)
            self.loop.stop()
            self.loop.stop()
            await self.assertFailure(asked, QueueError)
            await self.assertFailure(self.loop.ask(asyncio.sleep(0)), QueueError)

        return Deferred.fromCoroutine(body())
