"""The events of one partition: paired, counted, and what differs as findings.

First the sieves take out what is the same (see ``sieve``). What they leave is read, linked to its
requests, paired by keys, and compared field by field. What finds no partner here may have one in
another partition, if the candidate changed the very person: it is handed on (see ``settling``).
"""

import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from compare.differing.difference import Difference, Kind, differences
from compare.differing.paths import Paths
from compare.noise.noise import endpoint_of, without_noise
from compare.pairing.finding import STRANGERS, Finding
from compare.pairing.item import Item, Pair, bodies_of, said_by, term_of
from compare.pairing.linking import Links, Tie, Visit
from compare.pairing.pairing import NEAR_TIERS, Leftovers, Pairing
from compare.pairing.recount import Recount
from compare.pairing.sequence import Sequence
from compare.pairing.sieve import Leftover, Sieve
from compare.stages.rules import Rules
from compare.stages.scanning import TIES
from compare.stages.shuffle import Outbox, Sink, inbox
from compare.stages.tally import EventCounts
from shadow.exchange import Side
from shadow.partitions import segment_name
from shadow.recording import RunReader

FINDINGS = "findings"
"""The stage's name in the shuffle: findings, each to the partition of its exchange."""
HANDED_ON = 4096
"""Events without a partner that one partition hands on; more are settled where they are."""


@dataclass(slots=True)
class Matched:
    """What the events of a partition amount to; parts merge in any order."""

    counts: EventCounts = field(default_factory=EventCounts)
    noise: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    """Pairs by endpoint, where the policy has rules for fields."""
    skews: Counter[float] = field(default_factory=Counter)
    """Seconds by which the services' own times differ, and how often."""
    paths: Paths = field(default_factory=Paths)
    differing: set[int] = field(default_factory=set)
    """Partitions of the exchanges with findings; ``STRANGERS`` for those of no exchange."""
    left: list["Left"] = field(default_factory=list)
    unsearched: int = 0
    """Events without a partner that were too many to be looked for in other partitions."""
    damage: set[str] = field(default_factory=set)

    def merge(self, other: "Matched") -> None:
        """Add what *other* counted."""
        self.counts.merge(other.counts)
        self.noise += other.noise
        self.seen += other.seen
        self.skews += other.skews
        self.paths.merge(other.paths)
        self.differing |= other.differing
        self.left += other.left
        self.unsearched += other.unsearched
        self.damage |= other.damage


@dataclass(frozen=True, slots=True)
class Left:
    """An event without a partner in its partition, and its exchange if it is known."""

    item: Item
    visit: Visit | None


class Findings:
    """Turns pairs and lone events into counts and findings."""

    def __init__(self, rules: Rules, box: Sink[Finding]) -> None:
        self.found = Matched()
        self._rules = rules
        self._box = box

    def pair(self, pair: Pair, visit: Visit | None) -> None:
        """Take a pair that is not sure to be the same."""
        legacy, candidate, counts = pair.legacy.event, pair.candidate.event, self.found.counts
        if self._rules.tolerances.fields.rules:
            self.found.seen[endpoint_of(legacy.body)] += 1
        counts.late += abs(legacy.at - candidate.at) > self._rules.late_after
        if pair.is_misrouted:
            counts.misrouted += 1
            self._put_pair(
                visit, pair, [Difference(Kind.MISROUTED, "", legacy.queue, candidate.queue)]
            )
        elif legacy.body == candidate.body:
            counts.identical += 1
        elif pair.legacy.said == pair.candidate.said:
            counts.equal += 1
        else:
            self._compare(visit, pair)

    def lone(self, item: Item, kind: Kind, visit: Visit | None, queued: bool = False) -> None:
        """Take an event without a partner.

        :param queued: whether its exchange has an event on the candidate's queue all the same.
        """
        event, counts = item.event, self.found.counts
        if kind in (Kind.MISSING, Kind.DUPLICATE_LOST) and visit and not visit.mirrored:
            counts.not_mirrored += 1
            return
        setattr(counts, kind.value, getattr(counts, kind.value) + 1)
        counts.unlinked += visit is None
        if event.side is Side.CANDIDATE:
            found = Difference(kind, "", None, event.queue)
            self.put(visit, Finding(0, (found,), None, event.body))
        else:
            found = Difference(kind, "", event.queue, None)
            self.put(visit, Finding(0, (found,), event.body, None, queued=queued))

    def put(self, visit: Visit | None, finding: Finding) -> None:
        """Send a finding on its way to its exchange."""
        known = visit is not None and (visit.mirrored or visit.alone)
        place = visit.segment if visit is not None and known else STRANGERS
        if visit is not None and known:
            finding = msgspec.structs.replace(finding, number=visit.number)
        self.found.differing.add(place)
        finding = _encodable(finding)
        self.found.paths.add(one.path for one in finding.differences)
        self._box.put(place, finding)

    def _compare(self, visit: Visit | None, pair: Pair) -> None:
        found = differences(term_of(pair.legacy.event.body), term_of(pair.candidate.event.body))
        if pair.legacy.has_server_time:
            self.found.skews[pair.candidate.seconds - pair.legacy.seconds] += 1
        rest = without_noise(found, pair, self._rules.tolerances, self.found.noise)
        if rest:
            self.found.counts.changed += 1
            self._put_pair(visit, pair, rest)
        elif found:
            self.found.counts.tolerated += 1
        else:
            self.found.counts.equal += 1

    def _put_pair(self, visit: Visit | None, pair: Pair, found: list[Difference]) -> None:
        legacy, candidate = pair.legacy, pair.candidate
        self.found.counts.unlinked += 2 * (visit is None)
        has_server_time = legacy.has_server_time or candidate.has_server_time
        self.put(
            visit,
            Finding(0, tuple(found), legacy.event.body, candidate.event.body, has_server_time),
        )


def _encodable(finding: Finding) -> Finding:
    """Return a finding whose paths hold no half of a surrogate pair, which no encoding takes."""
    if all(_is_encodable(one.path) for one in finding.differences):
        return finding
    plain = tuple(
        replace(one, path=one.path.encode("utf-8", "backslashreplace").decode())
        for one in finding.differences
    )
    return msgspec.structs.replace(finding, differences=plain)


def _is_encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def match(directory: Path, number: int, rules: Rules, work: Path) -> Matched:
    """Return what the events of partition *number* amount to; leave the findings in *work*."""
    run = RunReader(directory)
    sieve = Sieve(rules.late_after, Sequence() if rules.order else None)
    box: Outbox[Finding] = Outbox(work, FINDINGS, number)
    with _no_collection():
        for lines in run.event_lines(number):
            sieve.add(lines)
        found = settle(sieve, Links(inbox(work, TIES, number, Tie)), run, number, rules, box)
    box.close()
    found.damage |= {f"{damage.where}: {damage.what}" for damage in run.damage}
    return found


@contextmanager
def _no_collection() -> Iterator[None]:
    """Spare the work on one partition the search for cycles, of which it makes none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def settle(
    sieve: Sieve,
    links: Links,
    run: RunReader | None,
    number: int,
    rules: Rules,
    box: Sink[Finding],
    until: float = math.inf,
) -> Matched:
    """Return what is behind the lines that a sieve took so far; the sieve remains as it is.

    What arrived before the run's first request, when earlier parts were deleted, belongs to one of
    theirs: if it differs, or has no partner, it is left out.

    :param until: epoch seconds; what arrived later may still find its partner, and is left out.
    """
    sifted = sieve.sift()
    findings = Findings(rules, box)
    found, counts = findings.found, findings.found.counts
    counts.identical, counts.equal = sieve.identical, sifted.equal
    counts.late = sieve.late + sifted.late
    counts.reordered = _reordered(sieve.sequence, sifted.sequence)
    recount = Recount(links, rules.tolerances.server_time_seconds)
    items = recount.drop_held_back(list(_items(sifted.left(), links, counts)), counts)
    pairing = Pairing(rules.tolerances.server_time_seconds)
    near = recount.drop_far(list(pairing.add(items)))
    more, left = pairing.finish(NEAR_TIERS)
    recount.read(run, number)
    recount.held_back(counts, findings.put)
    far, tolerated = recount.far_pairs()
    counts.tolerated += tolerated
    found.noise["server time"] += tolerated
    since = -math.inf if run is None else run.since
    for pair in (*near, *far, *more):
        if _is_within(pair, since, until):
            findings.pair(pair, links.had(pair.legacy.link or pair.candidate.link))
    _keep_within(left, since, until)
    _alone(left, links, findings)
    recount.denied(findings.put)
    found.skews[0.0] += max(0, links.server_times() - found.skews.total())
    _count_sides(found)
    if sifted.unreadable:
        name = segment_name("events", number)
        found.damage.add(f"{name}: {sifted.unreadable} lines could not be read")
    return found


def _reordered(*sequences: Sequence | None) -> int:
    return sum(one.reordered for one in sequences if one is not None)


def _is_within(pair: Pair, since: float, until: float) -> bool:
    arrivals = pair.legacy.event.at, pair.candidate.event.at
    return min(arrivals) <= until and max(arrivals) >= since


def _keep_within(left: Leftovers, since: float, until: float) -> None:
    for alone in (left.missing, left.extra, left.duplicate, left.duplicate_lost):
        alone[:] = [item for item in alone if since <= item.event.at <= until]


def _alone(left: Leftovers, links: Links, findings: Findings) -> None:
    """Settle what is a repeat; hand on the rest, or settle it too if it is too much."""
    for item in left.duplicate_lost:
        # One request that legacy queued twice has its event; of two requests, one has none.
        twice = item.link is not None and len(links.visits(item.link)) == 1
        findings.lone(item, Kind.DUPLICATE_LOST, links.lost(item.link), queued=twice)
    for item in left.duplicate:
        findings.lone(item, Kind.DUPLICATE, links.again(item.link))
    missing: list[Left] = []
    for item in left.missing:
        visit = links.lost(item.link)
        if visit is not None and not visit.mirrored:
            findings.lone(item, Kind.MISSING, visit)
        else:
            missing.append(Left(item, visit))
    extra = [Left(item, links.extra(item.link)) for item in left.extra]
    if len(missing) + len(extra) <= HANDED_ON:
        findings.found.left = missing + extra
        return
    findings.found.unsearched += len(missing) + len(extra)
    for one in missing:
        findings.lone(one.item, Kind.MISSING, one.visit)
    for one in extra:
        findings.lone(one.item, Kind.EXTRA, one.visit)


def _count_sides(found: Matched) -> None:
    """Bring both totals up to date: each event is in exactly one of the other counts."""
    counts = found.counts
    pairs = counts.identical + counts.equal + counts.tolerated + counts.changed + counts.misrouted
    lost = counts.missing + counts.duplicate_lost + counts.not_mirrored
    counts.legacy = pairs + lost
    counts.candidate = pairs + counts.extra + counts.duplicate
    for one in found.left:
        if one.item.event.side is Side.LEGACY:
            counts.legacy += 1
        else:
            counts.candidate += 1


def _items(left: Iterable[Leftover], links: Links, counts: EventCounts) -> Iterator[Item]:
    """Yield leftovers as items; a message that holds a list is several events."""
    for leftover in left:
        event = leftover.event
        bodies = bodies_of(event.body)
        counts.rebatched += bodies != [event.body]
        for body in bodies:
            said = said_by(body)
            whole = event if body is event.body else replace(event, body=body)
            yield Item(whole, said, links.find(said), leftover.is_repeat)
