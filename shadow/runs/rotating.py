"""One writer's parts, one after the other: a new one when the last is large or old enough.

What is recorded in a part, its ledger tells exactly: each part's ledger closes by itself, so a part
can be deleted and the rest still adds up.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shadow.exchange import Exchange, TappedEvent
from shadow.ledger import Ledger, less, merged
from shadow.recording import RunWriter
from shadow.runs.background import AtOnce, Hand, Job
from shadow.runs.manifest import PREPARED, RECORDING, PartManifest, RecordingError
from shadow.runs.room import Room
from shadow.runs.run import Run


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a new part begins."""

    bytes: int = 0
    """On disk, after which a new part begins; 0: never."""
    seconds: float = 0.0
    """Age at which a new part begins; 0: never."""


class PartsWriter:
    """Writes the parts of one life of one writer: a :class:`RunWriter` that does not grow too long.

    :param name: ``proxy-0``, ``tap``.
    :param positions: where the taps read, by side; see :meth:`Run.part`.
    :param room: says when the disk is nearly full, and the recording must end.
    :raises RecordingError: no part can be written.
    """

    def __init__(
        self,
        run: Run,
        name: str,
        rotation: Rotation | None = None,
        hand: Hand | None = None,
        positions: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        room: Room | None = None,
    ) -> None:
        self.directory = run.directory
        self._run, self._name = run, name
        self._rotation = rotation or Rotation()
        self._hand, self._clock = hand or AtOnce(), clock
        self._positions = dict(positions or {})
        self._room = room
        self._before: dict[str, int] = {}
        """What the ledgers of this writer's former parts say, together."""
        self._here = Ledger()
        """What the part that is written holds."""
        self._next: RunWriter | None = None
        """The part that comes next, when it is ready."""
        self._preparing = False
        self._writer = self._begun()

    @property
    def part(self) -> str:
        """The name of the part that is written now."""
        return self._writer.directory.name

    def add_exchange(self, exchange: Exchange) -> None:
        """Record one exchange.

        :raises RecordingError: the disk does not take what was waiting.
        """
        self._writer.add_exchange(exchange)
        self._here.ended(exchange)

    def add_event(self, event: TappedEvent) -> None:
        """Record one tapped event.

        :raises RecordingError: the disk does not take what was waiting.
        """
        self._writer.add_event(event)

    def flush_next(self, ledger: dict[str, int] | None = None) -> bool:
        """Put one segment on disk, the next in turn; with the last, begin a new part if it is time.

        :param ledger: the writer's counters since it began.
        :raises RecordingError: the disk does not take it, or is nearly full.
        """
        ended = self._writer.flush_next(None if ledger is None else less(ledger, self._before))
        if ended and not self._preparing and self._is_due():
            self._preparing = True
            self._do(self._prepare)
        if ended and self._next is not None:
            self.rotate(ledger or {})
        return ended

    def rotate(self, ledger: Mapping[str, int]) -> None:
        """End this part, and begin the next; without one that is prepared, it is made now.

        :raises RecordingError: the disk does not take it.
        """
        upcoming = self._next or self._begun(PREPARED)
        self._here.malformed = ledger.get("malformed", 0) - self._before.get("malformed", 0)
        told = self._here.to_dict()
        self._writer.seal(told, {}, self._clock())
        self._before = merged((self._before, told))
        self._here = Ledger()
        self._writer, self._next, self._preparing = upcoming, None, False
        upcoming.begin(self._before, self._positions)

    def move(self, positions: Mapping[str, str]) -> None:
        """Note where the taps read now; it stands in the manifest after the next flush."""
        self._positions = {**self._positions, **positions}
        if isinstance(self._writer.manifest, PartManifest):
            self._writer.manifest.positions = self._positions

    def recovers(self, parts: Sequence[str]) -> None:
        """Note that killed taps' *parts* lack nothing: what they lacked is on disk here.

        It stands in the manifest after the next flush.
        """
        if isinstance(self._writer.manifest, PartManifest):
            self._writer.manifest.recovers = [one for one in parts if one != self.part]

    def flush(self) -> None:
        """Put everything on disk.

        :raises RecordingError: the disk does not take it.
        """
        self._writer.flush()

    def tell_tax(self, tax: dict[str, Any]) -> None:
        """Keep what the control arm of this process says; it stands in the last part's manifest."""
        self._writer.tell_tax(tax)

    def close(self, ledger: dict[str, int], taps: dict[str, dict[str, Any]]) -> None:
        """Declare the last part complete, when all of it is on disk.

        :param ledger: the writer's counters since it began.
        :raises RecordingError: the disk does not take it.
        """
        self._writer.seal(less(ledger, self._before), taps, self._clock())
        self._writer.finish()
        self._drop_next()

    def abandon(self, ledger: Mapping[str, int], why: str) -> None:
        """Write what can be written, and say why it is not all, and how many requests it lacks.

        :param ledger: the writer's counters since it began.
        """
        told, given = self._here.to_dict(), less(ledger, self._before)
        told["lost"] = max(0, given.get("received", 0) - told["received"])
        told["received"] += told["lost"]
        told["malformed"] = given.get("malformed", 0)
        self._writer.abandon(told, why, self._clock())
        self._drop_next()

    def discard(self) -> None:
        """Take the part back while nothing is recorded in it."""
        self._writer.discard()

    def _begun(self, state: str = RECORDING) -> RunWriter:
        given = self._name, self._hand, self._positions, self._clock, self._room
        return self._run.part(*given, state)

    def _prepare(self) -> None:
        """Make the next part; clients need not wait for the disk that takes it."""
        try:
            self._next = self._begun(PREPARED)
        except RecordingError as error:
            raise OSError(str(error)) from None

    def _drop_next(self) -> None:
        if self._next is not None:
            self._next.discard()
            self._next = None

    def _do(self, job: Job) -> None:
        try:
            self._hand.do(job)
        except OSError as error:
            raise RecordingError(str(error)) from None

    def _is_due(self) -> bool:
        limits, writer = self._rotation, self._writer
        if limits.bytes and writer.size >= limits.bytes:
            return True
        age = self._clock() - writer.manifest.created
        return 0 < limits.seconds <= age and not writer.is_empty
