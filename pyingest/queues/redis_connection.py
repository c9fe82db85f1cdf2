"""A connection to Redis that never repeats a command on its own.

``redis-py`` by its loop thread rather than a client for Twisted: it is the one that Redis keeps
up, with TLS and access lists, and the thread is shared with the other engines' way.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from pyingest.queues.credentials import password
from pyingest.queues.interface import QueueError, QueueUrl
from pyingest.queues.link import Away, Denied

IDLE_SECONDS = 1.0
"""After so long without an answer, a connection is asked for a sign of life before it is used."""

ADD = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 'known' end
local offset = redis.call('XADD', KEYS[1], 'NOMKSTREAM', '*', unpack(ARGV, 2))
if offset then redis.call('SET', KEYS[2], offset, 'PX', ARGV[1]) end
return offset
"""
"""Adds an event unless its id is remembered. Gives nothing when there is no such stream."""


class Lost(Exception):
    """The connection ended after something was sent."""


class RedisConnection:
    """One connection. Made by :func:`connect`."""

    def __init__(self, client: Redis, script: str) -> None:
        self.client = client
        self.script = script
        """How the server knows :data:`ADD`."""
        self._answered = asyncio.get_running_loop().time()
        self._lost = False

    @property
    def lost(self) -> bool:
        """Whether a command has failed on it."""
        return self._lost

    def batch(self) -> Pipeline:
        """Return an empty batch of commands, which is no transaction."""
        return self.client.pipeline(transaction=False)

    async def run(self, batch: Pipeline) -> Sequence[Any]:
        """Return the reply to each command; an error of the server is a reply too.

        :raises Lost: the connection ended; what was carried out is not known.
        """
        try:
            replies: Sequence[Any] = await batch.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            self._lost = True
            raise Lost(str(error)) from None
        except asyncio.CancelledError:
            self._lost = True
            raise
        self._answered = asyncio.get_running_loop().time()
        return replies

    async def wake(self) -> None:
        """Notice that the connection has ended while it was idle, before anything is sent."""
        if asyncio.get_running_loop().time() - self._answered > IDLE_SECONDS:
            batch = self.batch()
            batch.ping()
            with contextlib.suppress(Lost):
                await self.run(batch)

    async def close(self) -> None:
        """End the connection."""
        self._lost = True
        await self.client.aclose()


async def connect(url: QueueUrl) -> RedisConnection:
    """Return a connection to the server of *url*.

    :raises Away: it cannot be reached; :class:`Denied`: it will not have us.
    """
    host, port = address(url)
    client = Redis(
        host=host,
        port=port,
        username=url.user or None,
        password=password(url) or None,
        ssl=url.options.tls,
        ssl_ca_certs=url.options.ca or None,
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
        protocol=2,
        client_name="mixmigrate",
    )
    try:
        return RedisConnection(client, await client.script_load(ADD))
    except (AuthenticationError, NoPermissionError) as error:
        await client.aclose()
        raise Denied(f"{error} Name another as redis://USER:PASSWORD@HOST:PORT/...") from None
    except (RedisError, OSError) as error:
        await client.aclose()
        raise Away(str(error)[:200]) from None
    except asyncio.CancelledError:
        await client.aclose()
        raise


def address(url: QueueUrl) -> tuple[str, int]:
    """Return host and port.

    :raises QueueError: there is not one server.
    """
    host, _, port = url.location.rpartition(":")
    if "," in host or not port.isdigit():
        raise QueueError(f"queue URL {url.shown!r}: name one Redis server as HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)
