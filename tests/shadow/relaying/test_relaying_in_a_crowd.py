"""Where sockets are read together, all is as where they are read one by one, and nothing is lost.

The test cases of other files are run again here.
"""

from typing import Any

from twisted.internet.task import deferLater

from pyingest import crowd
from shadow.dualrun import DualRun
from shadow.relaying.errand import Errand
from shadow.relaying.link import Link
from shadow.relaying.pool import Pool
from shadow.relaying.raw import RawAnswer
from shadow.routing import Route
from shadow.testing import FakeVisitor
from tests.pyingest import test_outlet
from tests.shadow.relaying import test_pool, test_relaying, test_relaying_chaos
from tests.shadow.relaying.test_pool import CLOCK, ONE, REQUEST, Awaited, write


class Gathered:
    """Has a crowd for the connections of its test case."""

    def setUp(self) -> None:
        here: Any = self
        here.patch(crowd, "_gatherings", {})
        here.patch(crowd, "_asides", {})
        crowd.gather(CLOCK)
        self.crowd: Any = crowd.gathering_of(CLOCK)
        above: Any = super()
        above.setUp()


class OutletTests(Gathered, test_outlet.OutletTests):
    pass


class RelayingTests(Gathered, test_relaying.RelayingTests):
    pass


class ChaosTests(Gathered, test_relaying_chaos.ChaosTests):
    pass


class PoolTests(Gathered, test_pool.PoolTests):
    async def taken(self) -> tuple[Pool, Link, Awaited]:
        """Return a connection that was used before, and has taken a request it has not sent."""
        self.wires: list[Any] = []

        def react(server: Any, number: int) -> None:
            self.wires.append(server.transport)
            write(server, ONE)

        pool = self.serve(react)
        await self.send(pool)
        await deferLater(CLOCK, 0)  # until now we were called by the crowd
        passage = Awaited()
        self.crowd.gathers = True
        pool.send(REQUEST, passage)
        self.crowd.gathers = False
        assert passage.link is not None
        return pool, passage.link, passage

    async def answered_elsewhere(self, passage: Awaited) -> None:
        self.assertIsInstance(await passage.ended, RawAnswer)
        self.assertEqual((self.connections, self.requests), (2, 2))

    async def test_a_request_leaves_with_others_and_is_answered(self) -> None:
        _, _, passage = await self.taken()
        await deferLater(CLOCK, 0.05)
        self.assertEqual(self.requests, 1)
        self.crowd.doRead()
        self.assertIsInstance(await passage.ended, RawAnswer)
        self.assertEqual((self.connections, self.requests), (1, 2))

    async def test_one_whose_connection_is_closed_before_it_leaves_goes_another_way(self) -> None:
        _, _, passage = await self.taken()
        self.wires[0].loseConnection()
        await self.answered_elsewhere(passage)

    async def test_one_whose_connection_brings_something_before_it_leaves_goes_another_way(
        self,
    ) -> None:
        _, _, passage = await self.taken()
        self.wires[0].write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await self.answered_elsewhere(passage)

    async def test_one_whose_connection_takes_no_byte_goes_another_way(self) -> None:
        _, link, passage = await self.taken()
        handle: Any = link.transport
        handle.getHandle().shutdown(1)
        self.crowd.doRead()
        await self.answered_elsewhere(passage)

    async def test_the_rest_of_a_large_one_waits_until_its_beginning_has_left(self) -> None:
        _, link, passage = await self.taken()
        errand = Errand(DualRun(1, REQUEST, Route()), FakeVisitor(), False, lambda *_: None)
        errand.link = link
        self.assertFalse(errand.more(b"rest", True))
        await deferLater(CLOCK, 0.05)
        self.assertEqual(self.requests, 1)
        self.crowd.doRead()
        self.assertFalse(link.holds_back)
        self.assertIsInstance(await passage.ended, RawAnswer)

    async def test_one_that_nobody_wants_any_more_does_not_leave(self) -> None:
        pool, link, _ = await self.taken()
        link.drop()
        self.crowd.doRead()
        await self.send(pool)
        self.assertEqual((self.connections, self.requests), (2, 2))
