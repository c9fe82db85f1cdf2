"""Keeps what a dual run yields, until the disk refuses; clients must not suffer from that."""

from collections.abc import Callable
from typing import Any, Protocol

from shadow.exchange import Exchange, TappedEvent
from shadow.runs.manifest import RecordingError

Taps = dict[str, dict[str, Any]]


class Writer(Protocol):
    """What a recorder writes into: one part of a run, or one writer's parts."""

    def add_exchange(self, exchange: Exchange) -> None:
        """Record one exchange."""

    def add_event(self, event: TappedEvent) -> None:
        """Record one event."""

    def flush_next(self, ledger: dict[str, int] | None = None) -> bool:
        """Put the next segment on disk."""

    def tell_tax(self, tax: dict[str, Any]) -> None:
        """Keep what the control arm says."""

    def close(self, ledger: dict[str, int], taps: Taps) -> None:
        """Declare it complete."""

    def abandon(self, ledger: dict[str, int], why: str) -> None:
        """Say as well as the disk allows why it is not complete, and what it lacks."""


class Recorder:
    """Records into *writer*; at the first failure it stops for good and calls *failed*.

    A run that was not recorded to its end is never declared complete, so no verdict on it can
    be better than INVALID.

    :param events: takes the events, if they go into parts of their own: then the parts of the
        exchanges can be deleted before those of the events.
    """

    def __init__(
        self, writer: Writer, failed: Callable[[str], None], events: Writer | None = None
    ) -> None:
        self._writer = writer
        self._events = events
        self._failed = failed
        self.error = ""
        """Why nothing is recorded any more, or an empty text."""

    def exchange(self, exchange: Exchange) -> None:
        """Record an exchange."""
        self._try(self._writer.add_exchange, exchange)

    def event(self, event: TappedEvent) -> None:
        """Record an event."""
        self._try((self._events or self._writer).add_event, event)

    def flush(self, ledger: dict[str, int]) -> bool:
        """Put the next segment on disk; a hundred calls or so put everything there.

        :returns: whether everything has had its turn.
        """
        ended = self._try(self._writer.flush_next, ledger)
        if self._events is not None:
            self._try(self._events.flush_next)
        return bool(ended)

    def tell_tax(self, tax: dict[str, Any]) -> None:
        """Keep what the control arm says; to be called before :meth:`close`."""
        self._writer.tell_tax(tax)

    def close(self, ledger: dict[str, int], taps: Taps) -> None:
        """Declare the run complete, if it was recorded completely; else say what it lacks."""
        if self.error:
            self._writer.abandon(ledger, self.error)
            if self._events is not None:
                self._events.abandon({}, self.error)
            return
        if self._events is None:
            self._try(self._writer.close, ledger, taps)
            return
        self._try(self._writer.close, ledger, {})
        self._try(self._events.close, {}, taps)

    def give_up(self, why: str) -> None:
        """Stop for good, because of *why*."""
        if not self.error:
            self.error = why
            self._failed(why)

    def _try(self, work: Callable[..., object], *values: object) -> object:
        if self.error:
            return None
        try:
            return work(*values)
        except RecordingError as error:
            self.give_up(str(error))
            return None
