"""Reads streams of Redis from an id on, which takes nothing from anybody."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import RedisError, ResponseError

from pyingest.event import Stored
from pyingest.queues.interface import QueueError, QueueUrl
from pyingest.queues.link import Away, Link
from pyingest.queues.loop_queue import READ_SECONDS
from pyingest.queues.redis_connection import Lost, RedisConnection, connect

T = TypeVar("T")

START = b"0-0"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader stands in one stream."""

    id: bytes
    """The last entry that it has passed."""
    passed: int
    """How many entries were ever added up to that one."""

    def encode(self) -> bytes:
        """Return it as it is kept."""
        return b"%b %d" % (self.id, self.passed)


def decode(text: bytes | str) -> Position:
    """Return what :meth:`Position.encode` wrote."""
    id, _, passed = (text.encode() if isinstance(text, str) else text).partition(b" ")
    return Position(id, int(passed))


class RedisReader:
    """Reads by positions that lie in a hash of the server, named after the cursor.

    They are kept when the next batch is asked for and at the end, so that a reader that dies
    gets its last batch again. Offsets are the count of all that was ever added to the stream.
    """

    def __init__(self, url: QueueUrl, cursor: str, from_start: bool = False) -> None:
        self._url = url
        self._where = f"queue {url.shown}"
        self._key = f"mixmigrate:cursor:{cursor}"
        self._from_start = from_start
        self._link: Link[RedisConnection] = Link(lambda: connect(url))
        self._at: dict[str, Position] = {}
        self._kept: dict[str, Position] = {}

    async def attach(self) -> None:
        """Take the positions from which the streams will be read, and keep them.

        :raises QueueError: the server cannot be asked.
        """
        await self._guarded(self._attach)

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages not yet returned, oldest first.

        :raises QueueError: the server cannot be asked now.
        """
        return await self._guarded(self._read, limit)

    async def backlog(self) -> int:
        """Return how many messages were added and not yet returned, trimmed ones included.

        :raises QueueError: the server cannot be asked now.
        """
        return await self._guarded(self._backlog)

    async def detach(self) -> None:
        """Remove the positions from the server.

        :raises QueueError: the server cannot be told now.
        """
        await self._guarded(self._detach)

    async def close(self) -> None:
        """Keep the positions and end the connection."""
        try:
            if self._at != self._kept:
                await self._guarded(self._keep)
        except QueueError:
            pass  # a successor gets the last batch again
        await self._link.close()

    async def _attach(self, connection: RedisConnection) -> None:
        client = connection.client
        names = list(self._url.names)
        known = await client.hmget(self._key, names)
        self._at = {
            name: decode(text) if text else await self._start(connection, name)
            for name, text in zip(names, known, strict=True)
        }
        await self._keep(connection)

    async def _start(self, connection: RedisConnection, name: str) -> Position:
        state = await stream_state(connection, name)
        if self._from_start:
            return Position(START, state.added - state.length)
        return Position(state.last, state.added)

    async def _read(self, connection: RedisConnection, limit: int) -> list[Stored]:
        if not self._at:
            await self._attach(connection)
        await self._keep(connection)
        batch = connection.batch()
        for name, position in self._at.items():
            batch.xrange(name, b"(" + position.id, b"+", limit)
        entries = [
            (order(id), name, id, fields)
            for name, reply in zip(self._at, await connection.run(batch), strict=True)
            for id, fields in good(reply)
        ]
        found: list[Stored] = []
        for _, name, id, fields in sorted(entries, key=lambda entry: entry[0])[:limit]:
            self._at[name] = Position(id, self._at[name].passed + 1)
            found.append(Stored(name, self._at[name].passed, (fields or {}).get(b"body", b"")))
        return found

    async def _backlog(self, connection: RedisConnection) -> int:
        if not self._at:
            await self._attach(connection)
        total = 0
        for name, position in self._at.items():
            state = await stream_state(connection, name)
            if order(state.last) > order(position.id):
                total += max(0, state.added - position.passed)
        return total

    async def _detach(self, connection: RedisConnection) -> None:
        await connection.client.hdel(self._key, *self._url.names)
        self._at, self._kept = {}, {}

    async def _keep(self, connection: RedisConnection) -> None:
        moved = {name: at for name, at in self._at.items() if self._kept.get(name) != at}
        if moved:
            values: dict[Any, Any] = {name: at.encode() for name, at in moved.items()}
            await connection.client.hset(self._key, mapping=values)
            self._kept |= moved

    async def _guarded(self, work: Callable[..., Awaitable[T]], *values: object) -> T:
        """Do *work* on a living connection within the time that a reader has."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                connection = await self._link.get(READ_SECONDS)
                await connection.wake()
                return await work(await self._link.get(READ_SECONDS), *values)
        except (Away, Lost, RedisError, OSError, TimeoutError) as error:
            await self._link.drop()
            why = str(error) or "it does not answer"
            raise QueueError(f"{self._where}: {why}; is Redis running there?") from None


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a server tells about a stream."""

    last: bytes
    added: int
    length: int


async def stream_state(connection: RedisConnection, name: str) -> StreamState:
    """Return the state of a stream; one that is not there is empty.

    :raises QueueError: the server is older than Redis 7.0, which counts what was added.
    """
    try:
        known: dict[str, Any] = await connection.client.xinfo_stream(name)
    except ResponseError as error:
        if "no such key" in str(error):
            return StreamState(START, 0, 0)
        raise
    if "entries-added" not in known:
        raise QueueError("the server is too old to be read: it must be Redis 7.0 or later")
    return StreamState(known["last-generated-id"], known["entries-added"], known["length"])


def order(id: bytes) -> tuple[int, int]:
    """Return an entry's id as it sorts."""
    time, _, number = id.partition(b"-")
    return int(time), int(number)


def good(reply: Any) -> Any:
    """Return *reply*, unless it is an error.

    :raises ResponseError: it is one.
    """
    if isinstance(reply, Exception):
        raise reply
    return reply
