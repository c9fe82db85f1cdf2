"""From very many differences to a few causes.

Differences of one signature are one cause. Signatures that nearly always come together are
merged. Causes are then ordered by greedy set cover: first the one that explains most of the
mismatching requests, next the one that explains most of what is left, and so on.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from compare.clients.notices import RANK, Effect
from compare.differing.difference import Kind
from compare.differing.pattern import Pattern
from compare.quirks.catalogue import CATALOGUE
from compare.quirks.quirk import Quirk
from compare.stages.requests import Attributes
from compare.stages.samples import Samples
from compare.stages.tally import Cause

TOGETHER = 0.95
"""Share of the requests of either that two signatures must have in common to be merged."""
MERGED = 300
"""Signatures, the largest first, that are looked at for merging; comparing is quadratic."""
_LATE = {Kind.STATUS, Kind.BODY, Kind.HEADER, Kind.NO_ANSWER}
_UNKNOWN = "No quirk in the catalogue explains this."
_LOOK = "Compare the two sides of an example, and find the field in both sources."


@dataclass(slots=True)
class Group:
    """The differences of one signature."""

    pattern: Pattern
    signature: str
    samples: Samples
    accepted: str | None = None
    """Key of the acceptance that covers these differences."""
    units: set[int] = field(default_factory=set)
    """Distinct requests; negative numbers stand for events without a known request."""
    events: int = 0
    attributes: Counter[tuple[str, str]] = field(default_factory=Counter)
    clients: Counter[tuple[Effect, str]] = field(default_factory=Counter)
    """What clients would notice of a differing answer, and how often."""
    observed: int = 0
    """Differences whose request is known, hence its attributes."""

    def note(self, attributes: Attributes) -> None:
        """Count where a difference came from."""
        self.observed += 1
        self.attributes.update(attributes.described())

    def merge(self, other: "Group") -> None:
        """Take the differences of *other*, of the same signature and of other requests."""
        self.samples.merge(other.samples)
        self.units |= other.units
        self.events += other.events
        self.attributes += other.attributes
        self.clients += other.clients
        self.observed += other.observed


class Book:
    """Groups by pattern, and by the acceptance that covers them."""

    def __init__(self) -> None:
        self.groups: dict[tuple[Pattern, str | None], Group] = {}

    def group(self, pattern: Pattern, accepted: str | None = None) -> Group:
        """Return the group of *pattern*; of what *accepted*, the key of an acceptance, covers."""
        found = self.groups.get((pattern, accepted))
        if found is None:
            signature = pattern.signature
            found = Group(pattern, signature, Samples(signature), accepted)
            self.groups[pattern, accepted] = found
        return found

    def merge(self, other: "Book") -> None:
        """Take all groups of *other*."""
        for (pattern, accepted), group in other.groups.items():
            self.group(pattern, accepted).merge(group)

    def causes(
        self, reasons: Mapping[str, str], everywhere: Counter[tuple[str, str]], exchanges: int
    ) -> list[Cause]:
        """Return all causes, those that are accepted last.

        :param reasons: of acceptances, by their keys.
        :param everywhere: attributes of all exchanges, for telling where a cause is at home.
        """
        order = sorted(self.groups.values(), key=_rank)
        bundles = merged([group for group in order if group.accepted is None])
        told: list[Cause] = []
        total = len(set().union(*(units_of(bundle) for bundle in bundles)))
        seen = 0
        for bundle, gain in cover(bundles):
            seen += gain
            cause = _cause(bundle, None, _home(bundle[0], everywhere, exchanges))
            told.append(replace(cause, marginal=gain / total, cumulative=seen / total))
        for group in order:
            if group.accepted is not None:
                reason = reasons.get(group.accepted, group.accepted)
                told.append(replace(_cause([group], reason, ""), cumulative=1.0 if total else 0.0))
        return told


def merged(groups: list[Group]) -> list[list[Group]]:
    """Return bundles of groups that nearly always come together; the first of each leads.

    Two groups with different quirks stay apart, whatever they share.
    """
    bundles: list[list[Group]] = []
    for group in groups[:MERGED]:
        home = next((bundle for bundle in bundles if _belong(bundle[0], group)), None)
        if home is None:
            bundles.append([group])
        else:
            home.append(group)
    for bundle in bundles:
        bundle.sort(key=_lead)
    return bundles + [[group] for group in groups[MERGED:]]


def cover(bundles: list[list[Group]]) -> list[tuple[list[Group], int]]:
    """Return the bundles in greedy order, each with how many requests it explains first.

    Lazy: what a bundle adds can only shrink, so that an old figure is a bound for the new one.
    """
    units = [units_of(bundle) for bundle in bundles]
    heap = [(-len(own), place) for place, own in enumerate(units)]
    heapify(heap)
    covered: set[int] = set()
    order: list[tuple[list[Group], int]] = []
    while heap:
        _, place = heappop(heap)
        now = (-len(units[place] - covered), place)
        if heap and now > heap[0]:
            heappush(heap, now)
            continue
        order.append((bundles[place], -now[0]))
        covered |= units[place]
    return order


def units_of(bundle: list[Group]) -> set[int]:
    """Return the distinct requests that any group of *bundle* touches."""
    return set().union(*(group.units for group in bundle))


def _rank(group: Group) -> tuple[int, tuple[bool, bool, int, str]]:
    """Sort large groups first."""
    return -len(group.units), _lead(group)


def _lead(group: Group) -> tuple[bool, bool, int, str]:
    """Sort events before answers, since the queue is what counts, and known quirks first."""
    late = group.pattern.kind in _LATE
    return late, group.pattern.quirk is None, -len(group.units), group.signature


def _belong(leader: Group, group: Group) -> bool:
    quirks = {leader.pattern.quirk, group.pattern.quirk} - {None}
    larger = max(len(leader.units), len(group.units))
    if len(quirks) > 1 or min(len(leader.units), len(group.units)) < TOGETHER * larger:
        return False
    return len(leader.units & group.units) >= TOGETHER * larger


def _cause(bundle: list[Group], accepted: str | None, home: str) -> Cause:
    leader = bundle[0]
    pattern = leader.pattern
    quirk = next((found for found in map(_quirk, bundle) if found), None)
    also = "".join(f" With it: {one.pattern.title} ({one.signature})." for one in bundle[1:])
    return Cause(
        signature=leader.signature,
        title=pattern.title,
        endpoint=pattern.endpoint,
        kind=pattern.kind.value,
        path=pattern.path,
        quirk=quirk.name if quirk else None,
        explanation=(quirk.why if quirk else _UNKNOWN) + home + also,
        advice=quirk.advice if quirk else _LOOK,
        requests=len(units_of(bundle)),
        events=leader.events,
        marginal=0.0,
        cumulative=0.0,
        accepted=accepted,
        clients=_clients(bundle),
        examples=leader.samples.examples(),
        also=tuple(one.signature for one in bundle[1:]),
    )


def _quirk(group: Group) -> Quirk | None:
    return CATALOGUE.get(group.pattern.quirk or "")


def _clients(bundle: list[Group]) -> dict[str, dict[str, int]]:
    """Return what clients would notice of any group, worst first."""
    counts: Counter[tuple[Effect, str]] = Counter()
    for group in bundle:
        counts |= group.clients
    order = sorted(counts.items(), key=lambda item: (RANK[item[0][0]], -item[1], item[0][1]))
    told: dict[str, dict[str, int]] = {}
    for (effect, client), count in order:
        told.setdefault(effect.value, {})[client] = count
    return told


def _home(group: Group, everywhere: Counter[tuple[str, str]], exchanges: int) -> str:
    """Return a sentence on where a cause is at home, if it is mostly in one place."""
    best: tuple[float, str] | None = None
    for (name, value), count in sorted(group.attributes.items()):
        here, all_over = count / group.observed, everywhere[(name, value)] / exchanges
        if group.observed >= 5 and here >= 0.8 and here >= 2 * all_over:
            lift = here / all_over
            text = f" {here:.0%} of it has {name} = {value}; of all traffic, {all_over:.0%} has."
            best = max(best or (0.0, ""), (lift, text))
    return best[1] if best else ""
