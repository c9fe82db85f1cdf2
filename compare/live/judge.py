"""The process that looks at the evidence, so that the page never waits for a look.

``python -m compare.live.judge RUN POLICY WORK EVERY`` writes each look as one line of JSON. It ends
when its standard input does, which is when the process that shows the page is gone.
"""

import contextlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import msgspec

from compare.live.judged import Judged
from compare.live.looking import Looker
from compare.policy.policy import load
from shadow.serving.statusfiles import is_there

SHARE = 0.25
"""The most of one processor that looks may take."""
NICENESS = 10
"""Clients are served on the same machine."""


def main(run: str, source: str, work: str, every: str) -> None:
    """Look at *run* by the policy *source* about every so many seconds, for ever."""
    threading.Thread(target=_end_with_parent, args=(work,), daemon=True).start()
    _step_back()
    policy, _ = load(source)
    last: Judged | None = None
    looker = Looker(Path(run), policy, Path(work), is_there)
    while True:
        began = time.process_time()
        found = looker.look()
        spent = time.process_time() - began
        if found is not last:
            sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
            sys.stdout.buffer.flush()
        last = found
        time.sleep(max(float(every), spent * (1 / SHARE - 1)))


def _step_back() -> None:
    """Let clients be served first, and when memory is short, let the kernel end us first."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # proc_pid_oom_score_adj(5)


def _end_with_parent(work: str) -> None:
    """End when nobody is there to hear; nobody else would take the work away then."""
    while os.read(0, 4096):
        pass
    for _ in range(2):  # a look that is being taken may write in between
        shutil.rmtree(work, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:5])
