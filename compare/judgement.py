"""From a run directory and a policy to a report: the whole of judging, in one place."""

import datetime
from pathlib import Path

from compare.engine import Progress, summarise
from compare.engines import engine_for
from compare.field_noise import FieldRules
from compare.noise import Tolerances
from compare.policy import Policy
from compare.report import Report, report
from compare.rules import Rules
from shadow.recording import RunReader


def judge_run(
    directory: Path, policy: Policy, text: str, progress: Progress, where: str = "local:1"
) -> Report:
    """Return the report on the run in *directory*.

    :param where: it is compared: ``local``, ``local:N``, ``dask://HOST:PORT``.
    :raises RecordingError: it is no run.
    :raises EngineError: it cannot be compared there.
    """
    run = RunReader(directory.resolve())
    engine = engine_for(where, sum(run.manifest.exchanges) + sum(run.manifest.events))
    try:
        summary = summarise(run, rules_of(policy, run), progress, engine)
    finally:
        engine.close()
    return report(directory.name, run.manifest, summary, policy, text)


def rules_of(policy: Policy, run: RunReader) -> Rules:
    """Return what *policy* says about comparing *run*."""
    today = datetime.date.fromtimestamp(run.manifest.created)
    return Rules(
        tolerances=Tolerances(policy.noise.server_time_seconds, FieldRules(policy.noise.field)),
        accept=tuple(one for one in policy.accept if one.is_current(today)),
        headers=policy.compare.headers,
        window_seconds=policy.gate.latency.window_seconds,
        late_after=policy.validity.late_after_seconds,
        order=policy.compare.order,
    )
