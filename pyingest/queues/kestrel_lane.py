"""One fan-out queue as its reader knows it: what is held open, and what may come again. No I/O."""

from collections import deque
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from pyingest.event import Stored
from pyingest.queues.gauge import Gauge
from pyingest.queues.kestrel_wire import ERRORS, Reply, Value

OPEN = 64
"""Messages of one queue that are held open; a server as it is shipped allows 100 a connection,
and one that allows fewer is given what it takes."""
DOUBTED = 2 * OPEN
"""Messages after a loss among which those that come again are looked for."""

Request = tuple[bytes, bool]
"""A line, and whether it confirms the oldest message that is open."""


class Lane:
    """What a reader knows of one queue."""

    def __init__(self, child: bytes) -> None:
        self.child = child
        self.offset = 0
        """Messages returned so far."""
        self.open: deque[bytes] = deque()
        """Bodies that are held open, oldest first."""
        # An empty answer costs the server as much as a full one: ask for about as many as came.
        self.expected = 1
        self.asked = 0
        """How many messages were asked for last."""
        self._most = OPEN
        self._doubted: list[str] = []
        self._looked_at = 0
        self._until = 0.0

    def requests(self, wanted: int, confirm: bool) -> list[Request]:
        """Return what asks for up to *wanted* messages, and confirms those that were returned.

        Those are confirmed too that are open when no more may be. What is asked for here is never
        confirmed here: it might not arrive.
        """
        full = len(self.open) >= self._most
        stale = len(self.open) if confirm or full else 0
        self.asked = max(0, min(wanted, self._most - len(self.open) + stale))
        made: list[Request] = []
        for number in range(max(self.asked, stale)):
            opens, closes = number < self.asked, number < stale
            how = b"/close/open" if closes and opens else b"/close" if closes else b"/open"
            made.append((b"get %b%b\r\n" % (self.child, how), closes))
        return made

    def answered(
        self, requests: Sequence[Request], answers: Sequence[list[Reply] | None]
    ) -> tuple[list[bytes], bool]:
        """Note the answers; return the bodies that came, and whether the connection was lost."""
        bodies: list[bytes] = []
        for (_, closes), answer in zip(requests, answers, strict=True):
            if answer is None:
                return bodies, True
            if answer[-1] in ERRORS:
                self._most = max(1, len(self.open))
                return bodies, True
            if closes and self.open:
                self.open.popleft()
            came = [reply.body for reply in answer if isinstance(reply, Value)]
            self.open += came
            bodies += came
        return bodies, False

    def count(self, came: int) -> bool:
        """Learn how much to ask for; return whether more may wait."""
        is_all = came < self.asked
        self.expected = came + 1 if is_all else min(2 * self.asked, OPEN)
        return not is_all

    def numbered(self, name: str, bodies: Sequence[bytes], now: float) -> list[Stored]:
        """Return what is new among *bodies*, numbered."""
        found: list[Stored] = []
        for body in bodies:
            if not self._is_known(body, now):
                self.offset += 1
                found.append(Stored(name, self.offset, body))
        return found

    def doubt(self, until: float) -> None:
        """Expect what is open again, up to *until*: its connection is gone."""
        if self.open:
            self._doubted = [*self._doubted, *map(_digest, self.open)][-DOUBTED:]
            self._looked_at, self._until = 0, until
            self.open.clear()

    def state(self) -> dict[str, Any]:
        """Return what a successor must know."""
        expected = [*self._doubted, *map(_digest, self.open)]
        return {"offset": self.offset, "open": expected[-DOUBTED:]}

    def restore(self, state: Mapping[str, Any], until: float) -> None:
        """Be the successor of a lane with that *state*.

        :raises KeyError, TypeError, ValueError: it is none.
        """
        self.offset = int(state["offset"])
        self._doubted = [str(one) for one in state["open"]]
        self._looked_at, self._until = 0, until

    def _is_known(self, body: bytes, now: float) -> bool:
        """Say whether a message was returned before the connection was lost."""
        if not self._doubted:
            return False
        if now >= self._until or self._looked_at >= DOUBTED:
            self._doubted.clear()
            return False
        self._looked_at += 1
        digest = _digest(body)
        if digest not in self._doubted:
            return False
        self._doubted.remove(digest)
        return True


def gauge(figures: Mapping[str, int], name: str, child: str) -> Gauge:
    """Return what the figures of ``stats`` say of queue *name* and its fan-out queue *child*."""

    def told(queue: str, key: str) -> int:
        return figures.get(f"queue_{queue}_{key}", -1)

    age, thrown, expired = told(name, "age"), told(child, "discarded"), told(child, "expired_items")
    return Gauge(
        waiting=max(0, told(child, "items")),
        lost=max(0, thrown) + max(0, expired) if thrown >= 0 else -1,
        depth=told(name, "items"),
        age=age / 1000 if age >= 0 else -1.0,
        discarded=told(name, "discarded"),
    )


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=8).hexdigest()
