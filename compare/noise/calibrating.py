"""From a run of legacy against legacy to what `mixmigrate calibrate` tells: rules and doubts.

Three things come of it. Rules: what of legacy's output legacy itself does not repeat. Troubles:
what no rule can take (a legacy that loses events against itself), and a harness that favours one
side. Flaws: why the run cannot be used at all.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from compare.differing.canonical import parse
from compare.differing.difference import Difference, differences
from compare.judging.evidence import Finding, weigh_net
from compare.judging.latency import Windows, usable_quantiles, worse_windows
from compare.judging.validity import flaws
from compare.noise.calibration import Learned, Lesson, lessons
from compare.noise.calibration_run import Asked, asked, pairs_of
from compare.noise.noise import Tolerances, endpoint_of, is_server_time
from compare.noise.rules import FieldRule
from compare.noise.toml import can_be_written
from compare.noise.values import as_number
from compare.pairing.item import Pair
from compare.pairing.pairing import Leftovers
from compare.policy.policy import Gate, Policy, RelativeGate
from compare.stages.tally import EventCounts, Summary, UnitCounts
from shadow.recording import RunReader

ENOUGH = 2_995
"""Requests from which on a rule covers 99.9 % of the noise, at 95 % confidence."""
STEP = 2_000
RARE = 0.01
"""A text that differs in fewer pairs than this share may be no noise but a fault."""
_ANY = Tolerances(server_time_seconds=math.inf)

Progress = Callable[[str, int, bool], None]
"""Told what is counted, how many are done, and whether that is all."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How the two sides' times compare at one quantile of one gate."""

    name: str
    windows: int
    worse: int
    """Windows in which the second side was the slower, by more than the gate's margin."""
    better: int
    biased: bool | None
    """``None``: too few windows, or too few requests in them, to say."""


@dataclass(slots=True)
class Calibration:
    """What a run of legacy against legacy showed."""

    learned: Learned = field(default_factory=Learned)
    requests: int = 0
    distinct: int = 0
    identical: int = 0
    """Pairs of events that are equal byte by byte."""
    misrouted: int = 0
    lone: dict[str, int] = field(default_factory=dict)
    """Events without a partner, by kind."""
    answers: dict[str, int] = field(default_factory=dict)
    """Differences between answers, by kind."""
    server_time_seconds: float = 0.0
    """How far apart the two sides stamped one event, at most."""
    speeds: list[Speed] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    """Why the run cannot be used; empty if it can."""

    @property
    def lessons(self) -> list[Lesson]:
        """What was learned, field by field."""
        return lessons(self.learned)

    @property
    def rules(self) -> list[FieldRule]:
        """The rules that were learned and that a policy can hold."""
        return [rule for one in self.lessons for rule in one.rules if can_be_written(rule)]

    @property
    def exit_code(self) -> int:
        """0 fine; 1 biased, or with differences that no rule takes; 4 not usable."""
        if self.flaws:
            return 4
        return 1 if any(True for _ in troubles(self)) else 0


def calibrate_run(run: RunReader, policy: Policy, progress: Progress) -> Calibration:
    """Return what *run* shows. The same run gives the same answer."""
    found = Calibration()
    requests = asked(run, Windows(policy.gate.latency.window_seconds), policy.compare.headers)
    found.requests, found.distinct = requests.requests, requests.distinct
    found.answers = dict(sorted(requests.answers.items()))
    for done, (pair, left) in enumerate(pairs_of(run, requests, policy.noise.server_time_seconds)):
        if pair is not None:
            _take(found, pair)
        if left is not None:
            found.lone = _counted(left)
        if done % STEP == 0 or left is not None:
            progress("pairs of events", done, left is not None)
    found.speeds = list(speeds(requests.windows, policy))
    found.flaws = _flaws(run, requests, found, policy)
    return found


def troubles(found: Calibration) -> Iterator[str]:
    """Yield what keeps the calibration from being fine."""
    for kind, count in found.lone.items():
        if count:
            yield (
                f"{_plural(count, 'event')} {kind} on the second side: while legacy against legacy "
                "loses or repeats events, no candidate can be judged; look at the taps first"
            )
    if found.misrouted:
        yield f"{_plural(found.misrouted, 'pair')} of events on queues of different names"
    for kind, count in found.answers.items():
        yield f"the answers: {_plural(count, 'difference')} of kind {kind}; no rule takes that"
    for lesson in found.lessons:
        for kind, count in lesson.without_rule.items():
            where = f"/{lesson.endpoint}#{lesson.path}".removesuffix("#")
            yield f"{where}: {_plural(count, 'difference')} of kind {kind}; no rule takes that"
        for rule in lesson.rules:
            if not can_be_written(rule):
                yield f"{rule.place!r}: half a surrogate pair in a key; no policy can hold that"
    for speed in found.speeds:
        if speed.biased:
            yield (
                f"the harness is biased: at {speed.name} the second side is slower in "
                f"{speed.worse} and faster in {speed.better} of {speed.windows} windows; "
                "the same service on both sides must be as fast"
            )


def warnings(found: Calibration) -> Iterator[str]:
    """Yield what a person should know before trusting the rules."""
    if found.requests < ENOUGH:
        yield (
            f"only {found.requests:,} requests: with {ENOUGH:,} a rule covers 99.9 % of the "
            "noise (95 % confidence), with 29,956 it covers 99.99 %"
        )
    if 2 * found.distinct < found.requests:
        yield f"only {found.distinct:,} distinct requests: what they do not hold is not learned"
    for lesson in found.lessons:
        yield from _doubts(lesson)
    if any(speed.biased is None for speed in found.speeds):
        yield "the run is too short to say whether the harness favours one side"


def _doubts(lesson: Lesson) -> Iterator[str]:
    known, trace = lesson.evidence, lesson.trace
    place = f"/{lesson.endpoint}#{lesson.path}"
    if trace.texts is not None and known.differed < RARE * known.seen:
        yield (
            f"{place} differed in {known.differed:,} of {known.seen:,} pairs only: noise, or a "
            "fault of legacy's that the rule would hide?"
        )
    shape = trace.texts.shape if trace.texts is not None else None
    if shape is not None and shape.parts is None and shape.least < shape.most:
        yield f"{place}: its texts have no form in common; the rule looks at letters and length"
    if trace.numbers is not None and trace.numbers.is_anything:
        yield f"{place} differs by as much as its numbers are large; the rule takes nearly any"


def speeds(windows: Windows, policy: Policy) -> Iterator[Speed]:
    """Yield how the two sides' times compare, by the relative gates of *policy*, both ways."""
    whole = windows.whole()
    # Both directions are tested, for each quantile: beta is shared out among them.
    tests = 2 * sum(len(gate.quantiles) for gate in policy.gate.relative)
    for gate in policy.gate.relative:
        usable = usable_quantiles(whole, gate.quantiles)
        for share in usable or gate.quantiles[:1]:
            signs = list(worse_windows(whole, share, gate.ratio, gate.slack_ms / 1000))
            biased = _is_biased(signs if usable else [], gate, policy.gate, tests)
            yield Speed(
                f"{gate.name} p{share * 100:g}",
                len(signs),
                signs.count(1),
                signs.count(-1),
                biased,
            )


def _is_biased(signs: list[int], relative: RelativeGate, gate: Gate, tests: int) -> bool | None:
    found = [
        weigh_net([way * sign for sign in signs], relative.net_worse, gate.alpha, gate.beta / tests)
        for way in (1, -1)
    ]
    if any(finding is Finding.FAIL for finding, *_ in found):
        return True
    return None if any(finding is Finding.UNDECIDED for finding, *_ in found) else False


def _take(found: Calibration, pair: Pair) -> None:
    """Learn from one pair."""
    if pair.is_misrouted:
        found.misrouted += 1
    ours, theirs = pair.legacy.event.body, pair.candidate.event.body
    term = parse(ours)
    rest: list[Difference] = []
    if ours == theirs:
        found.identical += 1
    else:
        rest = differences(term, parse(theirs))
    for one in [one for one in rest if is_server_time(one, pair, _ANY)]:
        rest.remove(one)
        found.server_time_seconds = max(found.server_time_seconds, _apart(one))
    found.learned.add(endpoint_of(ours), term, rest)


def _apart(difference: Difference) -> float:
    ours, theirs = as_number(difference.legacy or ""), as_number(difference.candidate or "")
    return float(abs(ours - theirs)) if ours is not None and theirs is not None else 0.0


def _counted(left: Leftovers) -> dict[str, int]:
    return {
        "missing": len(left.missing),
        "duplicate_lost": len(left.duplicate_lost),
        "extra": len(left.extra),
        "duplicate": len(left.duplicate),
    }


def _flaws(run: RunReader, requests: Asked, found: Calibration, policy: Policy) -> list[str]:
    """Return why the run cannot be trusted, by the rules for every run."""
    pairs = sum(found.learned.pairs.values())
    lost = found.lone.get("missing", 0) + found.lone.get("duplicate_lost", 0)
    more = found.lone.get("extra", 0) + found.lone.get("duplicate", 0)
    summary = Summary(
        events=EventCounts(legacy=pairs + lost, candidate=pairs + more),
        units=UnitCounts(mirrored=requests.requests, distinct=requests.distinct),
        kinds={},
        causes=[],
        windows=requests.windows,
        pending=max(0, run.manifest.ledger.get("mirrored", 0) - requests.requests),
        damage=[f"{damage.where}: {damage.what}" for damage in run.damage],
    )
    return [*flaws(summary, run.manifest), *_not_twice(run)]


def _not_twice(run: RunReader) -> Iterator[str]:
    """Yield why the run is not one of two legacies."""
    ours, theirs = run.manifest.legacy, run.manifest.candidate
    if ours.get("queue") and ours.get("queue") == theirs.get("queue"):
        yield (
            f"both taps read {ours['queue']}: each saw every event twice, and they always agree; "
            "give the second legacy a queue of its own"
        )
    if ours.get("build") and theirs.get("build") and ours["build"] != theirs["build"]:
        yield (
            f"the two sides are of different builds, {ours['build']} and {theirs['build']}: what "
            "differs between them is no noise; run one build on both sides"
        )


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
