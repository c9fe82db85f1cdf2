"""Server-sent events to one client: the newest state, never a queue of states.

A client that reads slowly gets fewer messages, each the newest; one that reads nothing is dropped.
What a client has not read takes no memory beyond what the system's socket and one message hold.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

PATIENCE = 20.0
"""Seconds without reading after which a client is dropped."""
RETRY = 1000
"""Milliseconds after which a browser connects again."""


@dataclass(slots=True)
class Board:
    """The newest message of each kind, encoded once for all clients."""

    now: bytes = b""
    judged: bytes = b""
    series: Callable[[], bytes] = bytes
    """Makes the message of the last minutes, for those who have not seen them."""
    tick: int = 0
    looks: int = 0
    _series: tuple[int, bytes] = field(default=(-1, b""))

    def whole_series(self) -> bytes:
        """Return the last minutes, made once a tick at most."""
        if self._series[0] != self.tick:
            self._series = self.tick, self.series()
        return self._series[1]


def message(kind: str, data: dict[str, Any]) -> bytes:
    """Return one server-sent event (HTML Living Standard, section 9.2)."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode("ascii"), msgspec.json.encode(data))


@implementer(IPushProducer)
class Stream:
    """One client.

    :param request: a ``twisted.web`` request whose head was written.
    :param drop: ends its connection at once.
    """

    def __init__(
        self,
        request: Any,
        board: Board,
        clock: Any,
        drop: Callable[[], None],
        patience: float = PATIENCE,
    ) -> None:
        self._request = request
        self._board = board
        self._clock = clock
        self._drop = drop
        self._patience = patience
        self._tick = self._looks = -1
        self._full_since: float | None = None
        self.ended = False
        request.write(b"retry: %d\n\n" % RETRY)
        request.registerProducer(self, True)
        self.update()

    def update(self) -> None:
        """Send what is new, if the client takes it; drop a client that has not for long."""
        if self.ended:
            return
        if self._full_since is not None:
            if self._clock.seconds() - self._full_since > self._patience:
                self.ended = True
                self._drop()
            return
        board = self._board
        if self._tick == board.tick and self._looks == board.looks:
            return
        parts = []
        if self._looks != board.looks:
            parts.append(board.judged)
        if self._tick != board.tick:
            # Who has seen all moments but the newest needs only that, which "now" holds.
            if self._tick != board.tick - 1:
                parts.append(board.whole_series())
            parts.append(board.now)
        self._tick, self._looks = board.tick, board.looks
        self._request.write(b"".join(parts))

    def end(self) -> None:
        """Finish the answer: the server stops."""
        if not self.ended:
            self.ended = True
            self._request.unregisterProducer()
            self._request.finish()

    # Called by the transport.

    def pauseProducing(self) -> None:
        """Note that the client does not read what it has."""
        if self._full_since is None:
            self._full_since = self._clock.seconds()

    def resumeProducing(self) -> None:
        """Note that it does again, and send the newest."""
        self._full_since = None
        self.update()

    def stopProducing(self) -> None:
        """Note that the client is gone."""
        self.ended = True
