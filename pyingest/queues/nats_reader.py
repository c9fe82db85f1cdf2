"""Reads a JetStream stream by a durable consumer of one's own, which takes nothing from others."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, RetentionPolicy
from nats.js.errors import APIError, NotFoundError

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.interface import QueueError, QueueUrl
from pyingest.queues.link import Away, Link
from pyingest.queues.loop_queue import READ_SECONDS
from pyingest.queues.nats_connection import NatsConnection, connect
from pyingest.queues.nats_gauge import Losses, gauges
from pyingest.queues.nats_queue import told

T = TypeVar("T")

MOST = 500
"""Messages asked for at once."""
NO_REDELIVERY = 10 * 365 * 24 * 3600.0
"""Seconds after which the server would send again what was not acknowledged: never. A reader
that comes back starts behind what its forerunner acknowledged, which keeps the order."""


class NatsReader:
    """Reads subjects of one stream; what was read is acknowledged when the next is asked for."""

    def __init__(self, url: QueueUrl, cursor: str, from_start: bool = False) -> None:
        self._url = url
        self._where = f"queue {url.shown}"
        self._cursor = cursor
        self._from_start = from_start
        self._link: Link[NatsConnection] = Link(lambda: connect(url))
        self._attached = False
        self._at = 0
        self._losses = Losses()
        self._unconfirmed = ""
        """Where to confirm what was returned last; empty when that is done."""

    async def attach(self) -> None:
        """Make the consumer, or put it behind what it has acknowledged.

        :raises QueueError: the server cannot be asked, or the stream can only be read by taking.
        """
        await self._guarded(self._attach)

    async def read(self, limit: int) -> list[Stored]:
        """Return up to *limit* messages not yet returned, oldest first.

        :raises QueueError: the server cannot be asked now.
        """
        return await self._guarded(self._read, limit)

    async def backlog(self) -> int:
        """Return how many messages were not yet returned.

        :raises QueueError: the server cannot be asked now.
        """
        return await self._guarded(self._backlog)

    async def gauge(self) -> dict[str, Gauge]:
        """Return what the server tells of the stream and its other consumers.

        With several subjects what waits is told of all of them together, by :meth:`backlog`.

        :raises QueueError: the server cannot be asked now.
        """
        return await self._guarded(self._gauge)

    def position(self) -> str:
        """Return the sequence of the message that was returned last."""
        return str(self._at)

    def seek(self, position: str) -> None:
        """Pass over everything up to *position*.

        :raises QueueError: the text is no position of a reader of NATS.
        """
        if not position.isdecimal():
            raise QueueError(f"{self._where}: no position of a reader of NATS")
        self._at = int(position)

    async def detach(self) -> None:
        """Remove the consumer.

        :raises QueueError: the server cannot be told now.
        """
        await self._guarded(self._detach)

    async def close(self) -> None:
        """Acknowledge what was read, and end the connection."""
        try:
            if self._unconfirmed:
                connection = await self._link.get(READ_SECONDS)
                await self._confirm(connection.client)
        except (Away, Error, OSError, TimeoutError):
            pass  # a successor gets the last batch again
        await self._link.close()

    async def _attach(self, client: Client) -> None:
        manager = client.jsm(timeout=READ_SECONDS)
        stream = await manager.stream_info(self._url.stream)
        if stream.config.retention == RetentionPolicy.WORK_QUEUE:
            raise QueueError(
                f"{self._where}: stream {self._url.stream} is a work queue, so that reading "
                "takes from its consumers; tap a stream with limits retention that mirrors it"
            )
        try:
            known = await manager.consumer_info(self._url.stream, self._cursor)
        except NotFoundError:
            start = 1 if self._from_start else stream.state.last_seq + 1
            if self._at > stream.state.last_seq:
                self._at, start = 0, 1  # the stream was made anew, and counts from one again
            elif self._at:
                start = self._at + 1
        else:
            again = behind(known)
            if again is None:
                delivered = known.delivered.stream_seq if known.delivered else 0
                self._losses.begin(stream, self._url.names, max(self._at, delivered))
                self._attached = True
                return
            start = again
            await manager.delete_consumer(self._url.stream, self._cursor)
        await manager.add_consumer(self._url.stream, self._consumer(start))
        self._losses.begin(stream, self._url.names, max(self._at, start - 1))
        self._attached = True

    def _consumer(self, start: int) -> ConsumerConfig:
        names = list(self._url.names)
        return ConsumerConfig(
            durable_name=self._cursor,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            ack_policy=AckPolicy.ALL,
            ack_wait=NO_REDELIVERY,
            max_ack_pending=-1,
            filter_subject=names[0] if len(names) == 1 else None,
            filter_subjects=names if len(names) > 1 else None,
        )

    async def _read(self, client: Client, limit: int) -> list[Stored]:
        await self._confirm(client)
        if not self._attached:
            await self._attach(client)
        found: list[Stored] = []
        last = ""
        while len(found) < limit:
            asked = min(limit - len(found), MOST)
            messages = await self._pull(client, asked)
            for message in messages:
                offset = message.metadata.sequence.stream
                if offset > self._at:
                    found.append(Stored(message.subject, offset, message.data))
                last = message.reply
            if len(messages) < asked:
                break
        # Only now: what is lost on the way is had again.
        self._unconfirmed = last
        for item in found:
            self._losses.passed(item.offset)
        if found:
            self._at = found[-1].offset
        return found

    async def _pull(self, client: Client, count: int) -> list[Msg]:
        """Ask for *count* messages; the server answers with what it has, and then says so."""
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._url.stream}.{self._cursor}"
        request = json.dumps({"batch": count, "no_wait": True}).encode()
        messages: list[Msg] = []
        try:
            await client.publish(subject, request, inbox)
            while len(messages) < count:
                message = await subscription.next_msg(READ_SECONDS)
                if message.headers and "Status" in message.headers and not message.data:
                    self._check(message)
                    break
                messages.append(message)
        finally:
            await subscription.unsubscribe()
        return messages

    def _check(self, status: Msg) -> None:
        """Tell the end of what there is from the end of the consumer."""
        code = (status.headers or {}).get("Status")
        if code not in ("404", "408"):
            self._attached = False
            why = (status.headers or {}).get("Description", f"status {code}")
            raise QueueError(f"{self._where}: {why}; the consumer {self._cursor} may be gone")

    async def _confirm(self, client: Client) -> None:
        if self._unconfirmed:
            with contextlib.suppress(NoRespondersError):  # the consumer is gone; see _attach
                await client.request(self._unconfirmed, b"+ACK", timeout=READ_SECONDS)
            self._unconfirmed = ""

    async def _backlog(self, client: Client) -> int:
        if not self._attached:
            await self._attach(client)
        manager = client.jsm(timeout=READ_SECONDS)
        known = await manager.consumer_info(self._url.stream, self._cursor)
        return known.num_pending or 0

    async def _gauge(self, client: Client) -> dict[str, Gauge]:
        if not self._attached:
            await self._attach(client)
        manager = client.jsm(timeout=READ_SECONDS)
        return await gauges(manager, self._url, self._cursor, self._losses)

    async def _detach(self, client: Client) -> None:
        self._unconfirmed, self._at = "", 0
        self._attached = False
        manager = client.jsm(timeout=READ_SECONDS)
        with contextlib.suppress(NotFoundError):
            await manager.delete_consumer(self._url.stream, self._cursor)

    async def _guarded(self, work: Callable[..., Coroutine[Any, Any, T]], *values: object) -> T:
        """Do *work* on a living connection within the time that a reader has."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                connection = await self._link.get(READ_SECONDS)
                return await _while_there(connection, work(connection.client, *values))
        except NotFoundError:
            self._attached = False
            raise QueueError(
                f"{self._where}: there is no stream {self._url.stream}, or the consumer "
                f"{self._cursor} is gone; make the stream first, or open it with ?create=1"
            ) from None
        except (Away, APIError, Error, OSError, TimeoutError) as error:
            await self._link.drop()
            # Whatever was delivered and not returned is had again from behind what was. A server
            # that begins anew may not know what it had delivered, and answers no word on it.
            self._attached = False
            self._unconfirmed = ""
            raise QueueError(f"{self._where}: {told(error)}; is NATS running there?") from None


async def _while_there(connection: NatsConnection, work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* gives; give it up when the connection ends, which its client does not.

    :raises Away: the connection has ended.
    """
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(connection.gone.wait())
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise Away("the connection was lost")
        return doing.result()
    finally:
        for task in (doing, gone):
            task.cancel()


def behind(known: ConsumerInfo) -> int | None:
    """Return where a consumer must start again to see what its reader did not confirm.

    ``None`` when nothing of that kind was delivered: it can go on as it is.
    """
    delivered = known.delivered.stream_seq if known.delivered else 0
    floor = known.ack_floor.stream_seq if known.ack_floor else 0
    if not known.num_ack_pending or delivered <= floor:
        return None
    return floor + 1 if floor else known.config.opt_start_seq or 1
