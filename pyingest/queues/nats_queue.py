"""Writes to a JetStream stream of NATS."""

import asyncio
from collections.abc import Sequence

from nats.aio.client import Client
from nats.errors import Error, NoRespondersError
from nats.js.api import DiscardPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError
from twisted.logger import Logger

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError, QueueUrl
from pyingest.queues.link import Away, Denied, Link
from pyingest.queues.nats_connection import NatsConnection, connect

API_SECONDS = 5.0
"""How long the server may take to tell about a stream, or to make one."""


class NatsWriter:
    """A client for one stream; lives in a loop's thread."""

    log = Logger()

    def __init__(self, url: QueueUrl) -> None:
        self.trouble = ""
        self._url = url
        self._where = f"queue {url.shown}"
        self._link: Link[NatsConnection] = Link(lambda: connect(url))

    async def check(self) -> bool:
        """Look for the stream, and that it takes the subjects.

        :raises QueueError: it is missing, or it does not.
        """
        try:
            connection = await self._link.get(API_SECONDS)
            info = await self._stream(connection.client)
        except Denied as error:
            raise QueueError(f"{self._where}: {error}") from None
        except (Away, TimeoutError) as error:
            self.trouble = f"{self._where}: {error}; trying on"
            return False
        except (NoRespondersError, ServiceUnavailableError):
            raise QueueError(
                f"{self._where}: the server has no JetStream; start it with: nats-server -js"
            ) from None
        except (APIError, Error) as error:
            raise QueueError(f"{self._where}: {told(error)}") from None
        subjects = info.config.subjects or []
        missing = [name for name in self._url.names if not takes(subjects, name)]
        if missing:
            raise QueueError(
                f"{self._where}: stream {self._url.stream} does not take {', '.join(missing)}; "
                f"add it with: nats stream edit {self._url.stream} "
                f"--subjects {','.join([*subjects, *missing])}"
            )
        if loses(info.config):
            self.log.warn(
                "{where}: stream {stream} drops its oldest events when it is full; "
                "change that with: nats stream edit {stream} --discard new",
                where=self._where,
                stream=self._url.stream,
            )
        return True

    async def send(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Write *events*; see :class:`pyingest.queues.loop_queue.Writer`."""
        clock = asyncio.get_running_loop().time
        expires = clock() + seconds
        try:
            connection = await self._link.get(seconds)
        except Away as error:
            self.trouble = f"{self._where}: {error}"
            return [Outcome.REFUSED] * len(events)
        outcomes = await connection.publish(events, expires - clock())
        stored = all(outcome is Outcome.STORED for outcome in outcomes)
        why = connection.trouble or "events were sent, and no answer came"
        self.trouble = "" if stored else f"{self._where}: {why}"
        return outcomes

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def _stream(self, client: Client) -> StreamInfo:
        manager = client.jsm(timeout=API_SECONDS)
        try:
            return await manager.stream_info(self._url.stream)
        except NotFoundError:
            if not self._url.options.create:
                raise QueueError(
                    f"{self._where}: there is no stream {self._url.stream}; make it with: "
                    f"nats stream add {self._url.stream} "
                    f"--subjects {','.join(self._url.names)} --discard new --defaults, "
                    "or add ?create=1 to the URL"
                ) from None
        return await manager.add_stream(new_stream(self._url))


def new_stream(url: QueueUrl) -> StreamConfig:
    """Return a stream that refuses what it has no room for, and drops nothing."""
    return StreamConfig(
        name=url.stream,
        subjects=list(url.names),
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=-1 if url.options.max_bytes is None else url.options.max_bytes,
        num_replicas=url.options.replicas,
        duplicate_window=url.options.dedup,
    )


def loses(config: StreamConfig) -> bool:
    """Tell whether a stream drops its oldest messages when it is full."""
    limits = (config.max_bytes, config.max_msgs, config.max_msgs_per_subject)
    return config.discard != DiscardPolicy.NEW and any((limit or 0) > 0 for limit in limits)


def takes(subjects: Sequence[str], name: str) -> bool:
    """Tell whether one of *subjects*, which may have wildcards, takes the subject *name*."""
    return any(_matches(pattern.split("."), name.split(".")) for pattern in subjects)


def _matches(pattern: Sequence[str], name: Sequence[str]) -> bool:
    for place, token in enumerate(pattern):
        if token == ">":
            return len(name) > place
        if place >= len(name) or token not in ("*", name[place]):
            return False
    return len(pattern) == len(name)


def told(error: Exception) -> str:
    """Return what a server said, in one line."""
    return getattr(error, "description", None) or str(error) or type(error).__name__
