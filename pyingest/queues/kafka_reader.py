"""Reads topics of Kafka with a group of one's own, which takes nothing from others."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueError, QueueUrl
from pyingest.queues.kafka_client import missing, no_topics, settings
from pyingest.queues.loop_queue import READ_SECONDS

T = TypeVar("T")
Place = tuple[str, int]
"""A topic and a partition."""

WAIT_SECONDS = 0.25
GIVEN_UP = "detached"
"""Kept beside an offset that no longer counts. librdkafka 2.16 ends the process when a cluster
does not know how to delete a group, so groups are left to the cluster (7 days, as it is shipped).
"""


class KafkaReader:
    """Reads all partitions that the topics have when it attaches.

    It is assigned to them by hand and keeps its offsets under a group named after the cursor:
    no other group is touched. They are kept when the next batch is asked for and at the end, so
    that a reader that dies gets its last batch again. Order is kept in each partition. A
    message's offset here is how many of its topic lie before it or with it, all partitions
    together, as this reader came by them.
    """

    def __init__(self, url: QueueUrl, cursor: str, from_start: bool = False) -> None:
        self._url = url
        self._where = f"queue {url.shown}"
        self._from_start = from_start
        self._settings = {
            **settings(url),
            "group.id": cursor,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
        }
        self._consumer: Consumer | None = None
        # A cluster answers a connection in order, and holds the consumer's for what may come.
        self._asker: Consumer | None = None
        self._watcher: Consumer | None = None
        self._gone: dict[Place, int] = {}
        self._at: dict[Place, int] = {}
        self._kept: dict[Place, int] = {}
        self._sought: dict[Place, int] = {}
        self._lost: dict[str, int] = dict.fromkeys(url.names, 0)

    async def attach(self) -> None:
        """Take the position from which the topics will be read, and keep it.

        :raises QueueError: the cluster cannot be asked, or a topic is missing.
        """
        await self._guarded(self._attached)

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages not yet returned; those of a partition oldest first.

        :raises QueueError: the cluster cannot be asked now.
        """
        return await self._guarded(lambda: self._read(limit))

    async def backlog(self) -> int:
        """Return how many messages lie beyond what was returned.

        :raises QueueError: the cluster cannot be asked now.
        """
        return await self._guarded(self._backlog)

    async def gauge(self) -> dict[str, Gauge]:
        """Return what lies beyond this reader, and what was deleted before it came by.

        Of the topics' own consumers a cluster tells only who asks by their group's name, which
        the URL may give (``?group=NAME``).

        :raises QueueError: the cluster cannot be asked now.
        """
        return await self._guarded(self._gauges)

    def position(self) -> str:
        """Return the offsets that come next, as a list of topic, partition and offset."""
        return json.dumps([[*place, offset] for place, offset in self._at.items()])

    def seek(self, position: str) -> None:
        """Go on at *position*, where that is further than what the cluster keeps.

        :raises QueueError: the text is no position of a reader of Kafka.
        """
        try:
            self._sought = {(str(t), int(p)): int(at) for t, p, at in json.loads(position)}
        except (ValueError, TypeError):
            raise QueueError(f"{self._where}: no position of a reader of Kafka") from None

    async def detach(self) -> None:
        """Mark the offsets as given up; the cluster drops those of an idle group by itself.

        :raises QueueError: the cluster cannot be told now.
        """
        await self._guarded(self._detach)

    async def close(self) -> None:
        """Keep the position and end the connections."""
        with contextlib.suppress(QueueError):  # a successor gets the last batch again
            await self._guarded(self._keep)
        for client in (self._consumer, self._asker, self._watcher):
            if client is not None:
                await asyncio.to_thread(client.close)

    def _attached(self) -> Consumer:
        """Return the consumer, which knows where to go on."""
        if self._consumer is None:
            self._consumer, self._asker = (Consumer(self._settings) for _ in range(2))
        if not self._at:
            self._at = self._start()
            self._assign(self._consumer)
            self._keep()
        return self._consumer

    def _start(self) -> dict[Place, int]:
        assert self._asker is not None
        topics = self._asker.list_topics(timeout=READ_SECONDS).topics
        if lacking := missing(topics, self._url):
            raise no_topics(self._url, lacking)
        asked = [
            TopicPartition(name, n) for name in self._url.names for n in topics[name].partitions
        ]
        start: dict[Place, int] = {}
        for known in self._asker.committed(asked, timeout=READ_SECONDS):
            place = (known.topic, known.partition)
            start[place] = known.offset
            if known.offset < 0 or known.metadata == GIVEN_UP:
                low, high = self._ends(place)
                start[place] = low if self._from_start else high
            start[place] = max(start[place], self._sought.get(place, 0))
        return start

    def _assign(self, consumer: Consumer) -> None:
        consumer.assign([TopicPartition(*place, offset) for place, offset in self._at.items()])

    def _read(self, limit: int) -> list[Stored]:
        consumer = self._attached()
        self._keep()
        ends = self._looked()
        at = dict(self._at)
        found: list[Stored] = []
        give_up = time.monotonic() + READ_SECONDS
        try:
            while len(found) < limit and (left := _waiting(at, ends)):
                for message in consumer.consume(min(left, limit - len(found)), WAIT_SECONDS):
                    self._take(message, at, found)
                if time.monotonic() > give_up:
                    raise QueueError(f"{self._where}: the cluster is slow to give what it has")
        except (KafkaException, QueueError):
            self._assign(consumer)  # what is lost here is had again
            raise
        self._at = at
        return found

    def _take(self, message: Message, at: dict[Place, int], found: list[Stored]) -> None:
        place = (message.topic() or "", message.partition() or 0)
        offset = message.offset() or 0
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                at[place] = max(at[place], offset)
            elif not error.retriable():
                raise KafkaException(error)
            return
        if offset < at[place]:
            return
        at[place] = offset + 1
        count = sum(next for (topic, _), next in at.items() if topic == place[0])
        found.append(Stored(place[0], count, message.value() or b""))

    def _backlog(self) -> int:
        self._attached()
        return _waiting(self._at, self._looked())

    def _gauges(self) -> dict[str, Gauge]:
        self._attached()
        ends, theirs = self._looked(), self._theirs()
        gauges: dict[str, Gauge] = {}
        for name in self._url.names:
            own = {place: end for place, end in ends.items() if place[0] == name}
            known = own.keys() <= theirs.keys()
            gauges[name] = Gauge(
                waiting=_waiting(self._at, own),
                lost=self._lost[name],
                depth=_waiting(theirs, own) if known else -1,
                discarded=sum(self._deleted(theirs, own)) if known else -1,
            )
        return gauges

    def _theirs(self) -> dict[Place, int]:
        """Return the offsets of the topics' own consumers, where they have any."""
        if not self._url.options.group:
            return {}
        if self._watcher is None:
            self._watcher = Consumer({**self._settings, "group.id": self._url.options.group})
        asked = [TopicPartition(*place) for place in self._at]
        told = self._watcher.committed(asked, timeout=READ_SECONDS)
        return {(one.topic, one.partition): one.offset for one in told if one.offset >= 0}

    def _deleted(self, theirs: dict[Place, int], own: dict[Place, int]) -> Iterator[int]:
        """Yield, for each partition, how much was deleted before its own consumers read it."""
        for place in own:
            low = self._ends(place)[0]
            gone = max(0, low - theirs[place])
            self._gone[place] = max(self._gone.get(place, 0), gone)
            yield self._gone[place]

    def _looked(self) -> dict[Place, int]:
        """Return where the partitions end; count, and step over, what was deleted unread."""
        ends: dict[Place, int] = {}
        for place, at in self._at.items():
            low, ends[place] = self._ends(place)
            if low > at:
                self._lost[place[0]] += low - at
                self._at[place] = low
        return ends

    def _keep(self) -> None:
        moved = [place for place, offset in self._at.items() if self._kept.get(place) != offset]
        if moved and self._asker is not None:
            offsets = [TopicPartition(*place, self._at[place]) for place in moved]
            self._asker.commit(offsets=offsets, asynchronous=False)
            self._kept |= {place: self._at[place] for place in moved}

    def _detach(self) -> None:
        consumer = self._attached()
        consumer.unassign()
        given_up = [TopicPartition(*place, at, GIVEN_UP) for place, at in self._at.items()]
        self._at, self._kept, self._sought = {}, {}, {}
        assert self._asker is not None
        self._asker.commit(offsets=given_up, asynchronous=False)

    def _ends(self, place: Place) -> tuple[int, int]:
        assert self._asker is not None
        found = self._asker.get_watermark_offsets(TopicPartition(*place), timeout=READ_SECONDS)
        if found is None:
            raise QueueError(f"{self._where}: it does not answer")
        return found

    async def _guarded(self, work: Callable[[], T]) -> T:
        """Do *work* in a thread: librdkafka's calls wait."""
        try:
            return await asyncio.to_thread(work)
        except KafkaException as error:
            raise QueueError(
                f"{self._where}: {error.args[0].str()}; is Kafka running there?"
            ) from None


def _waiting(at: dict[Place, int], ends: dict[Place, int]) -> int:
    return sum(max(0, end - at[place]) for place, end in ends.items())
