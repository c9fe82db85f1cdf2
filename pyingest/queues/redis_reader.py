"""Reads streams of Redis from an id on, which takes nothing from anybody."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import RedisError

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueError, QueueUrl
from pyingest.queues.link import Away, Link
from pyingest.queues.loop_queue import READ_SECONDS
from pyingest.queues.redis_connection import Lost, RedisConnection, connect
from pyingest.queues.redis_gauge import (
    START,
    Consumers,
    StreamState,
    consumers,
    gauge,
    order,
    stream_state,
)

T = TypeVar("T")


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
        self._sought: dict[str, Position] = {}
        self._lost: dict[str, int] = dict.fromkeys(url.names, 0)

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

    async def gauge(self) -> dict[str, Gauge]:
        """Return what the server tells of each stream, and of its consumer groups.

        :raises QueueError: the server cannot be asked now.
        """
        return await self._guarded(self._gauges)

    def position(self) -> str:
        """Return the ids behind which this reader stands."""
        return json.dumps({name: at.encode().decode() for name, at in self._at.items()})

    def seek(self, position: str) -> None:
        """Go on behind *position*, if that is further than what the server keeps.

        :raises QueueError: the text is no position of a reader of Redis.
        """
        try:
            self._sought = {name: decode(text) for name, text in json.loads(position).items()}
            for at in self._sought.values():
                order(at.id)
        except (ValueError, TypeError, AttributeError):
            raise QueueError(f"{self._where}: no position of a reader of Redis") from None

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
        for name in self._sought.keys() & self._at.keys():
            self._at[name] = max(self._at[name], self._sought[name], key=lambda at: order(at.id))
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

    async def _gauges(self, connection: RedisConnection) -> dict[str, Gauge]:
        if not self._at:
            await self._attach(connection)
        found: dict[str, Gauge] = {}
        for name in self._at:
            state = await stream_state(connection, name)
            self._miss(name, state)
            groups = await consumers(connection, name) if state.added else Consumers()
            lost, passed = self._lost[name], self._at[name].passed
            found[name] = gauge(state, groups, max(0, state.added - passed), lost)
        return found

    def _miss(self, name: str, state: StreamState) -> None:
        """Count what was removed from a stream before it could be read, and step over it."""
        at = self._at[name]
        is_behind = order(state.last) > order(at.id)
        gone = (state.gone if is_behind else state.added) - at.passed
        if gone > 0:
            self._lost[name] += gone
            self._at[name] = Position(at.id, at.passed + gone)

    async def _detach(self, connection: RedisConnection) -> None:
        await connection.client.hdel(self._key, *self._url.names)
        self._at, self._kept, self._sought = {}, {}, {}

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


def good(reply: Any) -> Any:
    """Return *reply*, unless it is an error.

    :raises ResponseError: it is one.
    """
    if isinstance(reply, Exception):
        raise reply
    return reply
