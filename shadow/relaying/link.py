"""One connection to a side: one request at a time, whose answer is passed on as it comes."""

import select
import time
from typing import TYPE_CHECKING, Protocol, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure as TwistedFailure

from pyingest.crowd import gathering_of
from pyingest.outlet import Outlet, outlet
from shadow.exchange import Failed, Failure
from shadow.relaying.answerframing import AnswerFramer
from shadow.relaying.raw import RawAnswer, RawRequest

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

    from shadow.relaying.pool import Pool

_READ = frozenset((b"POST", b"PUT", b"PATCH"))
"""Methods whose bodies servers read."""
_UNREAD = 400
"""From this status on, a body may have been left unread."""


class Passage(Protocol):
    """One request under way to one side: what comes back is told to it."""

    link: "Link | None"
    """The connection, while there is one."""
    told: bool
    """Whether the client has had a ``100 Continue`` already."""
    begun: bool
    """Whether bytes of the final answer were passed on."""

    def piece(self, data: bytes) -> None:
        """Take bytes of the answer that can be passed on; more will follow."""

    def answered(self, data: bytes, answer: RawAnswer) -> None:
        """Take the last bytes of the answer, and all that was kept of it."""

    def failed(self, failed: Failed) -> None:
        """Take it that there is no answer, or that it broke off."""

    def ready(self) -> None:
        """Take it that more of the request is wanted: what was sent has gone out."""


class Link(TwistedProtocol):
    """A connection to a side."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._framer = AnswerFramer(pool.limits.kept, pool.known)
        self._passage: Passage | None = None
        self._outlet: Outlet
        self._wire: Connection
        self._held_up = False
        self._unsent: RawRequest | None = None  # taken, and not sent yet
        self._whole = self._stays = True
        self.had_body = False
        """Whether the last request had a body."""
        self.since = 0.0
        """Monotonic seconds of the last thing that happened."""
        self.began = 0.0
        """Monotonic seconds at which the request was handed over."""
        self.bounded: float | None = None
        """Since when the answer has had a limit for all of it, in monotonic seconds."""
        self.lost = False

    # For whoever sends.

    def ask(self, request: RawRequest, passage: Passage) -> bool:
        """Send a request; return whether the connection takes it.

        If not, it is dead, no byte has left, and the request can go another way. One that is taken
        may leave a moment later, with those of others; if that fails it goes another way, too.
        """
        if self._gathering is not None and self._gathering.gathers:
            self._unsent = request
            self._gathering.posted.append(self)
            self._begin(request, passage)
            return True
        sent = self._sent(request.data)
        if sent is None:
            self.cut()
            return False
        self._begin(request, passage)
        self._sent_head(request, passage, sent)
        return True

    def _begin(self, request: RawRequest, passage: Passage) -> None:
        """Wait for the answer from now on."""
        self._passage = passage
        self.bounded = None
        self._whole = request.whole
        head = request.head
        self.had_body = head.chunked or head.length > 0
        self._stays = head.keeps and (not self.had_body or head.method in _READ)
        self.since = self.began = time.monotonic()
        self._framer.expect(request.method == b"HEAD", not passage.told)
        passage.link = self

    def _sent(self, data: bytes) -> int | None:
        """Send what the socket takes of *data*; return how much, or ``None``: it is dead."""
        try:
            return self._send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def leave(self) -> None:
        """Send the request that was taken, if it is still wanted."""
        request, passage = self._unsent, self._passage
        if request is None or passage is None:
            return
        sent = None if self._stirs(0) else self._sent(request.data)
        if sent is None:
            self._send_elsewhere(request, passage)
            return
        self._unsent = None
        self._sent_head(request, passage, sent)

    def _sent_head(self, request: RawRequest, passage: Passage, sent: int) -> None:
        """Go on with a request of which the socket took *sent* bytes."""
        if sent < len(request.data):
            self._outlet.send(request.data[sent:])
        if not request.whole and not self._outlet.full:
            passage.ready()

    def _send_elsewhere(self, request: RawRequest, passage: Passage) -> None:
        """Let a request of which no byte has left go another way."""
        self._passage = passage.link = self._unsent = None
        self.cut()
        self._pool.send(request, passage)

    def more(self, data: bytes, last: bool) -> bool:
        """Send more of a request that was not whole; return whether yet more may come now."""
        self.since = time.monotonic()
        self._whole = last
        self._outlet.send(data)
        return not self._outlet.full

    def hold_up(self, held_up: bool) -> None:
        """Let the side wait with its answer, or go on."""
        if held_up == self._held_up or self.lost:
            return
        self._held_up = held_up
        self.since = time.monotonic()
        if held_up:
            self._wire.pauseProducing()
        else:
            self._wire.resumeProducing()

    def is_alive(self) -> bool:
        """Return whether nothing, and no end, has come on a connection that is not in use."""
        if self.lost:
            return False
        if self._gathering is not None and self._gathering.gathers:
            return True  # it is looked at when the request leaves
        if self._stirs(0):
            self.cut()
            return False
        return True

    @property
    def holds_back(self) -> bool:
        """Whether the request that was taken has not left yet; it may still go another way."""
        return self._unsent is not None

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self._passage is not None

    @property
    def is_waited_for(self) -> bool:
        """Whether the side may be blamed for what does not come."""
        waits = self._whole or self._outlet.full
        return self._passage is not None and not self._held_up and waits

    # Called by the transport.

    def connectionMade(self) -> None:
        """Make ready."""
        self._wire = cast("Connection", self.transport)
        self._wire.setTcpNoDelay(True)
        handle = self._wire.getHandle()
        self._send = handle.send
        watch = select.poll()
        watch.register(handle, select.POLLIN)
        self._stirs = watch.poll
        aside = self._pool.limits.aside
        # Before the outlet joins it, which makes it the wire's reactor.
        self._gathering = gathering_of(self._wire.reactor, aside)
        self._outlet = outlet(self._wire, self._drained, aside)
        self.since = time.monotonic()
        self._pool.made(self)

    def dataReceived(self, data: bytes) -> None:
        """Take a piece of the answer."""
        passage, framer = self._passage, self._framer
        if passage is None or self._unsent is not None:
            self._intrude()
            return
        passed = framer.feed(data)
        if framer.answer is not None:
            self._finish(passage, passed)
        elif framer.wrong:
            self.fail(Failure.MALFORMED, framer.wrong)
        elif framer.overlong and self._pool.limits.aside:
            # It might as well go on until its time is over, which it must not be let.
            why = f"no end of the answer within {self._pool.limits.kept} bytes"
            self.fail(Failure.TIMED_OUT, why)
        else:
            self.since = time.monotonic()
            if passed:
                passage.begun = framer.begun
                passage.piece(passed)

    def _intrude(self) -> None:
        """Deal with bytes that nobody asked for, such as a server's 408 when idle."""
        if self._unsent is not None and self._passage is not None:
            self._send_elsewhere(self._unsent, self._passage)
        self.cut()

    def connectionLost(self, reason: TwistedFailure = TwistedFailure(ConnectionDone())) -> None:  # noqa: B008
        """Note the end: of the answer, if it ends so; else of the request's hopes."""
        self.lost = True
        self._pool.forget(self)
        self._outlet.forget()
        passage = self._passage
        if passage is None:
            return
        if self._unsent is not None:
            self._send_elsewhere(self._unsent, passage)
            return
        if reason.check(ConnectionDone):
            self._framer.close()
        if self._framer.answer is not None:
            self._finish(passage, b"")
        else:
            self.fail(Failure.RESET, reason.getErrorMessage())

    # The end of a request.

    def _finish(self, passage: Passage, last: bytes) -> None:
        """Hand the answer over; keep the connection, if it can carry another request."""
        answer = self._framer.answer
        assert answer is not None
        self._passage = passage.link = None
        if self._held_up:
            self.hold_up(False)
        self.since = time.monotonic()
        answer.seconds = self.since - self.began
        answer.early = not self._whole or self._outlet.full
        self._pool.pace.answered()
        if answer.early:
            self.cut()
        elif self._is_good(answer):
            self._pool.keep(self)
        else:
            self.close()
        passage.answered(last, answer)

    def _is_good(self, answer: RawAnswer) -> bool:
        """Return whether the connection can carry another request after *answer*.

        Not after a request that asked for the end, nor if its body may have been left unread: a
        side may close then without saying so, and the next request, of somebody else, would meet
        that.
        """
        if self.lost or self._framer.surplus or not (self._stays and answer.keeps):
            return False
        return not self.had_body or answer.status < _UNREAD

    def fail(self, kind: Failure, why: str) -> None:
        """Give the request up, and the connection with it."""
        passage, self._passage = self._passage, None
        self.cut()
        if passage is not None:
            self._pool.pace.broke()
            passage.link = None
            passage.failed(Failed(kind, why, time.monotonic() - self.began))

    def drop(self) -> None:
        """Forget the request that is under way, which nobody wants any more."""
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.link = None
        self.cut()

    def close(self) -> None:
        """End the connection in order; it is not used any more."""
        if not self.lost:
            self.lost = True
            self._outlet.release()
            self._wire.loseConnection()

    def cut(self) -> None:
        """End the connection now."""
        self.lost = True
        self._wire.abortConnection()

    def _drained(self) -> None:
        """Note that the side takes bytes again, or not."""
        if self._passage is not None and not self._outlet.full:
            self.since = time.monotonic()
            if not self._whole:
                self._passage.ready()
