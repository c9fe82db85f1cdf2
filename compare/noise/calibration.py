"""Noise rules learned from legacy against legacy: what the service does not repeat itself.

Each field that differs gets the narrowest class that takes all differences seen. Learning is a
join: a further pair never narrows a class, and learnings merge in any order.

How much of the noise still to come a learned bound covers: with n pairs, the largest of them is
an upper limit for the share p of all, at 95 % confidence, when 1 - p^n >= 0.95 (Wilks, Ann. Math.
Statist. 12, 1941): 299 pairs for 99 %, 2 995 for 99.9 %, 29 956 for 99.99 %. A bound that d single
pairs hold up takes the binomial tail below d (Campi and Garatti, SIAM J. Optim. 19, 2008).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from compare.differing.canonical import Unparsable
from compare.differing.difference import Difference, differences
from compare.noise.rules import Calibrated, FieldRule
from compare.noise.trace import Trace, trace_of, unlearnable
from pyingest.wire.term import Object, Term

MANY_KEYS = 50
"""An object in which more keys than this differ is a map; its keys stand as ``*``."""

Place = tuple[str, str]
"""Endpoint and path."""


@dataclass(slots=True)
class Learned:
    """What pairs of legacy against legacy showed, by endpoint and path."""

    pairs: Counter[str] = field(default_factory=Counter)
    """Pairs by endpoint."""
    seen: Counter[Place] = field(default_factory=Counter)
    """Pairs in which a field occurred."""
    differed: dict[Place, Trace] = field(default_factory=dict)

    def add(self, endpoint: str, legacy: Term | Unparsable, found: Sequence[Difference]) -> None:
        """Take one pair: legacy's event, and how the other differs from it."""
        self.pairs[endpoint] += 1
        by_path: dict[str, list[Difference]] = defaultdict(list)
        for difference in found:
            by_path[difference.path].append(difference)
        for path in paths_of(legacy) | by_path.keys():
            self.seen[endpoint, path] += 1
        for path, several in by_path.items():
            # Without a path it is the event as a whole, for which there is no rule.
            trace = trace_of(several) if path else unlearnable(several)
            self._note((endpoint, path), trace)

    def merge(self, other: "Learned") -> "Learned":
        """Return what the pairs of both show."""
        merged = Learned(self.pairs + other.pairs, self.seen + other.seen, dict(self.differed))
        for place, trace in other.differed.items():
            merged._note(place, trace)
        return merged

    def _note(self, place: Place, trace: Trace) -> None:
        known = self.differed.get(place)
        self.differed[place] = trace if known is None else known.merge(trace)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one field, or all keys of a map, taught."""

    endpoint: str
    path: str
    """With ``*`` for the keys of a map."""
    trace: Trace
    evidence: Calibrated

    @property
    def rules(self) -> list[FieldRule]:
        """The rules that allow every difference seen, but for those of :attr:`without_rule`."""
        return self.trace.rules(self.endpoint, self.path, self.evidence)

    @property
    def without_rule(self) -> dict[str, int]:
        """Differences that no rule can take, by kind."""
        return dict(sorted(self.trace.others.items()))


def learn(pairs: Iterable[tuple[str, Term | Unparsable, Term | Unparsable]]) -> Learned:
    """Return what *pairs* show: endpoint, legacy's event, and the other legacy's."""
    learned = Learned()
    for endpoint, legacy, candidate in pairs:
        learned.add(endpoint, legacy, differences(legacy, candidate))
    return learned


def lessons(learned: Learned) -> list[Lesson]:
    """Return what was learned field by field, in order of endpoint and path."""
    templates = _templates(learned.differed)
    traces: dict[Place, Trace] = {}
    seen: Counter[Place] = Counter()
    for place, trace in learned.differed.items():
        template = templates[place]
        known = traces.get(template)
        traces[template] = trace if known is None else known.merge(trace)
        seen[template] += learned.seen[place]
    return [
        Lesson(
            endpoint,
            path,
            trace,
            Calibrated(learned.pairs[endpoint], seen[endpoint, path], trace.pairs),
        )
        for (endpoint, path), trace in sorted(traces.items(), key=lambda item: item[0])
    ]


def rules_of(learned: Learned) -> list[FieldRule]:
    """Return every rule that was learned."""
    return [rule for lesson in lessons(learned) for rule in lesson.rules]


def coverage(pairs: int, ends: int = 1, doubt: float = 0.05) -> float:
    """Return the share of all pairs that a bound learned from *pairs* covers, at 1 - *doubt*.

    *ends* single pairs hold the bound up: one for a largest distance, two for a band.
    """
    if pairs <= ends:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(pairs, ends, middle) <= doubt else (low, middle)
    return low


def _tail(n: int, ends: int, covered: float) -> float:
    """Return the chance of fewer than *ends* of *n* pairs outside a share *covered*."""
    if covered <= 0.0 or covered >= 1.0:
        return float(covered >= 1.0)
    odds = math.log1p(-covered) - math.log(covered)
    return sum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + n * math.log(covered)
            + k * odds
        )
        for k in range(ends)
    )


def paths_of(term: Term | Unparsable) -> set[str]:
    """Return the paths of an event's fields, as differences have them."""
    found: set[str] = set()
    if not isinstance(term, Unparsable):
        _walk("", term, found)
    return found


def _walk(path: str, term: Term, found: set[str]) -> None:
    if isinstance(term, dict | Object):
        for key, value in term.items():
            _walk(f"{path}.{key}" if path else str(key), value, found)
        return
    found.add(path)
    if isinstance(term, list):
        for value in term:
            _walk(path + "[]", value, found)


def _templates(places: Iterable[Place]) -> dict[Place, Place]:
    """Return each place with the keys of maps as ``*``."""
    children: dict[Place, set[str]] = defaultdict(set)
    for endpoint, path in places:
        parts = path.split(".")
        for depth in range(1, len(parts)):
            children[endpoint, ".".join(parts[:depth])].add(parts[depth])
    maps = {parent for parent, keys in children.items() if len(keys) > MANY_KEYS}
    return {place: (place[0], _template(*place, maps)) for place in places}


def _template(endpoint: str, path: str, maps: set[Place]) -> str:
    parts = path.split(".")
    shown = parts[:1]
    for depth in range(1, len(parts)):
        key = parts[depth]
        name = key.rstrip("[]")
        is_plain = name and not set("[]*") & set(name)
        is_key = is_plain and (endpoint, ".".join(parts[:depth])) in maps
        shown.append("*" + key[len(name) :] if is_key else key)
    return ".".join(shown)
