"""A run directory from what two logs and two queues tell; nothing of it is left uncounted."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyingest.event import Stored
from replay.entry import Line
from replay.importing.heard import Heard, heard
from replay.importing.pairing import WINDOW, Pair, Pairing
from shadow.exchange import Exchange, NotMirrored, Reason, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import Manifest, RunWriter

EXAMPLES = 3
ONLY_STATUS = "imported from access logs: of answers only the status and the time are compared"


@dataclass(slots=True)
class Imported:
    """What came of an import; every line of both logs is in one of these."""

    paired: int = 0
    by_id: int = 0
    by_content: int = 0
    legacy_alone: int = 0
    candidate_alone: int = 0
    without_body: int = 0
    """Requests whose body is in no log: they cannot be judged."""
    unread: dict[Side, Counter[str]] = field(
        default_factory=lambda: {side: Counter() for side in Side}
    )
    """Lines of which nothing could be used, by why."""
    examples: list[str] = field(default_factory=list)
    untimed: int = 0
    """Paired requests of which a log does not tell how long they took."""
    events: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))

    def sentences(self) -> Iterator[str]:
        """Yield what a reader must know, for the report and the terminal."""
        yield ONLY_STATUS
        yield (
            f"{self.paired:,} requests were found in both logs, {self.by_id:,} by their id and "
            f"{self.by_content:,} by content and time"
        )
        if self.legacy_alone or self.candidate_alone:
            yield (
                f"not paired: {self.legacy_alone:,} requests are in legacy's log alone, "
                f"{self.candidate_alone:,} in the candidate's"
            )
        if self.without_body:
            yield f"{self.without_body:,} requests have no whole body in the log: not judged"
        for side, reasons in self.unread.items():
            for why, count in reasons.most_common():
                yield f"{count:,} lines of {side.value}'s log were not used: {why}"
        if self.untimed:
            yield f"the logs do not tell how long {self.untimed:,} requests took: no latencies"


class Import:
    """Writes the run.

    :param names: the queue names of each side, and those they are compared under.
    :raises RecordingError: the directory is not empty, or cannot be written.
    """

    def __init__(
        self, run: Path, manifest: Manifest, names: dict[Side, dict[str, str]] | None = None
    ) -> None:
        self.found = Imported()
        self._manifest = manifest
        self._writer = RunWriter(run, manifest)
        self._names = names or {side: {} for side in Side}
        self._ledger = Ledger()
        self._taps: dict[str, dict[str, Any]] = {}
        self._at = time.time()

    def logs(
        self,
        legacy: Iterable[Line],
        candidate: Iterable[Line],
        where: tuple[str, str] = ("legacy's log", "the candidate's log"),
        window: float = WINDOW,
    ) -> None:
        """Take both logs, and pair them.

        :raises RecordingError: the disk does not take it.
        """
        pairing = Pairing(window)
        pairing.hold(self._usable(Side.CANDIDATE, candidate, where[1]))
        ours = sorted(self._usable(Side.LEGACY, legacy, where[0]), key=lambda one: one.at)
        for one in ours:
            self._add(pairing.of(one))
        for pair in pairing.rest():
            self._add(pair)
        self.found.by_id, self.found.by_content = pairing.by_id, pairing.by_content

    def taker(self, side: Side) -> Callable[[Stored], None]:
        """Return what takes a side's events, one by one."""
        names = self._names[side]

        def take(item: Stored) -> None:
            queue = names.get(item.queue, item.queue)
            # One time for all: when a message was queued is not known, only that it is there.
            self._writer.add_event(TappedEvent(side, queue, item.offset, self._at, item.body))
            self.found.events[side] += 1

        return take

    def tapped(self, side: Side, report: dict[str, Any]) -> None:
        """Note how reading a side's events went."""
        self._taps[side.value] = report

    def close(self) -> Imported:
        """Declare the run complete.

        :raises RecordingError: the disk does not take it.
        """
        self._manifest.notes += list(self.found.sentences())
        self._writer.close(self._ledger.to_dict(), self._taps)
        return self.found

    def discard(self) -> None:
        """Take the run back."""
        self._writer.discard()

    def _usable(self, side: Side, lines: Iterable[Line], where: str) -> Iterator[Heard]:
        for one in heard(lines, where, side.value):
            if isinstance(one, Heard):
                yield one
                continue
            self.found.unread[side][one.why] += 1
            self._ledger.malformed += side is Side.LEGACY
            if len(self.found.examples) < EXAMPLES:
                self.found.examples.append(f"{one.where}: {one.why}")

    def _add(self, pair: Pair) -> None:
        """Record one request, in exactly one bucket of the ledger."""
        request = next((one.request for one in _known(pair) if one.request is not None), None)
        first = _known(pair)[0]
        owner = Side.LEGACY if pair.legacy else Side.CANDIDATE
        if request is None:
            self.found.without_body += 1
            self._ledger.received += 1
            self._ledger.owner_ended(owner, first.outcome)
            self._ledger.too_large += 1
            return
        alone = NotMirrored(Reason.UNPAIRED)
        legacy = pair.legacy.outcome if pair.legacy else alone
        candidate = pair.candidate.outcome if pair.candidate else alone
        number = self._ledger.received + 1
        exchange = Exchange(number, first.at, request, legacy, candidate, owner)
        self._writer.add_exchange(exchange)
        self._ledger.ended(exchange)
        if pair.legacy is None or pair.candidate is None:
            self.found.candidate_alone += pair.legacy is None
            self.found.legacy_alone += pair.candidate is None
            return
        self.found.paired += 1
        self.found.untimed += any(one.outcome.seconds < 0 for one in _known(pair))


def _known(pair: Pair) -> list[Heard]:
    return [one for one in (pair.legacy, pair.candidate) if one is not None]
