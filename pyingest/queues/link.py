"""One connection to a server, made when it is needed and never mended in silence."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

FIRST_WAIT = 0.1
LONGEST_WAIT = 2.0
"""Seconds until a server that could not be reached is tried again; doubled up to the second."""
CONNECT_SECONDS = 3.0
CLOSE_SECONDS = 1.0


class Away(Exception):
    """The server cannot be reached now; nothing was sent to it."""


class Denied(Away):
    """The server is there and will not have us: waiting does not help."""


class Connection(Protocol):
    """What a link holds."""

    @property
    def lost(self) -> bool:
        """Whether it can no longer be used."""

    async def close(self) -> None:
        """Let go of it; what has no answer yet is in doubt."""


C = TypeVar("C", bound=Connection)


class Link(Generic[C]):
    """Connects when asked to; after a failure not again at once. Nothing is ever sent twice."""

    def __init__(self, make: Callable[[], Awaitable[C]]) -> None:
        self._make = make
        self._connection: C | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._failure = Away("not connected yet")
        self._not_before = 0.0
        self._wait = FIRST_WAIT

    async def get(self, seconds: float) -> C:
        """Return a living connection; wait at most *seconds* for it.

        :raises Away: there is none in that time, or the last attempt has just failed.
        """
        loop = asyncio.get_running_loop()
        if (live := self._live()) is not None:
            return live
        if self._attempt is None:
            if loop.time() < self._not_before:
                raise self._failure
            self._attempt = loop.create_task(self._try())
        await asyncio.wait({self._attempt}, timeout=max(0.0, seconds))
        if (live := self._live()) is not None:
            return live
        if self._attempt is not None:
            raise Away("it does not answer")
        raise self._failure

    async def drop(self) -> None:
        """End the connection; the next :meth:`get` makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await _end(connection)

    async def close(self) -> None:
        """End the connection and any attempt at one."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait({self._attempt})
        await self.drop()

    def _live(self) -> C | None:
        held = self._connection
        return None if held is None or held.lost else held

    async def _try(self) -> None:
        try:
            await self.drop()
            async with asyncio.timeout(CONNECT_SECONDS):
                self._connection = await self._make()
            self._wait = FIRST_WAIT
        except TimeoutError:
            self._failed(Away("it does not answer"))
        except Away as failure:
            self._failed(failure)
        except Exception as error:
            # Whatever a client raises here, nothing was sent, and it is tried again.
            self._failed(Away(str(error) or type(error).__name__))
        finally:
            self._attempt = None

    def _failed(self, failure: Away) -> None:
        self._failure = failure
        self._not_before = asyncio.get_running_loop().time() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)


async def _end(connection: Connection) -> None:
    """Close a connection, whatever its server does."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
    except (TimeoutError, OSError):
        pass
