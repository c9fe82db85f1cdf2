"""A queue server that speaks Kestrel's protocol, on one SQLite log.

``STORED`` is sent after COMMIT, and so is the answer to whatever takes a message away; all
connections share each commit. What is only open comes back after a disconnect and after a crash.
Differences from Kestrel: messages do not expire, and a fan-out child cannot be written to.
"""

import os
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyingest.queues.broker import AHEAD_ITEMS, Broker, Cursor, Kept, figures
from pyingest.queues.directory import locked
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel_requests import RequestReader
from pyingest.queues.kestrel_session import Session
from pyingest.queues.log import Item, Operation
from pyingest.queues.sqlite import LogFile, LogThread, SqliteOptions

LARGEST_MESSAGE = 64 << 20
"""Bytes; a larger one is ``NOT_STORED``."""
MOST_UNDER_WAY = 10_000
"""Requests of one connection that are read before their answers are out."""
TRIM_SECONDS = 0.25
STOP_SECONDS = 1.0
"""How long clients get to take their last answers."""


class Queues:
    """The queues of one server, on their file; what a session works on."""

    log = Logger()

    def __init__(self, reactor: Any, thread: LogThread, max_items: int | None = None) -> None:
        self._reactor = reactor
        self._thread = thread
        self._broker = Broker(kept(thread.file), max_items)
        for cursor in self._broker.cursors():
            weight = thread.file.weigh(cursor.child, cursor.log.name, cursor.floor)
            cursor.items, cursor.bytes = weight
        self._waiters: dict[Cursor, deque[Deferred[None]]] = {}
        self._refills: dict[Cursor, list[Deferred[None]]] = {}
        self._started = reactor.seconds()
        self.connections: set[KestrelProtocol] = set()
        self.total_connections = 0

    def append(self, queue: str, body: bytes, done: Callable[[Outcome], None]) -> None:
        """Store a message; call *done* after COMMIT."""
        append = self._broker.append(queue, body)
        if append is None:
            done(Outcome.FULL)
            return

        def settle(outcome: Outcome) -> None:
            cursors = self._broker.appended(append, outcome is Outcome.STORED)
            done(outcome)
            for cursor in cursors:
                self._wake(cursor)

        self._thread.submit((append,)).addCallback(settle)

    async def refer(self, name: str) -> Cursor:
        """Return a queue; one that is new lasts before this returns, if the file allows it."""
        cursor, operations = self._broker.cursor(name)
        if operations:
            await self._thread.submit(operations)
        return cursor

    async def next(self, cursor: Cursor, seconds: float, taking: bool) -> Item | None:
        """Return the next message, waiting up to *seconds*; with *taking* it becomes open."""
        deadline = self._reactor.seconds() + seconds
        while True:
            if cursor.behind is not None:
                await self._refill(cursor)
                continue
            body = cursor.peek()
            if body is not None:
                return cursor.take() if taking else (0, body)
            left = deadline - self._reactor.seconds()
            if left <= 0 or cursor.dropped:
                return None
            await self._wait(cursor, left)

    def confirm(self, cursor: Cursor, offsets: list[int], done: Callable[[bool], None]) -> None:
        """Make it last that messages are consumed; call *done* with whether it does."""

        def settle(outcome: Outcome) -> None:
            lasting = outcome is Outcome.STORED
            if lasting:
                cursor.settle(offsets)
            else:
                self.put_back(cursor, offsets)
                self._thread.submit(cursor.mark())
            done(lasting)

        self._thread.submit(cursor.confirm(offsets)).addCallback(settle)

    def put_back(self, cursor: Cursor, offsets: list[int]) -> None:
        """Put open messages back, and wake who waits."""
        for offset in offsets:
            cursor.put_back(offset)
        self._wake(cursor)

    async def remove(self, name: str, whole: bool) -> bool:
        """Drop what waits in a queue, and with *whole* the queue; return whether that lasts."""
        operations = self._broker.delete(name) if whole else self._flush(name)
        return await self._thread.submit(operations) is Outcome.STORED

    def statistics(self) -> list[tuple[str, int]]:
        """Return names and values for ``stats``."""
        cursors = self._broker.cursors()
        found = [
            ("uptime", int(self._reactor.seconds() - self._started)),
            ("curr_items", sum(cursor.items for cursor in cursors)),
            ("total_items", sum(cursor.total for cursor in cursors)),
            ("bytes", sum(cursor.bytes for cursor in cursors)),
            ("curr_connections", len(self.connections)),
            ("total_connections", self.total_connections),
        ]
        for cursor in cursors:
            found += [(f"queue_{cursor.name}_{key}", n) for key, n in self._figures(cursor)]
        return found

    def listing(self, names: tuple[str, ...]) -> list[tuple[str, list[tuple[str, int]]]]:
        """Return each queue (of *names*, if any) with its figures."""
        return [
            (cursor.name, self._figures(cursor))
            for cursor in self._broker.cursors()
            if not names or cursor.name in names
        ]

    def names(self) -> list[str]:
        """Return the names of all queues."""
        return [cursor.name for cursor in self._broker.cursors()]

    def trim(self) -> None:
        """Remove some of what every consumer has passed."""
        operations = [op for log in self._broker.logs.values() for op in log.trim()]
        if operations:
            self._thread.submit(operations)

    async def drain(self) -> None:
        """Wait until everything that was asked for by now is committed."""
        await self._thread.submit(())

    async def close(self) -> None:
        """Commit what waits and close the file."""
        await self._thread.close()

    def _flush(self, name: str) -> list[Operation]:
        cursor, created = self._broker.cursor(name)
        return created + cursor.flush()

    def _figures(self, cursor: Cursor) -> list[tuple[str, int]]:
        return [*figures(cursor), ("waiters", len(self._waiters.get(cursor, ())))]

    async def _refill(self, cursor: Cursor) -> None:
        """Ask the file for the next messages; those who ask meanwhile share the answer."""
        if cursor in self._refills:
            turn: Deferred[None] = Deferred()
            self._refills[cursor].append(turn)
            await turn
            return
        after = cursor.behind
        if after is None:
            return
        self._refills[cursor] = []
        # Shielded: who asked may leave, and the others still need the answer.
        asked = self._thread.call(self._thread.file.items, cursor.log.name, after, AHEAD_ITEMS)
        mine: Deferred[None] = Deferred()
        self._refills[cursor].append(mine)
        asked.addCallback(cursor.refill).addBoth(self._refilled, cursor)
        await mine

    def _refilled(self, result: Any, cursor: Cursor) -> None:
        if isinstance(result, Failure):
            self.log.error("{reason}", reason=result.getErrorMessage())
        for turn in self._refills.pop(cursor):
            turn.callback(result if isinstance(result, Failure) else None)

    async def _wait(self, cursor: Cursor, seconds: float) -> None:
        """Wait for a message or for the time to pass; one who leaves is forgotten."""
        waiters = self._waiters.setdefault(cursor, deque())
        woken: Deferred[None] = Deferred()
        waiters.append(woken)
        timer = self._reactor.callLater(seconds, woken.callback, None)
        try:
            await woken
        finally:
            if timer.active():
                timer.cancel()
            if woken in waiters:
                waiters.remove(woken)

    def _wake(self, cursor: Cursor) -> None:
        waiters = self._waiters.get(cursor)
        for _ in range(min(len(waiters), cursor.items) if waiters else 0):
            if waiters:
                waiters.popleft().callback(None)


@implementer(IPushProducer)
class KestrelProtocol(Protocol):
    """One client's connection."""

    log = Logger()

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._reader = RequestReader(LARGEST_MESSAGE)
        self._session = Session(queues, self._send, self._hang_up, self._spawn)
        self._running: set[Deferred[None]] = set()
        self._paused = False

    def connectionMade(self) -> None:
        """Send small answers at once."""
        self._queues.connections.add(self)
        self._queues.total_connections += 1
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP only
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Take requests; read no more while too many are under way."""
        self._session.requested(self._reader.feed(data))
        if not self._paused and self._session.load > MOST_UNDER_WAY:
            self._paused = True
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Put back what was read and not confirmed, and stop waiting."""
        self._queues.connections.discard(self)
        for running in list(self._running):
            running.cancel()
        self._session.ended()

    def pauseProducing(self) -> None:
        """Begin nothing new: the client does not read its answers."""
        self._session.hold()

    def resumeProducing(self) -> None:
        """Go on."""
        self._session.release()

    def stopProducing(self) -> None:
        """Do nothing: the connection is ending, and :meth:`connectionLost` follows."""

    def finish(self) -> None:
        """End the connection once what was answered is sent."""
        self._hang_up()

    def abort(self) -> None:
        """End the connection now."""
        self.transport.abortConnection()  # type: ignore[union-attr]

    def _send(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]
        if self._paused and self._session.load < MOST_UNDER_WAY // 2:
            self._paused = False
            self.transport.resumeProducing()  # type: ignore[union-attr]

    def _hang_up(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(running)
        running.addErrback(self._failed)
        running.addBoth(lambda _: self._running.discard(running))

    def _failed(self, failure: Failure) -> None:
        """End the connection after an error of ours; one that ended cancels its own work."""
        if not failure.check(CancelledError):
            self.log.failure("a connection failed", failure)
            self.abort()


class KestrelFactory(Factory):
    """Makes connections."""

    noisy = False

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def buildProtocol(self, addr: Any) -> KestrelProtocol:
        """Return the protocol for one connection."""
        return KestrelProtocol(self._queues)


class KestrelServer:
    """A server that listens; :func:`start` makes it."""

    def __init__(
        self, reactor: Any, listening: Any, queues: Queues, trimmer: LoopingCall, lock: int
    ) -> None:
        self._reactor = reactor
        self.port: int = listening.getHost().port
        """The port that is listened on."""
        self._listening = listening
        self._queues = queues
        self._trimmer = trimmer
        self._lock = lock

    async def stop(self) -> None:
        """Stop listening, answer what is being committed, end the connections, close the file."""
        if self._trimmer.running:
            self._trimmer.stop()
        await self._listening.stopListening()
        await self._queues.drain()
        for connection in list(self._queues.connections):
            connection.finish()
        patience = self._reactor.seconds() + STOP_SECONDS
        while self._queues.connections and self._reactor.seconds() < patience:
            await deferLater(self._reactor, 0.01)
        for connection in list(self._queues.connections):
            connection.abort()
        await self._queues.close()
        os.close(self._lock)


async def start(
    reactor: Any,
    host: str,
    port: int,
    directory: Path,
    max_items: int | None = None,
    options: SqliteOptions | None = None,
) -> KestrelServer:
    """Serve the queues kept in *directory*, which is made if it is not there.

    :param max_items: messages that may wait in one queue; more are ``NOT_STORED``.
    :raises QueueError: the directory or its file cannot be used, or another server uses it.
    :raises CannotListenError: the address cannot be listened on.
    """
    lock = locked(directory)
    try:
        thread = LogThread(reactor, directory / "queue.db", options)
    except QueueError:
        os.close(lock)
        raise
    try:
        queues = Queues(reactor, thread, max_items)
        listening = reactor.listenTCP(port, KestrelFactory(queues), backlog=256, interface=host)
    except Exception:
        await thread.close()
        os.close(lock)
        raise
    trimmer = LoopingCall(queues.trim)
    trimmer.clock = reactor
    trimmer.start(TRIM_SECONDS, now=False)
    return KestrelServer(reactor, listening, queues, trimmer, lock)


def kept(file: LogFile) -> Kept:
    """Return what a file says about its queues.

    :raises QueueError: it cannot be read.
    """
    return Kept(file.ends(), file.cursors(), file.taken(), file.last_offset())
