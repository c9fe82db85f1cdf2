"""Writes to topics of Kafka."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError, QueueUrl
from pyingest.queues.kafka_client import missing, no_topics, outcome, settings
from pyingest.queues.url_options import DEADLINE

CHECK_SECONDS = 3.0
"""How long the cluster may take to tell about its topics."""
CREATE_SECONDS = 10.0
POLL_SECONDS = 0.2
BUFFER_KILOBYTES = 256 * 1024
"""How much may wait in the client; what is more is refused."""


class _Batch:
    """Events under way; their reports come in the thread that polls."""

    def __init__(self, count: int) -> None:
        self.outcomes: list[Outcome | None] = [None] * count
        self.trouble = ""
        self._left = count
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self.done = asyncio.Event()

    def report(self, index: int, error: KafkaError | None) -> None:
        """Note what became of one event; the last one wakes who waits, once for all."""
        if error is not None:
            self.trouble = error.str()
        with self._lock:
            self.outcomes[index] = outcome(error)
            self._left -= 1
            last = self._left == 0
        if last:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self.done.set)


class KafkaWriter:
    """A producer; lives in a loop's thread, and has one more that waits for reports.

    It is idempotent for as long as it lives: what librdkafka sends again is stored once, in
    order. An event that is published again is stored again: Kafka does not know ids.
    """

    def __init__(self, url: QueueUrl) -> None:
        self.trouble = ""
        self._url = url
        self._where = f"queue {url.shown}"
        milliseconds = int((url.options.deadline or DEADLINE) * 1000)
        self._settings = {
            **settings(url),
            "enable.idempotence": True,
            # A key's partition is the one that Java's clients choose.
            "partitioner": "murmur2_random",
            "linger.ms": 2,
            "message.timeout.ms": max(100, milliseconds),
            "queue.buffering.max.kbytes": BUFFER_KILOBYTES,
            "error_cb": self._failed,
        }
        self._begin()

    async def check(self) -> bool:
        """Look for the topics; make them where that was asked for.

        :raises QueueError: one is missing.
        """
        return await asyncio.to_thread(self._check)

    async def send(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Write *events*; see :class:`pyingest.queues.loop_queue.Writer`."""
        if self._fatal:
            await asyncio.to_thread(self._renew)
        batch = _Batch(len(events))
        for index, event in enumerate(events):
            self._produce(event, batch, index)
        try:
            async with asyncio.timeout(seconds):
                await batch.done.wait()
        except TimeoutError:
            batch.trouble = batch.trouble or "it does not answer"
        self.trouble = f"{self._where}: {batch.trouble}" if batch.trouble else ""
        return [told or Outcome.TIMED_OUT for told in batch.outcomes]

    async def close(self) -> None:
        """Drop what nobody waits for any more, and end the connections."""
        await asyncio.to_thread(self._end)

    def _begin(self) -> None:
        self._ended = self._fatal = False
        self._producer = Producer(self._settings)
        self._thread = threading.Thread(target=self._poll, name="kafka reports", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        """Begin again with a new producer: one that lost its count takes nothing any more."""
        if self._fatal:
            self._end()
            self._begin()

    def _produce(self, event: Event, batch: _Batch, index: int) -> None:
        try:
            self._producer.produce(
                event.queue,
                event.body,
                event.key or None,
                on_delivery=lambda error, _: batch.report(index, error),
                headers={"id": event.id} if event.id else None,
            )
        except KafkaException as error:
            self._failed(error.args[0])
            batch.report(index, error.args[0])
        except BufferError:
            batch.report(index, KafkaError(KafkaError._QUEUE_FULL))

    def _poll(self) -> None:
        while not self._ended:
            self._producer.poll(POLL_SECONDS)

    def _failed(self, error: KafkaError) -> None:
        self.trouble = f"{self._where}: {error.str()}"
        self._fatal = self._fatal or error.fatal() or error.code() == KafkaError._FATAL

    def _end(self) -> None:
        self._producer.purge()
        self._producer.flush(1.0)
        self._ended = True
        self._thread.join(2.0)

    def _check(self) -> bool:
        try:
            topics = self._producer.list_topics(timeout=CHECK_SECONDS).topics
        except KafkaException as error:
            self.trouble = f"{self._where}: {error.args[0].str()}; trying on"
            return False
        if lacking := missing(topics, self._url):
            if not self._url.options.create:
                raise no_topics(self._url, lacking)
            self._make(lacking)
        return True

    def _make(self, names: Sequence[str]) -> None:
        options = self._url.options
        admin = AdminClient(settings(self._url))
        asked = admin.create_topics(
            [NewTopic(name, options.partitions, options.replicas) for name in names],
            operation_timeout=CREATE_SECONDS,
        )
        for name, made in asked.items():
            try:
                made.result(CREATE_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise QueueError(
                        f"{self._where}: cannot make topic {name}: {error.args[0].str()}"
                    ) from None
            except TimeoutError:
                raise QueueError(f"{self._where}: cannot make topic {name} in time") from None
