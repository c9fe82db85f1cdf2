"""Reading the queues of several Kestrel servers as one."""

import json
from collections.abc import Sequence
from typing import Any

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueError
from pyingest.queues.kestrel_lane import OPEN
from pyingest.queues.kestrel_reader import KestrelReader


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
        self._by_place = {
            f"{host}:{port}": reader
            for (host, port), reader in zip(servers, self._readers, strict=True)
        }
        self.most = OPEN
        self.whole = True
        """Whether the last read asked every server with success."""
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
        self.whole = trouble is None
        if trouble is not None and not found:
            raise trouble
        return [self._numbered(item) for item in found]

    async def backlog(self) -> int:
        """Return how many messages wait on all servers.

        :raises QueueError: a server cannot be asked now.
        """
        return sum([await reader.backlog() for reader in self._readers])

    async def gauge(self) -> dict[str, Gauge]:
        """Return the sums of what the servers tell, and the greatest age.

        :raises QueueError: a server cannot be asked now.
        """
        told = [await reader.gauge() for reader in self._readers]
        return {name: _sum([gauges[name] for gauges in told]) for name in self._offsets}

    def position(self) -> str:
        """Return the offsets, and the position on each server."""
        places = {place: reader.position() for place, reader in self._by_place.items()}
        return json.dumps({"offsets": self._offsets, "servers": places})

    def seek(self, position: str) -> None:
        """Count on from *position*; see :meth:`KestrelReader.seek`.

        :raises QueueError: the text is no position of a fleet's reader.
        """
        try:
            told = json.loads(position)
            self._offsets |= {str(name): int(off) for name, off in told["offsets"].items()}
            places = dict(told["servers"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise QueueError("no position of a reader of several Kestrel servers") from None
        for place in places.keys() & self._by_place.keys():
            self._by_place[place].seek(places[place])

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


def _sum(gauges: Sequence[Gauge]) -> Gauge:
    """Return one gauge for the same queue on several servers; what one does not tell is not."""

    def added(values: list[int]) -> int:
        return sum(values) if min(values) >= 0 else -1

    return Gauge(
        waiting=added([one.waiting for one in gauges]),
        lost=added([one.lost for one in gauges]),
        depth=added([one.depth for one in gauges]),
        age=max(one.age for one in gauges),
        discarded=added([one.discarded for one in gauges]),
    )
