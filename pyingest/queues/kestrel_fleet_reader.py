"""Reading the queues of several Kestrel servers as one."""

from collections.abc import Sequence
from typing import Any

from pyingest.event import Stored
from pyingest.queues.interface import QueueError
from pyingest.queues.kestrel import KestrelReader


class KestrelFleetReader:
    """Reads the fan-out queues of each of *servers*; see :class:`KestrelReader`.

    Order holds within a server. Offsets are counted here, per queue, from 1. A server that is
    away holds up nothing while others have messages; what it has is read when it is back.
    """

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[tuple[str, int]],
        names: Sequence[str],
        child: str = "shadow",
    ) -> None:
        self._readers = [KestrelReader(reactor, host, port, names, child) for host, port in servers]
        self._offsets = dict.fromkeys(names, 0)

    async def attach(self) -> None:
        """Create the fan-out queues on every server.

        :raises QueueError: a server cannot be asked now; its messages would be missed.
        """
        for reader in self._readers:
            await reader.attach()

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages not yet returned.

        :raises QueueError: a server cannot be asked now, and no other one has messages.
        """
        found: list[Stored] = []
        trouble: QueueError | None = None
        for reader in self._readers:
            if len(found) >= limit:
                break
            try:
                found += await reader.read(limit - len(found))
            except QueueError as error:
                trouble = error
        # Who was last is first next time, so that no server's messages wait for ever.
        self._readers.append(self._readers.pop(0))
        if trouble is not None and not found:
            raise trouble
        return [self._numbered(item) for item in found]

    async def backlog(self) -> int:
        """Return how many messages wait on all servers.

        :raises QueueError: a server cannot be asked now.
        """
        return sum([await reader.backlog() for reader in self._readers])

    async def detach(self) -> None:
        """Delete the fan-out queues.

        :raises QueueError: a server cannot be told now.
        """
        for reader in self._readers:
            await reader.detach()

    async def close(self) -> None:
        """End the connections."""
        for reader in self._readers:
            await reader.close()

    def _numbered(self, item: Stored) -> Stored:
        self._offsets[item.queue] += 1
        return Stored(item.queue, self._offsets[item.queue], item.body)
