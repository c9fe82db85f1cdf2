"""Looks at a run, one after the other: waiting for it, while it grows, and when it has ended."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from compare.judgement import rules_of
from compare.judging.verdict import judge
from compare.live.history import History
from compare.live.judged import Judged, judged
from compare.live.lanes import Lanes
from compare.live.provisional import provisional
from compare.live.roster import PRESENT, Roster, Totals
from compare.policy.policy import Policy
from compare.stages.following import Following
from shadow.recording import RunReader
from shadow.runs.manifest import Manifest, RecordingError
from shadow.serving.statusfiles import DIRECTORY, read_all
from shadow.status import Status

WRITTEN = 3.0
"""Seconds after which what was recorded is on the disk, with much to spare."""
GONE = 10.0
"""Seconds without a living process after which a run that is not complete is abandoned."""


class Looker:
    """Judges what is there of a run.

    :param work: a directory for what goes from stage to stage.
    :param exists: says whether the process that told this is there.
    :param clock: gives epoch seconds.
    """

    def __init__(
        self,
        run: Path,
        policy: Policy,
        work: Path,
        exists: Callable[[Status], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run = run
        self._policy = policy
        self._work = work
        self._roster = Roster(exists)
        self._history = History()
        self._lanes = Lanes()
        self._clock = clock
        self._following: Following | None = None
        self._rounds = 0
        self._last: Judged | None = None
        self._seen = b""

    def look(self) -> Judged:
        """Return what is to be said now: the same as before when nothing can have changed.

        Never raises for what a run may hold.
        """
        began, before = self._clock(), self._last
        try:
            found = self._look(began)
        except (RecordingError, OSError) as error:
            self._following = self._last = None
            there = (self._run / "manifest.json").exists() or (self._run / "parts").exists()
            found = Judged(state="failed" if there else "waiting", why=str(error))
        if found is before:
            return found
        found.at = began
        found.seconds = max(0.0, self._clock() - began)
        return found

    def _look(self, now: float) -> Judged:
        run = RunReader(self._run)
        self._roster.take(read_all(self._run / DIRECTORY))
        totals = self._roster.totals(now)
        self._history.add(now, totals)
        state = self._state(run.manifest, now)
        fingerprint = state.encode() + msgspec.json.encode(run.manifest)
        if self._last is not None and fingerprint == self._seen:
            return self._last
        following = self._follow(run)
        following.poll()
        final = state != "recording"
        lanes = self._lanes.up_to(
            one.status for one in self._roster.members(now) if one.life in PRESENT
        )
        known = _known(totals, lanes, following.newest)
        summary = following.look(final=final, known=known)
        if final:
            # What comes after a last look would be counted against what it settled.
            self._following = None
            verdict = judge(summary, run.manifest, self._policy)
        else:
            verdict = provisional(
                summary, run.manifest, self._policy, totals, self._history.unexplained
            )
        found = judged(summary, run.manifest, verdict, self._policy, state)
        found.until = None if final else _finite(following.until)
        found.final = final
        self._last, self._seen = (found, fingerprint) if final else (None, b"")
        return found

    def _follow(self, run: RunReader) -> Following:
        if self._following is None:
            self._rounds += 1
            work = self._work / f"round-{self._rounds}"
            work.mkdir()
            self._following = Following(self._run, rules_of(self._policy, run), work)
        return self._following

    def _state(self, manifest: Manifest, now: float) -> str:
        members = self._roster.members(now)
        alive = any(one.life in PRESENT for one in members)
        if manifest.state != "recording" and not alive:
            return "complete"
        gone = members and all(one.quiet >= GONE for one in members)
        return "abandoned" if gone and not alive else "recording"


def _known(totals: Totals, lanes: float | None, newest: float) -> float | None:
    """Return the time up to which all is known and on the disk; ``None`` when nobody tells.

    So a tap that lags, or a lane that is long, makes nothing look lost; and the last requests
    before a pause of the traffic count without those after it.

    :param lanes: epoch seconds up to which all has left the lanes.
    :param newest: of the newest record, which is what is known of the queues if no tap tells.
    """
    marks = [queue.watermark for queue in totals.queues.values()]
    told = [mark for mark in (min(marks, default=None), lanes) if mark is not None]
    if not told:
        return None
    known = min(told) - WRITTEN
    return known if marks else min(known, newest)


def _finite(value: float) -> float | None:
    return value if value > 0 else None
