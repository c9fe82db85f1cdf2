"""What Redis tells of a stream and of the groups that consume it."""

from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueError
from pyingest.queues.redis_connection import RedisConnection

START = b"0-0"


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a server tells about a stream."""

    last: bytes
    added: int
    length: int

    @property
    def gone(self) -> int:
        """How many entries were removed."""
        return self.added - self.length


@dataclass(frozen=True, slots=True)
class Consumers:
    """How far behind the slowest group of a stream is; -1 where there is none, or nobody tells."""

    depth: int = -1
    age: float = -1.0
    read: int = -1
    """Entries that the group was given, of all that were ever added."""


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


async def consumers(connection: RedisConnection, name: str) -> Consumers:
    """Return how the slowest group of a stream fares."""
    groups: list[dict[str, Any]] = await connection.client.xinfo_groups(name)
    slowest, oldest = Consumers(), b""
    for group in groups:
        depth = group["pending"] + (group.get("lag") or 0)
        if depth > slowest.depth:
            slowest = Consumers(depth, 0.0, group.get("entries-read") or -1)
            oldest = await _oldest(connection, name, group) if depth else b""
    if not oldest:
        return slowest
    seconds, micros = await connection.client.time()
    age = seconds + micros / 1e6 - order(oldest)[0] / 1e3
    return Consumers(slowest.depth, max(0.0, age), slowest.read)


async def _oldest(connection: RedisConnection, name: str, group: dict[str, Any]) -> bytes:
    """Return the id of the oldest entry that a group has not confirmed; empty if there is none."""
    if group["pending"]:
        summary: Any = await connection.client.xpending(name, group["name"])
        return bytes(summary["min"] or b"")
    behind = b"(" + group["last-delivered-id"]
    entries: Any = await connection.client.xrange(name, behind, b"+", 1)
    return bytes(entries[0][0]) if entries else b""


def gauge(state: StreamState, groups: Consumers, waiting: int, lost: int) -> Gauge:
    """Return a stream's gauge; what was removed before a group was given it is discarded."""
    discarded = max(0, state.gone - groups.read) if groups.read >= 0 else -1
    return Gauge(waiting, lost, groups.depth, groups.age, discarded)


def order(id: bytes) -> tuple[int, int]:
    """Return an entry's id as it sorts."""
    time, _, number = id.partition(b"-")
    return int(time), int(number)
