"""Connections that are ready together are read together, and answered together.

Twisted puts a logging context around every event of every socket, so that log lines written
meanwhile can name the connection; nothing here writes such lines, and it costs about as much as
reading the socket. A crowd is one reader of the reactor with a poll of its own, which the system
allows to be watched like a socket. Everything but reading is left to the reactor; and who has
something to write is the reactor's alone until it is written, because a reset must not be heard of
by one while the other has not read what came before it.

What members post leaves when all that was read has been dealt with. A peer that sleeps has to be
woken, which costs the sender about as much again as the sending; one that was just sent something
is still awake.
"""

import select
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

TOGETHER = 64
"""Connections that are read in one go; the others have their turn next."""
PATIENCE = 0.001
"""Seconds for which what is posted may wait for others."""
FEW = 2
"""Those that stand aside are read by so few at a time: what one brings may take long."""
SLICE = 0.0001
"""Seconds that what nobody waits for may take before others get their turn."""
_PIECE = 16 * 1024
"""Bytes that are read at once from each. So much is taken from the heap before it is known how
little came; with four times as much, what stays in between grew to 10 MB of holes."""
_gatherings: dict[Any, "Gathering"] = {}
_asides: dict[Any, "Aside"] = {}
Ready = tuple[Callable[[int], bytes], Connection]
"""A connection that can be read, and how."""


def gather(reactor: Any, here: "Gathering | None" = None) -> None:
    """Let the connections that *reactor* gets from now on be read together, if the system can.

    :param here: who reads them; without one, a crowd.
    """
    if here is not None:
        _gatherings[reactor] = here
    elif reactor not in _gatherings and hasattr(select, "epoll"):
        _gatherings[reactor] = Crowd(reactor)


def gathering_of(reactor: Any, aside: bool = False) -> "Gathering | None":
    """Return what connections of *reactor* may join.

    :param aside: for those that nobody waits for.
    """
    found = _gatherings.get(reactor)
    if found is None or not aside:
        return found
    if reactor not in _asides:
        _asides[reactor] = Aside(reactor, found)
    return _asides[reactor]


class Leaving(Protocol):
    """Who has something to send."""

    def leave(self) -> None:
        """Send it."""


class Gathering:
    """Reads all, then deals with all, then sends all that was posted.

    In this order each part finds its code and data in the processor's caches.
    """

    log = Logger()

    def __init__(self) -> None:
        self.posted: list[Leaving] = []
        """Who has something to send when all that was read has been dealt with; to be added to
        only while this gathers."""
        self.gathers = False
        """Whether several connections were read, and what they send may wait for each other."""
        self.latest = 0
        """How many connections were read last."""

    def join(self, connection: Connection) -> None:
        """Read *connection* from now on."""

    def read(self, ready: Sequence[Ready]) -> None:
        """Read connections, and deal with what came."""
        self.latest = len(ready)
        if len(ready) == 1:
            recv, connection = ready[0]
            self._deal(connection, _received(recv))
            return
        received = [_received(recv) for recv, _ in ready]
        self.gathers = True
        since = time.monotonic()
        for (_, connection), data in zip(ready, received, strict=True):
            # What was dealt with before may have ended it.
            if connection.connected and not connection.disconnecting:
                self._deal(connection, data)
            if self.posted and time.monotonic() - since > PATIENCE:
                self._send()
                since = time.monotonic()
        self.gathers = False
        self._send()

    def _send(self) -> None:
        posted, self.posted = self.posted, []
        for one in posted:
            try:
                one.leave()
            except BaseException:
                self.log.failure("something could not be sent")

    def _deal(self, connection: Connection, data: bytes | Exception | None) -> None:
        """Do what Twisted's reactors do with what was read; a fault ends this connection alone."""
        try:
            if type(data) is bytes and data:
                connection.protocol.dataReceived(data)
            elif isinstance(data, Exception):
                self._lose(connection, Failure(CONNECTION_LOST))
            elif data is not None:
                connection.stopReading()
                connection.readConnectionLost(Failure(CONNECTION_DONE))
        except BaseException as error:
            self.log.failure("a connection failed while it was read")
            self._lose(connection, Failure(error))

    def _lose(self, connection: Connection, why: Failure) -> None:
        connection.stopReading()
        connection.stopWriting()
        try:
            connection.connectionLost(why)
        except BaseException:
            self.log.failure("a connection failed at its end")


def _received(recv: Callable[[int], bytes]) -> bytes | Exception | None:
    """Return what came: no bytes are the end, an error is that it broke, ``None`` is nothing."""
    try:
        return recv(_PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return CONNECTION_LOST  # the error itself would keep its frame, and that this list


@implementer(IReadDescriptor)
class Crowd(Gathering):
    """Connections that the reactor sees as one; for them, it is their reactor."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor
        self._poll = select.epoll()
        self._members: dict[int, Ready] = {}
        self._numbers: dict[Connection, int] = {}
        self._writing: set[Connection] = set()
        self.fileno = self._poll.fileno
        """Gives what the reactor watches."""

    def join(self, connection: Connection) -> None:
        """Read *connection* from now on."""
        connection.stopReading()
        them: Any = self
        connection.reactor = them
        connection.startReading()

    # Called by connections, as by a reactor; what is not here is left to that.

    def addReader(self, reader: Connection) -> None:
        """Read a member."""
        if reader in self._writing:
            self._reactor.addReader(reader)
            return
        if reader in self._numbers:
            return
        number = reader.fileno()
        self._poll.register(number, select.EPOLLIN)
        if not self._members:
            self._reactor.addReader(self)
        self._numbers[reader] = number
        self._members[number] = reader.getHandle().recv, reader

    def removeReader(self, reader: Connection) -> None:
        """Do not read a member until it is added again."""
        if reader in self._writing:
            self._reactor.removeReader(reader)
            return
        number = self._numbers.pop(reader, None)
        if number is None:
            return
        del self._members[number]
        self._poll.unregister(number)
        if not self._members:
            self._reactor.removeReader(self)

    def addWriter(self, writer: Connection) -> None:
        """Let the reactor write what a member has, and read it meanwhile."""
        if writer not in self._writing:
            reads = writer in self._numbers
            self.removeReader(writer)
            self._writing.add(writer)
            if reads:
                self._reactor.addReader(writer)
        self._reactor.addWriter(writer)

    def removeWriter(self, writer: Connection) -> None:
        """Take a member back that has written all it had."""
        self._reactor.removeWriter(writer)
        if writer not in self._writing:
            return
        reads = writer in self._reactor.getReaders()
        self.removeReader(writer)
        self._writing.discard(writer)
        if reads:
            self.addReader(writer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    # Called by the reactor.

    def logPrefix(self) -> str:
        """Return the name in Twisted's logging context."""
        return "crowd"

    def doRead(self) -> None:
        """Read what can be read."""
        members = self._members
        self.read([members[number] for number, _ in self._poll.poll(0, TOGETHER)])

    def connectionLost(self, reason: Failure) -> None:
        """Tell all members: the reactor ends."""
        for connection in list(self._numbers):
            self._lose(connection, reason)


class Aside(Crowd):
    """Connections that nobody waits for: what they bring delays the others by little.

    They are read for a moment, or as often as is their due: *others* have two reads for each
    request, of it and of its answer, and its copy has one. What was not used before is not due now:
    a slow side's answers come many at a time.

    *seconds* are of a clock that never goes back.
    """

    def __init__(
        self, reactor: Any, others: Gathering, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(reactor)
        self._others = others
        self._seconds = seconds

    def doRead(self) -> None:
        """Read what can be read, for a moment, or as often as is due."""
        members = self._members
        due, self._others.latest = self._others.latest // 2, 0
        until = self._seconds() + SLICE
        while ready := self._poll.poll(0, FEW):
            self.read([members[number] for number, _ in ready])
            due -= len(ready)
            if len(ready) < FEW or (due <= 0 and self._seconds() >= until):
                break
