"""Writes to streams of Redis or Valkey."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from twisted.logger import Logger

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError, QueueUrl
from pyingest.queues.link import Away, Denied, Link
from pyingest.queues.redis_connection import Lost, RedisConnection, connect

CHECK_SECONDS = 5.0
"""How long the server may take to tell about its streams, or to make them."""


class RedisWriter:
    """A client for some streams; lives in a loop's thread. Nothing is ever trimmed from here."""

    log = Logger()

    def __init__(self, url: QueueUrl) -> None:
        self.trouble = ""
        self._url = url
        self._where = f"queue {url.shown}"
        self._link: Link[RedisConnection] = Link(lambda: connect(url))
        self._remembered = int(url.options.dedup * 1000)

    async def check(self) -> bool:
        """Look for the streams, and for settings that lose events.

        :raises QueueError: a stream is missing, or is something else.
        """
        try:
            connection = await self._link.get(CHECK_SECONDS)
            for name in self._url.names:
                await self._check_stream(connection, name)
            await self._warn(connection)
        except Denied as error:
            raise QueueError(f"{self._where}: {error}") from None
        except (Away, Lost) as error:
            self.trouble = f"{self._where}: {error}; trying on"
            return False
        except RedisError as error:
            raise QueueError(f"{self._where}: {error}") from None
        return True

    async def send(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Write *events*; see :class:`pyingest.queues.loop_queue.Writer`."""
        clock = asyncio.get_running_loop().time
        expires = clock() + seconds
        try:
            connection = await self._awake(seconds)
        except (Away, TimeoutError) as error:
            self.trouble = f"{self._where}: {error}"
            return [Outcome.REFUSED] * len(events)
        try:
            async with asyncio.timeout(expires - clock()):
                replies = await connection.run(self._batch(connection, events))
        except TimeoutError:
            self.trouble = f"{self._where}: it does not answer"
            return [Outcome.TIMED_OUT] * len(events)
        except Lost as error:
            self.trouble = f"{self._where}: {error}"
            return [Outcome.UNKNOWN] * len(events)
        outcomes = [outcome(reply) for reply in replies]
        self.trouble = self._why(events, replies)
        if any(isinstance(reply, ResponseError) for reply in replies):
            await self._link.drop()
        return outcomes

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def _awake(self, seconds: float) -> RedisConnection:
        """Return a connection that was heard of lately, or is new.

        :raises Away: there is none.
        """
        async with asyncio.timeout(seconds):
            connection = await self._link.get(seconds)
            await connection.wake()
            return await self._link.get(seconds)

    def _batch(self, connection: RedisConnection, events: Sequence[Event]) -> Any:
        batch = connection.batch()
        for event in events:
            fields = fields_of(event)
            if event.id:
                keys = (event.queue, id_key(event))
                batch.evalsha(connection.script, 2, *keys, self._remembered, *fields)
            else:
                batch.execute_command("XADD", event.queue, "NOMKSTREAM", "*", *fields)
        return batch

    def _why(self, events: Sequence[Event], replies: Sequence[Any]) -> str:
        for event, reply in zip(events, replies, strict=True):
            if reply is None:
                return f"{self._where}: there is no stream {event.queue}"
            if isinstance(reply, Exception):
                return f"{self._where}: stream {event.queue}: {reply}"
        return ""

    async def _check_stream(self, connection: RedisConnection, name: str) -> None:
        kind = text(await connection.client.type(name))
        if kind == "stream":
            return
        if kind != "none":
            raise QueueError(f"{self._where}: {name} is a {kind} and no stream; name another")
        if not self._url.options.create:
            raise QueueError(
                f"{self._where}: there is no stream {name}; make it with: redis-cli XGROUP CREATE "
                f"{name} all $ MKSTREAM, or add ?create=1 to the URL"
            )
        await connection.client.xgroup_create(name, "mixmigrate", mkstream=True)
        await connection.client.xgroup_destroy(name, "mixmigrate")

    async def _warn(self, connection: RedisConnection) -> None:
        """Say it where the server may lose what it confirmed."""
        known: dict[str, Any] = await connection.client.info()
        if not known.get("aof_enabled"):
            self.log.warn(
                "{where}: a restart loses events; set: appendonly yes, appendfsync always",
                where=self._where,
            )
        policy = known.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            self.log.warn(
                "{where}: a full server may drop whole streams (maxmemory-policy {policy}); "
                "set: maxmemory-policy noeviction",
                where=self._where,
                policy=policy,
            )


def text(reply: bytes | str) -> str:
    """Return a reply that is a word as text."""
    return reply.decode() if isinstance(reply, bytes) else reply


def fields_of(event: Event) -> list[bytes]:
    """Return the fields of an entry: its body, and the key and the id where there are any."""
    fields = [b"body", event.body]
    if event.key:
        fields += [b"key", event.key]
    if event.id:
        fields += [b"id", event.id]
    return fields


def id_key(event: Event) -> bytes:
    """Return where an id is remembered; the braces put it on the node of its stream."""
    return b"mixmigrate:id:{%b}:%b" % (event.queue.encode(), event.id)


def outcome(reply: Any) -> Outcome:
    """Return what a reply says about its event."""
    if isinstance(reply, bytes):
        return Outcome.STORED
    return Outcome.FULL if isinstance(reply, OutOfMemoryError) else Outcome.REFUSED
