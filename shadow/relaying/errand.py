"""What goes between a client and the owner of its request while that is answered."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shadow.dualrun import DualRun, Ended
from shadow.exchange import Failed
from shadow.relaying.onward import failed as answer_for
from shadow.relaying.raw import RawAnswer

if TYPE_CHECKING:
    from shadow.relaying.link import Link


class Client(Protocol):
    """Who asked, as an errand sees it: :class:`shadow.relaying.visitor.Visitor`."""

    @property
    def is_out(self) -> bool:
        """Whether all that was passed on has left us, or nobody wants it any more."""

    def begin(self, errand: "Errand") -> None:
        """Note what is under way."""

    def pass_on(self, data: bytes) -> None:
        """Send bytes of an answer."""

    def answered(self, keeps: bool, early: bool) -> None:
        """Take it that the answer is complete."""

    def wants_more(self) -> None:
        """Take it that more of the request may come."""

    def abort(self) -> None:
        """End the connection now."""

    def when_out(self, then: Callable[[], None]) -> None:
        """Call *then* when all that was passed on has left us, or nobody wants it any more."""


Done = Callable[[DualRun, Ended, Client | None], None]
"""Takes what became of a request at its owner, once the client has been sent all of it."""


class Errand:
    """One client's request at its owner. It is a :class:`shadow.relaying.link.Passage`."""

    __slots__ = ("_backlog", "_done", "_instead", "_visitor", "begun", "link", "run", "told")

    def __init__(
        self,
        run: DualRun,
        visitor: Client,
        told: bool,
        done: Done,
        instead: "Callable[[Errand], None] | None" = None,
    ) -> None:
        self.run = run
        self._instead = instead
        self.told = told
        self.begun = False
        self.link: Link | None = None
        self._visitor: Client | None = visitor
        self._done = done
        self._backlog: list[tuple[bytes, bool]] = []

    # From the side to the client.

    def piece(self, data: bytes) -> None:
        """Pass on bytes of the answer."""
        if self._visitor is not None:
            self._visitor.pass_on(data)

    def answered(self, data: bytes, answer: RawAnswer) -> None:
        """Pass on the last bytes of the answer."""
        visitor = self._visitor
        if visitor is None:
            self._over(answer)
            return
        visitor.pass_on(data)
        self._done(self.run, answer, visitor)
        visitor.answered(answer.keeps, answer.early)

    def failed(self, failed: Failed) -> None:
        """Answer for a side that did not: as a plain proxy, or by cutting the connection."""
        visitor, request = self._visitor, self.run.request
        if self._instead is not None and self.run.hand_over(failed):
            # Not a byte was sent, so nobody can have carried it out.
            instead, self._instead, self.link = self._instead, None, None
            instead(self)
            return
        if visitor is None:
            self._over(failed)
        elif self.begun:
            self._visitor = None
            self._done(self.run, failed, None)
            visitor.abort()
        else:
            visitor.pass_on(answer_for(failed.kind))
            self._done(self.run, failed, visitor)
            visitor.answered(request.head.minor == 1, not request.whole)

    def _over(self, ended: Ended) -> None:
        """Take it that there was nobody to answer. A request that was never whole is nowhere."""
        if self.run.request.whole:
            self._done(self.run, ended, None)

    # From the client to the side.

    def more(self, data: bytes, last: bool) -> bool:
        """Pass on more of a large request; return whether yet more may come now."""
        if self.link is None or self.link.holds_back:
            self._backlog.append((data, last))
            return False
        return self.link.more(data, last)

    def ready(self) -> None:
        """Ask the client for more of a large request; if it has left, forget the request."""
        if self._visitor is None:
            if self.link is not None:
                self.link.drop()
            return
        backlog, self._backlog = self._backlog, []
        ready = True
        for data, last in backlog:
            ready = self.more(data, last)
        if ready:
            self._visitor.wants_more()

    def client_takes(self, takes: bool) -> None:
        """Let the side wait as long as the client does not fetch its answer."""
        if self.link is not None:
            self.link.hold_up(not takes)

    def client_left(self, unfinished: bool) -> None:
        """Go on without the client; an *unfinished* request is forgotten, by the side too."""
        self._visitor = None
        if self.link is None:
            return
        if unfinished:
            self.link.drop()
        else:
            self.link.bounded = time.monotonic()
            self.link.hold_up(False)
