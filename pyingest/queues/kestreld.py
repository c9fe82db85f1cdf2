"""A queue server that speaks Kestrel's protocol, on an SQLite log.

A queue is a log; its consumers share one position on it. A fan-out queue ``events+shadow`` is
one more position on the log of ``events``, so a write costs one row however many children
there are. An item is confirmed (``STORED``) after COMMIT. Positions are written with a delay
of up to a second: after a crash a few items come twice, none is lost (at least once).
"""

from collections import deque
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from pyingest.event import Event
from pyingest.queues.interface import Outcome, QueueError
from pyingest.queues.kestrel_wire import (
    Command,
    CommandReader,
    Garbage,
    Get,
    Position,
    is_queue_name,
    parse_get,
    value_reply,
)
from pyingest.queues.sqlite import Appender, LogThread

FETCH = 1_000
OWN = ""
"""Name of the position that a queue's own consumers share."""
END = b"END\r\n"
CLIENT_ERROR = b"CLIENT_ERROR\r\n"
VERSION = b"VERSION 2.4.1\r\n"


class Broker:
    """The queues of one server. Positions live here; items in the log."""

    def __init__(self, thread: LogThread, clock: Any) -> None:
        self._thread = thread
        self._appender = Appender(thread)
        self._clock = clock
        self._positions: dict[str, Position] = {}
        self._kept: dict[str, int] = {}
        self._waiters: dict[str, list[Deferred[None]]] = {}
        self.totals: dict[str, int] = {}
        for (child, queue), off in thread.log.cursors().items():
            self._positions[_full_name(queue, child)] = Position(off)

    async def store(self, queue: str, bodies: list[bytes]) -> Outcome:
        """Store items of one queue; give the outcome, which they share."""
        self._position(queue)
        outcome = await self._appender.append([Event(queue, body) for body in bodies])
        if outcome is Outcome.STORED:
            self.totals[queue] = self.totals.get(queue, 0) + len(bodies)
            self._wake(queue)
        return outcome

    async def take(self, name: str, seconds: float, waiter: "Waiter") -> tuple[int, bytes] | None:
        """Return the next item of *name*, set aside; wait up to *seconds* for one."""
        deadline = self._clock.seconds() + seconds
        while True:
            item = await self._next(name)
            left = deadline - self._clock.seconds()
            if item is not None and waiter.gone:
                self._position(name).give_back(item[0])
                return None
            if item is not None or left <= 0 or waiter.gone:
                return item
            await self._wait(name, left, waiter)

    async def peek(self, name: str) -> bytes | None:
        """Return the next item of *name* and leave it there."""
        await self._fetch(name)
        return self._position(name).peek()

    def confirm(self, name: str, off: int) -> None:
        """Note that an item set aside is consumed."""
        self._position(name).confirm(off)

    def give_back(self, name: str, off: int) -> None:
        """Put an item set aside back at the head, and wake who waits."""
        self._position(name).give_back(off)
        self._wake(name.split("+")[0])

    async def flush(self, name: str) -> None:
        """Forget what waits in *name*."""
        self._positions[name] = Position(await self._thread.call(self._thread.log.end))

    async def stats(self) -> dict[str, int]:
        """Return ``queue_NAME_items`` and its siblings for every queue."""
        found: dict[str, int] = {}
        for name, position in list(self._positions.items()):
            queue = name.split("+")[0]
            beyond = await self._thread.call(self._thread.log.count, queue, position.fetched)
            found[f"queue_{name}_items"] = beyond + position.waiting
            found[f"queue_{name}_open_transactions"] = len(position.open)
            found[f"queue_{name}_total_items"] = self.totals.get(queue, 0)
            found[f"queue_{name}_discarded"] = 0
        return found

    async def keep_positions(self) -> None:
        """Write the positions that moved."""
        for name, position in list(self._positions.items()):
            queue, _, child = name.partition("+")
            if self._kept.get(name) != position.done:
                self._kept[name] = position.done
                await self._thread.call(self._thread.log.move, child, queue, position.done)

    async def close(self) -> None:
        """Write the positions and close the log."""
        await self.keep_positions()
        await self._thread.close()

    def position_at_end(self, name: str) -> None:
        """Create the position of *name* by this reference, if it is new."""
        self._position(name)

    def _position(self, name: str) -> Position:
        if name not in self._positions:
            # A child sees later writes only; a queue without any position is new altogether.
            self._positions[name] = Position(self._appender.last if "+" in name else 0)
        return self._positions[name]

    async def _next(self, name: str) -> tuple[int, bytes] | None:
        position = self._position(name)
        if not position.waiting:
            await self._fetch(name)
        return position.take()

    async def _fetch(self, name: str) -> None:
        position = self._position(name)
        queue = name.split("+")[0]
        rows = await self._thread.call(self._thread.log.read, queue, position.fetched, FETCH)
        position.feed([(row.offset, row.body) for row in rows])

    async def _wait(self, name: str, seconds: float, waiter: "Waiter") -> None:
        woken: Deferred[None] = Deferred()
        queue = name.split("+")[0]
        self._waiters.setdefault(queue, []).append(woken)
        waiter.woken = woken
        timer = self._clock.callLater(seconds, _fire, woken)
        await woken
        waiter.woken = None
        if timer.active():
            timer.cancel()
        if woken in self._waiters.get(queue, []):
            self._waiters[queue].remove(woken)

    def _wake(self, queue: str) -> None:
        for woken in self._waiters.pop(queue, []):
            _fire(woken)


class Waiter:
    """A connection as the broker sees it: present or gone."""

    def __init__(self) -> None:
        self.gone = False
        self.woken: Deferred[None] | None = None

    def leave(self) -> None:
        """Go, and stop waiting."""
        self.gone = True
        if self.woken is not None:
            _fire(self.woken)


class KestrelProtocol(Protocol):
    """One client's connection; its commands are carried out in order."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._reader = CommandReader()
        self._commands: deque[Command | Garbage] = deque()
        self._working = False
        self._waiter = Waiter()
        self._opened: deque[tuple[str, int]] = deque()

    def connectionMade(self) -> None:
        """Send small answers at once."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # TCP only

    def dataReceived(self, data: bytes) -> None:
        """Take commands."""
        self._commands.extend(self._reader.feed(data))
        if not self._working:
            self._working = True
            Deferred.fromCoroutine(self._work()).addErrback(self._fail)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Put back what was read and not confirmed."""
        self._waiter.leave()
        self._commands.clear()
        while self._opened:
            self._broker.give_back(*self._opened.pop())

    async def _work(self) -> None:
        while self._commands and not self._waiter.gone:
            sets = self._leading_sets()
            if sets:
                self._write(await self._store(sets))
                continue
            command = self._commands.popleft()
            if isinstance(command, Garbage):
                return self._refuse()
            await self._carry_out(command)
        self._working = False
        return None

    def _leading_sets(self) -> list[Command]:
        """Take the storage commands for one queue that stand at the front."""
        sets: list[Command] = []
        while self._commands:
            command = self._commands[0]
            if isinstance(command, Garbage) or command.words[0] != "set":
                break
            if not is_queue_name(command.words[1]):
                break
            if sets and command.words[1] != sets[0].words[1]:
                break
            sets.append(command)
            self._commands.popleft()
        return sets

    async def _store(self, sets: list[Command]) -> bytes:
        bodies = [command.data or b"" for command in sets]
        outcome = await self._broker.store(sets[0].words[1], bodies)
        word = b"STORED\r\n" if outcome is Outcome.STORED else b"NOT_STORED\r\n"
        return word * len(sets)

    async def _carry_out(self, command: Command) -> None:
        match command.words:
            case ("get" | "gets", key, *_):
                await self._get(key)
            case ("confirm", name, count):
                self._write(self._confirm(name, count))
            case ("monitor", name, seconds, *most) if seconds.isdigit():
                await self._monitor(name, int(seconds), int(most[0]) if most else 100)
            case ("flush" | "delete", name):
                await self._broker.flush(name)
                self._write(b"DELETED\r\n" if command.words[0] == "delete" else END)
            case ("stats", *_):
                self._write(await self._stats())
            case ("version", *_):
                self._write(VERSION)
            case ("quit", *_):
                self.transport.loseConnection()  # type: ignore[union-attr]
            case _:
                self._refuse()

    async def _get(self, key: str) -> None:
        get = parse_get(key)
        if get is None:
            self._refuse()
            return
        self._broker.position_at_end(get.queue)
        if get.close or get.abort:
            self._end_read(get)
        if get.abort or (get.close and not get.open):
            self._write(END)
        elif get.peek:
            body = await self._broker.peek(get.queue)
            self._write((value_reply(get.queue, body) if body is not None else b"") + END)
        else:
            await self._take(get)

    async def _take(self, get: Get) -> None:
        item = await self._broker.take(get.queue, get.wait, self._waiter)
        if item is None:
            self._write(END)
            return
        off, body = item
        if get.open:
            self._opened.append((get.queue, off))
        else:
            self._broker.confirm(get.queue, off)
        self._write(value_reply(get.queue, body) + END)

    def _end_read(self, get: Get) -> None:
        """Confirm (or put back) the oldest open read of the queue; none is no error."""
        for name, off in self._opened:
            if name == get.queue:
                self._opened.remove((name, off))
                (self._broker.give_back if get.abort else self._broker.confirm)(name, off)
                return

    async def _monitor(self, name: str, seconds: float, most: int) -> None:
        for number in range(most):
            wait = 0.0 if number else seconds
            item = await self._broker.take(name, wait, self._waiter)
            if item is None:
                break
            self._opened.append((name, item[0]))
            self._write(value_reply(name, item[1]))
        self._write(END)

    def _confirm(self, name: str, count: str) -> bytes:
        mine = [opened for opened in self._opened if opened[0] == name]
        if not count.isdigit() or not 0 < int(count) <= len(mine):
            return b"ERROR\r\n"
        for opened in mine[: int(count)]:
            self._opened.remove(opened)
            self._broker.confirm(*opened)
        return END

    async def _stats(self) -> bytes:
        stats = await self._broker.stats()
        return b"".join(b"STAT %b %d\r\n" % (k.encode(), v) for k, v in stats.items()) + END

    def _refuse(self) -> None:
        self._write(CLIENT_ERROR)
        self._commands.clear()
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _write(self, data: bytes) -> None:
        if not self._waiter.gone:
            self.transport.write(data)  # type: ignore[union-attr]

    def _fail(self, failure: Failure) -> None:
        """A log that cannot be read ends the connection; the client hears a bare error word."""
        failure.trap(QueueError)
        self._write(b"SERVER_ERROR\r\n")
        self.transport.loseConnection()  # type: ignore[union-attr]


class KestrelServer:
    """A server that listens."""

    def __init__(self, listening: Any, factory: "KestrelFactory", broker: Broker) -> None:
        self.port: int = listening.getHost().port
        self._listening = listening
        self._factory = factory
        self._broker = broker
        self._keeper = LoopingCall(lambda: Deferred.fromCoroutine(broker.keep_positions()))
        self._keeper.start(1.0, now=False)

    async def stop(self) -> None:
        """Stop listening, end the connections, write the positions, close the log."""
        self._keeper.stop()
        await self._listening.stopListening()
        for protocol in list(self._factory.protocols):
            protocol.transport.abortConnection()
        await self._broker.close()


class KestrelFactory(Factory):
    """Makes connections."""

    noisy = False

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.protocols: set[Any] = set()

    def buildProtocol(self, addr: Any) -> KestrelProtocol:
        """Return the protocol for one connection."""
        protocol = KestrelProtocol(self._broker)
        self.protocols.add(protocol)
        return protocol


async def start(reactor: Any, host: str, port: int, directory: Path) -> KestrelServer:
    """Serve the queues kept in *directory*.

    :raises QueueError: the log cannot be opened.
    :raises CannotListenError: the port is taken.
    """
    broker = Broker(LogThread(reactor, directory / "queue.db"), reactor)
    factory = KestrelFactory(broker)
    try:
        listening = reactor.listenTCP(port, factory, interface=host, backlog=256)
    except Exception:
        await broker.close()
        raise
    return KestrelServer(listening, factory, broker)


def _full_name(queue: str, child: str) -> str:
    return f"{queue}+{child}" if child else queue


def _fire(deferred: "Deferred[None]") -> None:
    if not deferred.called:
        deferred.callback(None)
