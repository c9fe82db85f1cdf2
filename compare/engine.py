"""A recorded run becomes a summary: what was compared, what differed, and why.

Three passes over the run, each in bounded memory for what agrees: exchanges (read, answers
compared), events (paired), and once more those exchanges in which something differs (explained).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from compare.answering import Answering
from compare.explaining import Explaining
from compare.latency import Windows
from compare.linking import NOWHERE
from compare.matching import Finding, Matching
from compare.noise import RULES, Tolerances
from compare.pattern import Templates
from compare.tally import Summary
from shadow.exchange import Exchange, Side
from shadow.recording import RunReader

STEP = 2_000
"""Records between two reports of progress."""

Progress = Callable[[str, int, int], None]
"""Told a stage's name, and how many records of how many are done."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run is compared."""

    tolerances: Tolerances = field(default_factory=Tolerances)
    accepted: Mapping[str, str] = field(default_factory=dict)
    """Reasons of the differences that reviewers accepted, by signature."""
    headers: tuple[str, ...] = ("content-type",)
    """Names of the answer's headers that must agree, in lower case."""
    window_seconds: float = 10.0
    """Length of a window of the latency comparison."""


def _in_silence(stage: str, done: int, total: int) -> None:
    """Report progress to nobody."""


def summarise(run: RunReader, rules: Rules, progress: Progress = _in_silence) -> Summary:
    """Return what a comparison of *run* by *rules* counts. The same run gives the same summary."""
    answering = Answering(Windows(rules.window_seconds), rules.headers)
    for exchange in _exchanges(run, "exchanges", progress):
        answering.add(exchange)
    answering.finish()
    matching = Matching(answering.links, rules.tolerances)
    _match(run, matching, progress)
    explaining = _explained(run, rules, answering, matching, progress)
    return _summary(run, rules, answering, matching, explaining)


def _exchanges(run: RunReader, stage: str, progress: Progress) -> Iterator[Exchange]:
    total, done = sum(run.manifest.exchanges), 0
    for number in run.partitions:
        for exchange in run.exchanges(number):
            yield exchange
            done += 1
            if done % STEP == 0:
                progress(stage, done, total)
    progress(stage, done, total)


def _match(run: RunReader, matching: Matching, progress: Progress) -> None:
    total = sum(run.manifest.events)
    for number in run.partitions:
        matching.add(run.events(number))
        progress("events", matching.counts.legacy + matching.counts.candidate, total)
    matching.finish()


def _explained(
    run: RunReader, rules: Rules, answering: Answering, matching: Matching, progress: Progress
) -> Explaining:
    by_place: dict[int, list[Finding]] = defaultdict(list)
    visits = answering.links.visits
    for finding in matching.findings:
        known = finding.place != NOWHERE and visits[finding.place].mirrored
        by_place[finding.place if known else NOWHERE].append(finding)
    paths = [one.path for finding in matching.findings for one in finding.differences]
    paths += [one.path for found in answering.differing.values() for one in found]
    explaining = Explaining(Templates(paths), rules.accepted)
    for finding in by_place.pop(NOWHERE, []):
        explaining.stranger(finding)
    if not by_place and not answering.differing:
        return explaining
    for place, exchange in enumerate(_exchanges(run, "differences", progress)):
        findings, answers = by_place.get(place, []), answering.differing.get(place, ())
        if findings or answers:
            explaining.exchange(place, visits[place], exchange, findings, answers)
    return explaining


def _summary(
    run: RunReader, rules: Rules, answering: Answering, matching: Matching, explaining: Explaining
) -> Summary:
    _count_units(answering, explaining)
    mirrored, failed = answering.counts.mirrored, len(answering.failed)
    differed = len(explaining.differing - answering.failed)
    causes = explaining.book.causes(
        rules.accepted, answering.attributes, max(1, answering.counts.exchanges)
    )
    return Summary(
        events=matching.counts,
        units=answering.counts,
        kinds=dict(sorted(explaining.kinds.items())),
        causes=causes,
        windows=answering.windows,
        agreed=mirrored - failed - differed,
        differed=differed,
        failed=failed,
        pending=max(0, run.manifest.ledger.get("mirrored", mirrored) - mirrored),
        endpoints=dict(sorted(answering.endpoints.items())),
        tokens=answering.busiest_tokens(),
        noise=_noise(rules, matching, explaining),
        damage=_damage(run),
    )


def _count_units(answering: Answering, explaining: Explaining) -> None:
    """Bring the counts of distinct requests up to date with what was found about them."""
    counts = answering.counts
    queue, responses, failures = explaining.queue, explaining.responses, explaining.failures
    # An event without a known request stands for one that is mismatching all the same.
    counts.queue_mismatches = min(sum(queue.values()), counts.distinct)
    counts.response_mismatches = sum(responses.values())
    touched = {unit for unit in (*queue, *responses, *failures) if unit >= 0}
    counts.accepted = sum(
        not any(judged.get(unit, False) for judged in (queue, responses, failures))
        for unit in touched
    )
    for visit in answering.links.visits:
        if visit.mirrored and visit.writes:
            counts.answered_not_queued += visit.claims is True and visit.queued == 0
            counts.queued_not_answered += visit.claims is False and visit.queued > 0


def _noise(rules: Rules, matching: Matching, explaining: Explaining) -> dict[str, int]:
    applied = {name: matching.noise.get(name, 0) for name in RULES}
    for signature in sorted(rules.accepted):
        applied[f"accepted {signature}"] = explaining.waved.get(signature, 0)
    return applied


def _damage(run: RunReader) -> list[str]:
    """Return what of the run is missing or could not be read, the taps included."""
    told = [f"{damage.where}: {damage.what}" for damage in run.damage]
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
