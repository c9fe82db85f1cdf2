"""Queues and readers whose clients live in an asyncio loop, as Twisted sees them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyingest.event import Event, Stored
from pyingest.queues.batches import Batches
from pyingest.queues.gauge import Gauge, Gauging, Seekable
from pyingest.queues.interface import Outcome, QueueError, Reader
from pyingest.queues.loop_thread import LoopThread

T = TypeVar("T")

READ_SECONDS = 10.0
"""How long a server may take to answer a reader."""


class Writer(Protocol):
    """A client in the loop's thread."""

    trouble: str
    """Why the last batch was not stored; empty when it was."""

    async def check(self) -> bool:
        """Look whether the queues are there; make them where that was asked for.

        Gives ``False`` when the server could not be asked: it may come.

        :raises QueueError: one is missing, or cannot be written as it is.
        """

    async def send(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Write *events* in order within *seconds*; return one outcome per event."""

    async def close(self) -> None:
        """End the connection."""


class LoopQueue:
    """Writes through a client that lives in a loop's thread.

    Making one blocks until the server was asked for its queues, at most for the deadline.

    :param lanes: how many batches the client may have under way.
    :raises QueueError: a stream or topic is missing.
    """

    log = Logger()

    def __init__(
        self, reactor: Any, make: Callable[[], Writer], deadline: float, lanes: int
    ) -> None:
        self._told = ""
        self._checked = False
        self._checking = asyncio.Lock()
        self._thread = LoopThread(reactor, "queue client")
        self._writer = make()
        self._batches = Batches(reactor, self._send, deadline, lanes)
        try:
            self._checked = self._thread.wait(self._writer.check(), deadline)
        except TimeoutError:
            pass  # asked again before anything is sent
        except BaseException:
            self._thread.wait(self._writer.close(), READ_SECONDS)
            self._thread.stop()
            raise

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Write *events*; see :class:`pyingest.queues.interface.Queue`."""
        return await self._batches.publish(events)

    async def close(self) -> None:
        """Wait for what is under way (at most the deadline), and end the connection."""
        if self._batches.closed:
            return
        await self._batches.close()
        try:
            await self._thread.ask(self._writer.close())
        finally:
            self._thread.stop()

    def _send(self, events: list[Event], seconds: float) -> "Deferred[list[Outcome]]":
        return self._thread.ask(self._deliver(events, seconds)).addCallback(self._tell)

    async def _deliver(self, events: list[Event], seconds: float) -> list[Outcome]:
        """Send *events*; first see to the queues, if the server was not there at opening."""
        clock = asyncio.get_running_loop().time
        expires = clock() + seconds
        try:
            async with asyncio.timeout(seconds), self._checking:
                self._checked = self._checked or await self._writer.check()
        except QueueError as error:
            self._writer.trouble = str(error)
        except TimeoutError:
            self._writer.trouble = self._writer.trouble or "the queue's server does not answer"
        if not self._checked:
            return [Outcome.REFUSED] * len(events)
        return await self._writer.send(events, expires - clock())

    def _tell(self, outcomes: list[Outcome]) -> list[Outcome]:
        if self._writer.trouble != self._told:
            self._told = self._writer.trouble
            self.log.error("{trouble}", trouble=self._told or "the queue takes events again")
        return outcomes


class FullReader(Reader, Gauging, Seekable, Protocol):
    """A reader that can all that one can."""


class LoopReader:
    """A reader that lives in a loop's thread; see :class:`pyingest.queues.interface.Reader`."""

    def __init__(self, reactor: Any, make: Callable[[], FullReader]) -> None:
        self._thread = LoopThread(reactor, "queue reader")
        self._reader = make()
        self._closed = False

    async def attach(self) -> None:
        """Take the position from which messages will be read."""
        await self._ask(self._reader.attach)

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages that were not yet returned."""
        return await self._ask(self._reader.read, limit)

    async def backlog(self) -> int:
        """Return how many messages wait."""
        return await self._ask(self._reader.backlog)

    async def gauge(self) -> dict[str, Gauge]:
        """Return what the server tells of each queue."""
        return await self._ask(self._reader.gauge)

    def position(self) -> str:
        """Return where this reader stands. Not while a read is under way."""
        return self._reader.position()

    def seek(self, position: str) -> None:
        """Go on behind *position*; before attaching."""
        self._reader.seek(position)

    async def detach(self) -> None:
        """Give the position up."""
        await self._ask(self._reader.detach)

    async def close(self) -> None:
        """Keep the position and end the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._thread.ask(self._reader.close())
        finally:
            self._thread.stop()

    async def _ask(self, work: Callable[..., Coroutine[Any, Any, T]], *values: Any) -> T:
        if self._closed:
            raise QueueError("the reader is closed")
        return await self._thread.ask(work(*values))
