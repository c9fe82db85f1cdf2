"""Judges a run while it grows, for a cutover: what fails leads back to shadow.

What can still find its partner is left out of a look, so nothing is held against the candidate
that the last look would take back.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import msgspec

from compare.judgement import rules_of
from compare.judging.verdict import Outcome
from compare.policy.policy import Policy
from compare.report import Report, report
from compare.stages.following import Following
from shadow.cutover.stage import Phase, State, rolled_back
from shadow.cutover.store import Late, Store
from shadow.exchange import Side
from shadow.recording import RunReader

WHO = "watch"
_SOUND = {"attached": True, "read": 0, "backlog": 0, "errors": 0, "error": ""}


class Watch:
    """Looks at the growing run in *directory*; a context manager, since it keeps files.

    :param text: the policy's.
    :raises RecordingError: there is no run.
    """

    def __init__(self, directory: Path, policy: Policy, text: str) -> None:
        self._run = directory.resolve()
        self._policy = policy
        self._text = text
        self._work = Path(tempfile.mkdtemp(prefix="mixmigrate-watch-"))
        self._following = Following(self._run, rules_of(policy, RunReader(self._run)), self._work)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def look(self) -> Report:
        """Read what was appended; return the report on what is final of the run.

        That the run has not ended is no flaw here, nor what only its end can tell.
        """
        self._following.poll()
        summary = replace(self._following.look(), pending=0, damage=[])
        manifest = RunReader(self._run).manifest
        manifest = msgspec.structs.replace(
            manifest,
            state="complete",
            ledger={**manifest.ledger, "remainder": 0, "pending": 0, "lost": 0},
            taps={side.value: _SOUND for side in Side},
            notes=[*manifest.notes, "judged while it was being recorded: of what was final then"],
        )
        return report(self._run.name, manifest, summary, self._policy, self._text)


def back_if_failing(store: Store, seen: Report, now: float) -> State | None:
    """Roll the cutover back if *seen* says FAIL, and return its new state.

    :raises StoreError: the cutover cannot be read or written.
    """
    state, verdict = store.read(), seen.verdict
    if verdict.outcome is not Outcome.FAIL or state.stage.phase is Phase.SHADOW:
        return None
    why = f"the run says FAIL: {'; '.join(verdict.reasons)}"
    try:
        return store.change(state.epoch, lambda one: rolled_back(one, who=WHO, why=why, at=now))
    except Late:
        return None  # the next look is at what it is now
