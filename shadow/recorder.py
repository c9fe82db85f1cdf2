"""Keeps what a dual run yields, until the disk refuses; clients must not suffer from that."""

from collections.abc import Callable
from typing import Any

from shadow.exchange import Exchange, TappedEvent
from shadow.recording import RecordingError, RunWriter


class Recorder:
    """Records into *writer*; at the first failure it stops for good and calls *failed*.

    A run that was not recorded to its end is never declared complete, so no verdict on it can
    be better than INVALID.
    """

    def __init__(self, writer: RunWriter, failed: Callable[[str], None]) -> None:
        self._writer = writer
        self._failed = failed
        self.error = ""
        """Why nothing is recorded any more, or an empty text."""

    def exchange(self, exchange: Exchange) -> None:
        """Record an exchange."""
        self._try(self._writer.add_exchange, exchange)

    def event(self, event: TappedEvent) -> None:
        """Record an event."""
        self._try(self._writer.add_event, event)

    def flush(self, ledger: dict[str, int]) -> None:
        """Put the next part on disk; sixteen calls or so put everything there."""
        self._writer.manifest.ledger = ledger
        self._try(self._writer.flush_next)

    def close(self, ledger: dict[str, int], taps: dict[str, dict[str, Any]]) -> None:
        """Declare the run complete, if it was recorded completely."""
        self._try(self._writer.close, ledger, taps)

    def _try(self, work: Callable[..., None], *values: object) -> None:
        if self.error:
            return
        try:
            work(*values)
        except RecordingError as error:
            self.error = str(error)
            self._failed(self.error)
