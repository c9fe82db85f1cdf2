"""Judges a run while it grows, as the live page does: what fails leads back to shadow.

Only what is final counts in a look, so that nothing is held against the candidate that a later
look would take back; and the verdict is valid however often one looks.
"""

import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType

from compare.judging.verdict import Outcome
from compare.live.judged import Judged
from compare.live.looking import Looker
from compare.policy.policy import Policy
from shadow.cutover.stage import Phase, State, rolled_back
from shadow.cutover.store import Late, Store
from shadow.serving.statusfiles import is_there

LOOKS, PAUSE = 10, 0.5
"""How often, and how many seconds apart, a first look waits for the lanes to be known."""


class Watch:
    """Looks at the run in *directory*; a context manager, since it keeps files."""

    def __init__(self, directory: Path, policy: Policy) -> None:
        self._work = Path(tempfile.mkdtemp(prefix="mixmigrate-watch-"))
        self._looker = Looker(directory.resolve(), policy, self._work, is_there)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def look(self) -> Judged:
        """Read what was appended; return what the run amounts to so far."""
        return self._looker.look()

    def first_look(self) -> Judged:
        """Look until something counts, for a few seconds at most."""
        found = self.look()
        for _ in range(LOOKS):
            if found.final or found.until is not None:
                break
            time.sleep(PAUSE)
            found = self.look()
        return found


def back_if_failing(store: Store, seen: Judged, now: float, who: str = "watch") -> State | None:
    """Roll the cutover back if *seen* says FAIL, and return its new state; *who* did it.

    :raises StoreError: the cutover cannot be read or written.
    """
    state = store.read()
    if seen.outcome != Outcome.FAIL or state.stage.phase is Phase.SHADOW:
        return None
    why = f"the run says FAIL: {'; '.join(seen.reasons)}"
    try:
        return store.change(state.epoch, lambda one: rolled_back(one, who=who, why=why, at=now))
    except Late:
        return None  # the next look is at what it is now
