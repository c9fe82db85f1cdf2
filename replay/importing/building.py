"""A run directory from what two logs and two queues tell; nothing of it is left uncounted."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyingest.event import Stored
from pyingest.message import Request
from replay.entry import Line
from replay.importing.heard import Heard, heard
from replay.importing.pairing import WINDOW, Pair, Pairing
from shadow.exchange import Exchange, NotMirrored, Reason, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunWriter
from shadow.runs.manifest import Manifest
from shadow.runs.redaction import Redactor
from shadow.runs.telling import redacted_note

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
    not_sampled: int = 0
    """Requests that the front did not mean to mirror."""
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
        if self.not_sampled:
            yield f"{self.not_sampled:,} requests were not meant to be mirrored"
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
    :param redactor: hides secrets in all that is recorded.
    :raises RecordingError: the directory is not empty, or cannot be written.
    """

    def __init__(
        self,
        run: Path,
        manifest: Manifest,
        names: dict[Side, dict[str, str]] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.found = Imported()
        self._run = run
        self._manifest = manifest
        if redactor is not None:
            manifest.notes.append(redacted_note(redactor.told))
        self._writer = RunWriter(run, manifest, hider=redactor)
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
        """Take the run back, directory and all: it held nothing else."""
        for path in self._run.glob("*.zst"):
            path.unlink()
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
        known = _known(pair)
        request = next((one.request for one in known if one.request is not None), None)
        missing = NotMirrored(_why_missing(pair, request is not None))
        both = pair.legacy is not None and pair.candidate is not None and request is not None
        owner = Side.LEGACY if pair.legacy is not None else Side.CANDIDATE
        outcomes = {
            side: one.outcome if one is not None and (both or side is owner) else missing
            for side, one in ((Side.LEGACY, pair.legacy), (Side.CANDIDATE, pair.candidate))
        }
        exchange = Exchange(
            number=self._ledger.received + 1,
            at=known[0].at,
            request=request or Request(b"", b"", ()),
            legacy=outcomes[Side.LEGACY],
            candidate=outcomes[Side.CANDIDATE],
            owner=owner,
        )
        self._ledger.ended(exchange)
        if request is not None:
            self._writer.add_exchange(exchange)
        self._tally(pair, request is not None)

    def _tally(self, pair: Pair, is_whole: bool) -> None:
        found = self.found
        if not is_whole:
            found.without_body += 1
        elif pair.legacy is None:
            found.candidate_alone += 1
        elif pair.candidate is None and not pair.legacy.mirrored:
            found.not_sampled += 1
        elif pair.candidate is None:
            found.legacy_alone += 1
        else:
            found.paired += 1
            found.untimed += any(one.outcome.seconds < 0 for one in _known(pair))


def _why_missing(pair: Pair, is_whole: bool) -> Reason:
    if not is_whole:
        return Reason.TOO_LARGE
    meant = pair.legacy is None or pair.legacy.mirrored
    return Reason.UNPAIRED if meant else Reason.NOT_SAMPLED


def _known(pair: Pair) -> list[Heard]:
    return [one for one in (pair.legacy, pair.candidate) if one is not None]
