"""A recorded run becomes a summary: what was compared, what differed, and why.

Three stages, each a function mapped over the run's partitions, whose results merge in any order:

1. ``scan``: exchanges read, answers compared, and what each request carries put where its events
   are (``ties``).
2. ``match``: events paired, linked to their requests by the ties, compared; what differs is put
   where its exchange is (``findings``). Then what found no partner is looked at together.
3. ``explain``: each exchange in which something differs, with its findings, becomes part of a
   cause.

Between the stages lies a directory (see ``shuffle``), so that the stages may run in one process,
in several, or on several machines that share it, and always give the same.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from compare.differing.paths import Paths
from compare.judging.coverage import coverage
from compare.noise.noise import RULES
from compare.noise.watch import rule_warnings
from compare.pairing.finding import STRANGERS
from compare.pairing.matching import Matched, match
from compare.pairing.settling import settle_left
from compare.policy.acceptance import waiver
from compare.stages import scanning
from compare.stages.explained import Explained
from compare.stages.explained import merged as merged_explained
from compare.stages.explaining import CASES, explain_partition, explain_strangers
from compare.stages.requests import DIALECT
from compare.stages.rules import Rules
from compare.stages.scanning import Scanned, scan
from compare.stages.tally import Summary, UnitCounts
from shadow.exchange import Side
from shadow.recording import RunReader

Progress = Callable[[str, int, int], None]
"""Told a stage's name, and how many records of how many are done."""
Part = TypeVar("Part")
BUSIEST = 100
"""Tokens that are told one by one."""


class Engine(Protocol):
    """Where the partitions are worked on."""

    def map(self, task: Callable[[int], Part], numbers: Iterable[int]) -> Iterator[Part]:
        """Yield what *task* returns for each of *numbers*, as they are done.

        *task* can be pickled, and may be run twice for one number.
        """
        ...

    def close(self) -> None:
        """Let go of what the work took."""
        ...


class Here:
    """All in this process, one partition after the other."""

    def map(self, task: Callable[[int], Part], numbers: Iterable[int]) -> Iterator[Part]:
        """Yield what *task* returns for each of *numbers*."""
        yield from map(task, numbers)

    def close(self) -> None:
        """Nothing was taken."""


def _in_silence(stage: str, done: int, total: int) -> None:
    """Report progress to nobody."""


def summarise(
    run: RunReader,
    rules: Rules,
    progress: Progress = _in_silence,
    engine: Engine | None = None,
    keep: Callable[[Iterable[Path]], None] | None = None,
) -> Summary:
    """Return what a comparison of *run* by *rules* counts.

    The same run gives the same summary, whatever the engine.

    :param keep: given the files of all findings, in their order, before they are taken away.
    """
    engine = engine or Here()
    with workplace(run.directory) as work:
        try:
            scanned = scan_all(run, rules, work, engine, progress)
            matched = match_all(run, rules, work, engine, progress)
            explained = _explain(run, rules, work, engine, progress, scanned, matched)
        except BaseException:
            engine.close()  # its workers still write here
            raise
        if keep is not None:
            keep(sorted(work.glob(f"{CASES}-*")))
    return summary_of(run, rules, scanned, matched, explained)


@contextmanager
def workplace(directory: Path) -> Iterator[Path]:
    """Give a directory for what goes from stage to stage: in the run, where all workers see it."""
    try:
        place = tempfile.TemporaryDirectory(prefix=".compare-", dir=directory)
    except OSError:  # a run on a disk that is read only can still be judged from here
        place = tempfile.TemporaryDirectory(prefix="mixmigrate-compare-")
    with place as work:
        yield Path(work)


def scan_all(
    run: RunReader, rules: Rules, work: Path, engine: Engine, progress: Progress = _in_silence
) -> Scanned:
    """Return what the first stage found in all partitions; its records are in *work*."""
    task = partial(_scan_one, run.directory, rules, work)
    total, done = sum(run.manifest.exchanges), 0
    parts: list[Scanned] = []
    for part in engine.map(task, run.partitions):
        done += part.counts.exchanges
        parts.append(part)
        progress("exchanges", done, total)
    return scanning.merged(parts, rules)


def match_all(
    run: RunReader, rules: Rules, work: Path, engine: Engine, progress: Progress = _in_silence
) -> Matched:
    """Return what the second stage counts, after :func:`scan_all`; its findings are in *work*."""
    task = partial(_match_one, run.directory, rules, work)
    total, whole = sum(run.manifest.events), Matched()
    for part in engine.map(task, run.partitions):
        whole.merge(part)
        progress("events", whole.counts.legacy + whole.counts.candidate, total)
    whole.merge(settle_left(whole.left, rules, work))
    return whole


def _explain(
    run: RunReader,
    rules: Rules,
    work: Path,
    engine: Engine,
    progress: Progress,
    scanned: Scanned,
    matched: Matched,
) -> Explained:
    paths = scanned.paths
    paths.merge(matched.paths)
    wanted = sorted((scanned.differing | matched.differing) - {STRANGERS})
    task = partial(_explain_one, run.directory, rules, paths, work)
    parts: list[Explained] = []
    for part in engine.map(task, wanted):
        parts.append(part)
        progress("differences", len(parts), len(wanted))
    return merged_explained([*parts, explain_strangers(rules, paths, work)])


# What is sent to workers is a partial of these; the number comes last.
def _scan_one(directory: Path, rules: Rules, work: Path, number: int) -> Scanned:
    return scan(directory, number, rules, work)


def _match_one(directory: Path, rules: Rules, work: Path, number: int) -> Matched:
    return match(directory, number, rules, work)


def _explain_one(directory: Path, rules: Rules, paths: Paths, work: Path, number: int) -> Explained:
    return explain_partition(directory, number, rules, paths, work)


def summary_of(
    run: RunReader, rules: Rules, scanned: Scanned, matched: Matched, explained: Explained
) -> Summary:
    """Return what the three stages found, as one value."""
    reasons = waiver(rules.accept).reasons
    units = _units(scanned, explained)
    seen = coverage(scanned.dialects, DIALECT)
    return Summary(
        events=replace(matched.counts, excused=explained.excused),
        units=units,
        kinds=dict(sorted(explained.kinds.items())),
        causes=explained.book.causes(reasons, scanned.attributes, max(1, units.exchanges)),
        windows=scanned.windows,
        agreed=units.mirrored - scanned.failed - explained.differed,
        differed=explained.differed,
        failed=scanned.failed,
        pending=max(0, run.manifest.ledger.get("mirrored", units.mirrored) - units.mirrored),
        endpoints=dict(sorted(scanned.endpoints.items())),
        tokens=_busiest(scanned),
        noise=_noise(rules, matched),
        noise_warnings=_noise_warnings(rules, matched),
        accepted={key: explained.waved.get(key, 0) for key in sorted(reasons)},
        strata=_strata(scanned, explained),
        dialects=_dialects(scanned),
        unseen=seen.unseen,
        unseen_bound=seen.unseen_bound,
        late=matched.counts.late,
        clock_skew=_median(matched.skews),
        damage=_damage(run, scanned, matched),
    )


def _units(scanned: Scanned, explained: Explained) -> UnitCounts:
    """Return the counts of distinct requests with what was found about them."""
    return replace(
        scanned.counts,
        # An event without a known request stands for one that is mismatching all the same.
        queue_mismatches=min(explained.queue, scanned.counts.distinct),
        response_mismatches=explained.responses,
        accepted=explained.accepted,
        answered_not_queued=explained.answered_not_queued,
        queued_not_answered=explained.queued_not_answered,
        tokens_seen=len(scanned.mirrored_tokens),
        tokens_mismatching=len(explained.tokens),
    )


def _strata(scanned: Scanned, explained: Explained) -> dict[str, tuple[int, int]]:
    """Return the events of each batch size, and how many of them differ."""
    return {
        name: (max(count, explained.strata[name]), explained.strata[name])
        for name, count in sorted(scanned.strata.items())
    }


def _busiest(scanned: Scanned) -> dict[str, int]:
    order = sorted(scanned.tokens.items(), key=lambda item: (-item[1], item[0]))
    return dict(order[:BUSIEST])


def _dialects(scanned: Scanned) -> dict[str, dict[str, int]]:
    """Return the commonest values of each dimension."""
    told: dict[str, dict[str, int]] = {}
    for place, name in enumerate(DIALECT):
        counts: Counter[str] = Counter()
        for values, count in scanned.dialects.items():
            counts[values[place]] += count
        order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        told[name] = dict(order[:BUSIEST])
    return told


def _median(skews: "dict[float, int]") -> float | None:
    total, seen = sum(skews.values()), 0
    for skew in sorted(skews):
        seen += skews[skew]
        if 2 * seen >= total > 0:
            return skew
    return None


def _noise(rules: Rules, matched: Matched) -> dict[str, int]:
    names = dict.fromkeys((*RULES, *(rule.name for rule in rules.tolerances.fields.rules)))
    return {name: matched.noise.get(name, 0) for name in (*names, *sorted(matched.noise))}


def _noise_warnings(rules: Rules, matched: Matched) -> list[str]:
    known = rules.tolerances.fields.rules
    # The sieves do not look at endpoints; nearly all events are tracked ones.
    sieved = matched.counts.identical + matched.counts.equal - matched.seen.total()
    seen = matched.seen + Counter(track=max(0, sieved))
    return rule_warnings(matched.noise, seen, known) if known else []


def _damage(run: RunReader, scanned: Scanned, matched: Matched) -> list[str]:
    """Return what of the run is missing or could not be read, the taps included."""
    told = [f"{damage.where}: {damage.what}" for damage in run.damage]
    told += sorted((scanned.damage | matched.damage) - set(told))
    for side in Side:
        tap = run.manifest.taps.get(side.value)
        if tap is None:
            told.append(f"{side.value}'s queue: no tap is recorded")
            continue
        if not tap.get("attached"):
            told.append(f"{side.value}'s queue: the tap was never attached")
        if tap.get("error"):
            told.append(f"{side.value}'s queue: the tap failed: {tap['error']}")
        elif tap.get("backlog", 0) > 0:
            told.append(f"{side.value}'s queue: {tap['backlog']} messages were left unread")
        elif tap.get("backlog", 0) < 0:
            told.append(f"{side.value}'s queue: what was left unread could not be asked")
    return told
