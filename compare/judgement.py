"""From a run directory and a policy to a report: the whole of judging, in one place."""

import datetime
from pathlib import Path

from compare.engine import Progress, summarise
from compare.noise import Tolerances
from compare.policy import Policy
from compare.report import Report, report
from compare.rules import Rules
from shadow.recording import RunReader


def judge_run(directory: Path, policy: Policy, text: str, progress: Progress) -> Report:
    """Return the report on the run in *directory*.

    :raises RecordingError: it is no run.
    """
    run = RunReader(directory)
    today = datetime.date.fromtimestamp(run.manifest.created)
    rules = Rules(
        tolerances=Tolerances(policy.noise.server_time_seconds),
        accepted={
            one.signature: f"{one.reason} ({one.by}, until {one.until})"
            for one in policy.accept
            if one.is_current(today)
        },
        headers=policy.compare.headers,
        window_seconds=policy.gate.latency.window_seconds,
    )
    summary = summarise(run, rules, progress)
    return report(directory.name, run.manifest, summary, policy, text)
