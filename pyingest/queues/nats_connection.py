"""A connection to NATS whose publishes are acknowledged in batches.

``nats-py`` makes a task per message and, on its own, sends again what it buffered while the
server was away. Here one subscription takes all acknowledgements, and a lost connection is lost.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import AuthorizationError, Error

from pyingest.event import Event
from pyingest.queues.credentials import password, tls_context
from pyingest.queues.interface import Outcome, QueueUrl
from pyingest.queues.link import Away, Denied

PENDING_BYTES = 64 * 1024 * 1024
"""How much may wait for the socket before writing waits too."""
SHUT_SECONDS = 0.3
STORE_FAILED = 10077
FULL_CODES = frozenset({10023, 10028, 10047})
"""Errors of JetStream that mean: no room. Source: nats-server's ``errors.json``."""


class ApiError(msgspec.Struct, frozen=True):
    """An error as JetStream tells it."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class PubAck(msgspec.Struct, frozen=True):
    """JetStream's answer to a publish."""

    stream: str = ""
    seq: int = 0
    error: ApiError | None = None


_ack = msgspec.json.Decoder(PubAck)


@dataclass(slots=True)
class _Batch:
    outcomes: list[Outcome | None]
    left: int
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        self.left -= 1
        if self.left == 0:
            self.done.set()


class NatsConnection:
    """One connection. Made by :func:`connect`."""

    def __init__(self, client: Client, stream: str) -> None:
        self.client = client
        self.trouble = ""
        """What the server said when it last refused."""
        self.gone = asyncio.Event()
        """Set when the connection has ended."""
        self._stream = stream
        self._inbox = ""
        self._numbers = itertools.count()
        self._pending: dict[str, tuple[_Batch, int]] = {}
        self._writing = asyncio.Lock()
        self._answers = 0

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return not self.client.is_connected

    async def listen(self) -> None:
        """Take acknowledgements from now on."""
        self._inbox = self.client.new_inbox()
        await self.client.subscribe(f"{self._inbox}.*", cb=self._acknowledged)

    async def publish(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Publish *events* in order; what has no answer after *seconds* is ``TIMED_OUT``.

        A connection on which nothing at all was answered in that time is closed.
        """
        batch = _Batch([None] * len(events), len(events))
        answers = self._answers
        first = next(self._numbers)
        written = 0
        try:
            async with asyncio.timeout(seconds):
                async with self._writing:
                    for index, event in enumerate(events):
                        await self._write(event, batch, index)
                        written += 1
                await batch.done.wait()
        except TimeoutError:
            if answers == self._answers:
                await self.close()
            unanswered = Outcome.TIMED_OUT
        else:
            unanswered = Outcome.UNKNOWN
        self._forget(batch, first)
        started = written + 1
        return [
            told or (unanswered if index < started else Outcome.REFUSED)
            for index, told in enumerate(batch.outcomes)
        ]

    async def close(self) -> None:
        """End the connection; what has no answer is in doubt."""
        await _shut(self.client)
        self.fail()

    def fail(self) -> None:
        """Tell everyone who waits that no answer will come."""
        self.gone.set()
        pending, self._pending = self._pending, {}
        for batch, _ in pending.values():
            batch.done.set()

    async def _write(self, event: Event, batch: _Batch, index: int) -> None:
        headers = headers_of(event, self._stream)
        size = len(event.body) + sum(len(k) + len(v) + 4 for k, v in headers.items()) + 12
        if self.lost or size > self.client.max_payload:
            self.trouble = "the connection is lost"
            if not self.lost:
                self.trouble = f"an event of {size} bytes is over the server's max_payload"
            batch.set(index, Outcome.REFUSED)
            return
        reply = f"{self._inbox}.{next(self._numbers)}"
        self._pending[reply] = batch, index
        try:
            await self.client.publish(event.queue, event.body, reply, headers)
        except (Error, OSError, ValueError) as error:
            # Raised before anything is written.
            del self._pending[reply]
            self.trouble = str(error)
            batch.set(index, Outcome.REFUSED)

    async def _acknowledged(self, message: Msg) -> None:
        self._answers += 1
        known = self._pending.pop(message.subject, None)
        if known is not None:
            batch, index = known
            batch.set(index, self._outcome(message))

    def _outcome(self, message: Msg) -> Outcome:
        if message.headers and "Status" in message.headers:
            self.trouble = f"no stream takes the subject (status {message.headers['Status']})"
            return Outcome.REFUSED
        try:
            ack = _ack.decode(message.data)
        except msgspec.DecodeError:
            self.trouble = f"an answer that is no acknowledgement: {message.data[:80]!r}"
            return Outcome.UNKNOWN
        if ack.error is not None:
            self.trouble = ack.error.description
            return Outcome.FULL if is_full(ack.error) else Outcome.REFUSED
        self.trouble = ""
        return Outcome.STORED if ack.seq and ack.stream == self._stream else Outcome.UNKNOWN

    def _forget(self, batch: _Batch, first: int) -> None:
        """Let late answers of *batch* pass unheard."""
        if batch.left:
            last = next(self._numbers)
            for number in range(first, last):
                reply = f"{self._inbox}.{number}"
                if (known := self._pending.get(reply)) is not None and known[0] is batch:
                    del self._pending[reply]


def headers_of(event: Event, stream: str) -> dict[str, str]:
    """Return the headers of an event.

    The key is a header and no part of the subject, since a server keeps state for each subject
    it has seen. A stream keeps ids for all its subjects together, so the subject is part of
    the id that it sees.
    """
    headers = {"Nats-Expected-Stream": stream}
    if event.id:
        headers["Nats-Msg-Id"] = f"{event.queue}/{quote_from_bytes(event.id)}"
    if event.key:
        headers["Event-Key"] = quote_from_bytes(event.key)
    return headers


def is_full(error: ApiError) -> bool:
    """Tell whether a refusal means that there is no room."""
    return error.err_code in FULL_CODES or (
        error.err_code == STORE_FAILED and "maximum" in error.description
    )


async def connect(url: QueueUrl) -> NatsConnection:
    """Return a connection to one of the servers of *url*.

    :raises Away: none can be reached; :class:`Denied`: they will not have us.
    """
    client = Client()
    told: list[Exception] = []
    connection = NatsConnection(client, url.stream)
    try:
        await _open(client, url, connection, told)
        await connection.listen()
    except (Error, OSError) as error:
        why = told[-1] if told else error
        await _shut(client)
        if isinstance(error, AuthorizationError) or "uthorization" in str(why):
            raise Denied("the server wants another user or password") from None
        raise Away(str(why) or type(why).__name__) from None
    except asyncio.CancelledError:
        await _shut(client)
        raise
    return connection


async def _shut(client: Client) -> None:
    """Close a client; one that waits for its server to read is cut off."""
    try:
        async with asyncio.timeout(SHUT_SECONDS):
            await client.close()
    except TimeoutError:
        writer = getattr(getattr(client, "_transport", None), "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
    except (OSError, Error):
        pass  # it is gone already


async def _open(
    client: Client, url: QueueUrl, connection: NatsConnection, told: list[Exception]
) -> None:
    async def failed(error: Exception) -> None:
        told.append(error)

    async def closed() -> None:
        connection.fail()

    secret = password(url)
    await client.connect(
        servers=[f"nats://{place}" for place in url.location.split(",")],
        error_cb=failed,
        closed_cb=closed,
        disconnected_cb=closed,
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0,
        ping_interval=5,
        pending_size=PENDING_BYTES,
        skip_subject_validation=True,
        name="mixmigrate",
        user=url.user if secret else None,
        password=secret or None,
        token=url.user if url.user and not secret else None,
        tls=tls_context(url) if url.options.tls else None,
    )
