"""From a run directory and a policy to a report: the whole of judging, in one place."""

from pathlib import Path

from compare.expression.evaluating import Expression
from compare.noise.fields import FieldRules
from compare.noise.noise import Tolerances
from compare.policy.acceptance import day_of
from compare.policy.policy import Policy
from compare.report import Report, report
from compare.stages.asking import Answer, ask, is_fresh, keeper, label_of
from compare.stages.cases import NAME
from compare.stages.engine import Progress, summarise
from compare.stages.engines import engine_for
from compare.stages.rules import Rules
from shadow.recording import RunReader


def judge_run(
    directory: Path,
    policy: Policy,
    text: str,
    progress: Progress,
    where: str = "local:1",
    out: Path | None = None,
) -> Report:
    """Return the report on the run in *directory*.

    :param where: it is compared: ``local``, ``local:N``, ``dask://HOST:PORT``.
    :param out: a directory in which the findings are kept, for questions asked later.
    :raises RecordingError: it is no run.
    :raises EngineError: it cannot be compared there.
    """
    run = RunReader(directory.resolve())
    engine = engine_for(where, sum(run.manifest.exchanges) + sum(run.manifest.events))
    rules = rules_of(policy, run)
    keep = None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        keep = keeper(out, label_of(run, rules))
    try:
        summary = summarise(run, rules, progress, engine, keep)
    finally:
        engine.close()
    return report(directory.name, run.manifest, summary, policy, text)


def ask_run(
    directory: Path,
    policy: Policy,
    expression: Expression,
    progress: Progress,
    where: str = "local:1",
    out: Path | None = None,
) -> Answer:
    """Return what of the findings of a run *expression* is true of.

    The findings that the last comparison kept are used, if it was of this run by these rules; else
    the run is compared first.

    :raises RecordingError: it is no run.
    :raises EngineError: it cannot be compared there.
    """
    run, place = RunReader(directory.resolve()), out or directory
    if not is_fresh(place, label_of(run, rules_of(policy, run))):
        judge_run(directory, policy, "", progress, where, place)
    return ask(place / NAME, expression)


def rules_of(policy: Policy, run: RunReader) -> Rules:
    """Return what *policy* says about comparing *run*."""
    today = day_of(run.manifest.created)
    return Rules(
        tolerances=Tolerances(policy.noise.server_time_seconds, FieldRules(policy.noise.field)),
        accept=tuple(one for one in policy.accept if one.is_current(today)),
        headers=policy.compare.headers,
        window_seconds=policy.gate.latency.window_seconds,
        late_after=policy.validity.late_after_seconds,
        order=policy.compare.order,
    )
