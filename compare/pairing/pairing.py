"""Which candidate event answers to which legacy event, found by content.

1. Equal content: equal bytes before equal meaning, one queue before two (misrouted). Where the
   server set the time, events of equal content are taken in order of time.
2. What is left over of a content that was paired is a duplicate, or one lost.
3. Keys, the sharpest first; within a key, the pair with the fewest differing leaves.
4. The rest is missing or extra.

Step 1 goes partition by partition, then over what all partitions left; steps 2 and 3 come after
that, since the equal partner of an event that spells its person differently lies elsewhere.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from compare.differing.canonical import canonical, digest
from compare.pairing.blocks import Block
from compare.pairing.item import Item, Pair, term_of
from compare.pairing.salvage import person
from pyingest.wire.term import Object, Term
from shadow.exchange import Side

NEAR, VERY_NEAR = 0.5, 0.75
"""Shares of their leaves that two events must have in common to be taken for one. A missing and
an extra event of one person are no pair; the bounds are a choice, not a measurement."""

OPERATIONS = frozenset(
    ("$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete")
)
"""What a profile update may ask for; these keys are to an update what its name is to an event."""

Identity = tuple[bytes, ...]


@dataclass(slots=True)
class Leftovers:
    """Events that found no partner, by what became of them."""

    missing: list[Item] = field(default_factory=list)
    extra: list[Item] = field(default_factory=list)
    duplicate: list[Item] = field(default_factory=list)
    duplicate_lost: list[Item] = field(default_factory=list)


class Pairing:
    """Pairs the events of a run, partition by partition.

    :param tolerance: seconds that server-set times may lie apart.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._known: tuple[set[Identity], set[Identity]] = (set(), set())
        self._left: list[Item] = []

    def add(self, items: Iterable[Item]) -> Iterator[Pair]:
        """Yield the pairs of equal content among the events of one partition."""
        groups: dict[Identity, list[Item]] = defaultdict(list)
        for item in items:
            groups[item.identity].append(item)
        for identity, group in groups.items():
            legacy = [item for item in group if item.event.side is Side.LEGACY]
            candidate = [item for item in group if item.event.side is not Side.LEGACY]
            if legacy and candidate:
                self._know(identity, identity)
                yield from self._equals(legacy, candidate)
            else:
                self._left += group

    def finish(self, tiers: "tuple[Tier, ...] | None" = None) -> tuple[list[Pair], Leftovers]:
        """Return the pairs across partitions and by keys, and what is left without a partner."""
        tiers = TIERS if tiers is None else tiers
        left, self._left = self._left, []
        pairs = list(self.add(left))
        found = Leftovers()
        legacy, candidate = self._without_surplus(found)
        self._left = []
        for tier in tiers:
            more, legacy, candidate = _paired_by(tier, legacy, candidate)
            for pair in more:
                self._know(pair.legacy.identity, pair.candidate.identity)
            pairs += more
        self._left = legacy + candidate
        found.missing, found.extra = self._without_surplus(found)
        return pairs + _changed_repeats(found, tiers), found

    def _know(self, legacy: Identity, candidate: Identity) -> None:
        self._known[0].add(legacy)
        self._known[1].add(candidate)

    def _equals(self, legacy: list[Item], candidate: list[Item]) -> Iterator[Pair]:
        """Yield pairs within one content; what remains is left over."""
        rest: tuple[list[Item], list[Item]] = ([], [])
        for queue in sorted({item.event.queue for item in (*legacy, *candidate)}):
            ours = [item for item in legacy if item.event.queue == queue]
            theirs = [item for item in candidate if item.event.queue == queue]
            if not ours[:1] or not ours[0].has_server_time:
                yield from same_bytes(ours, theirs)
            yield from in_order(ours, theirs, self._tolerance, rest)
        final: tuple[list[Item], list[Item]] = ([], [])
        yield from in_order(*rest, self._tolerance, final)
        self._left += final[0] + final[1]

    def _without_surplus(self, found: Leftovers) -> tuple[list[Item], list[Item]]:
        """Return the leftovers of both sides whose content was not paired; keep the others."""
        fresh: tuple[list[Item], list[Item]] = ([], [])
        surplus = (found.duplicate_lost, found.duplicate)
        for item in self._left:
            side = 0 if item.event.side is Side.LEGACY else 1
            repeats = item.is_repeat or item.identity in self._known[side]
            (surplus if repeats else fresh)[side].append(item)
        return fresh


def _changed_repeats(found: Leftovers, tiers: "tuple[Tier, ...]") -> list[Pair]:
    """Return pairs of a surplus event and one that is alike; take them out of *found*.

    Of a request that came twice, the candidate may have changed one event only: what is left is
    one of legacy's too many, and one that nobody knows. Without a known request it cannot be told
    from an event lost and another one gained.
    """
    pairs: list[Pair] = []
    for tier in tiers:
        for legacy, candidate, repeats in (
            (found.duplicate_lost, found.extra, found.duplicate_lost),
            (found.missing, found.duplicate, found.duplicate),
        ):
            unknown = [item for item in repeats if item.link is None]
            ours = [item for item in legacy if legacy is not repeats or item.link]
            theirs = [item for item in candidate if candidate is not repeats or item.link]
            more, legacy[:], candidate[:] = _paired_by(tier, ours, theirs)
            repeats += unknown
            pairs += more
    return pairs


def same_bytes(legacy: list[Item], candidate: list[Item]) -> Iterator[Pair]:
    """Yield pairs of equal bytes; take them out of both lists."""
    waiting: dict[bytes, list[Item]] = defaultdict(list)
    for item in sorted(candidate, key=_order, reverse=True):
        waiting[item.event.body].append(item)
    rest: list[Item] = []
    for item in sorted(legacy, key=_order):
        same = waiting.get(item.event.body)
        if same:
            yield Pair(item, same.pop())
        else:
            rest.append(item)
    legacy[:] = rest
    candidate[:] = [item for items in waiting.values() for item in items]


def in_order(
    legacy: Sequence[Item],
    candidate: Sequence[Item],
    tolerance: float,
    rest: tuple[list[Item], list[Item]],
) -> Iterator[Pair]:
    """Yield pairs of events of one content; put those without a partner into *rest*.

    First in order of time, as many as lie within *tolerance* (seconds); what that leaves, again
    in order of time. Where clients set the time, it is the same for all.
    """
    ours, theirs = sorted(legacy, key=_order), sorted(candidate, key=_order)
    late: tuple[list[Item], list[Item]] = ([], [])
    one = other = 0
    while one < len(ours) and other < len(theirs):
        apart = theirs[other].seconds - ours[one].seconds
        if abs(apart) <= tolerance:
            yield Pair(ours[one], theirs[other])
            one, other = one + 1, other + 1
        elif apart > 0:
            late[0].append(ours[one])
            one += 1
        else:
            late[1].append(theirs[other])
            other += 1
    late[0].extend(ours[one:])
    late[1].extend(theirs[other:])
    both = min(len(late[0]), len(late[1]))
    yield from map(Pair, late[0][:both], late[1][:both])
    rest[0].extend(late[0][both:])
    rest[1].extend(late[1][both:])


def _order(item: Item) -> tuple[float, bytes, float, int]:
    return item.order


Key = Callable[[Item], bytes | None]


@dataclass(frozen=True, slots=True)
class Tier:
    """A key that two events must share, and how alike they must be besides."""

    key: Key
    similarity: float
    by_text: bool = False
    """Whether it is for messages that are no JSON."""


def _paired_by(
    tier: Tier, legacy: list[Item], candidate: list[Item]
) -> tuple[list[Pair], list[Item], list[Item]]:
    """Return the pairs that share a key, and what is left of both sides."""
    if not legacy or not candidate:
        return [], legacy, candidate
    blocks: dict[bytes, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((legacy, candidate)):
        for item in items:
            value = tier.key(item)
            if value is not None:
                blocks[value][side].append(item)
    pairs = [
        pair
        for ours, theirs in blocks.values()
        if ours and theirs
        for pair in Block(ours, theirs, tier.similarity, tier.by_text).pairs()
    ]
    done = {id(item) for pair in pairs for item in (pair.legacy, pair.candidate)}
    rest = [[item for item in items if id(item) not in done] for items in (legacy, candidate)]
    return pairs, rest[0], rest[1]


def _by_content(item: Item) -> bytes | None:
    return item.event.queue.encode() + item.said.bare


def _by_insert_id(item: Item) -> bytes | None:
    properties = _fields(_fields(term_of(item.event.body)).get("properties"))
    insert_id = properties.get("$insert_id")
    return None if insert_id is None else _key(item, "insert", insert_id)


def _by_time(item: Item) -> bytes | None:
    if item.has_server_time or not item.said.time:
        return None
    return _key(item, *_names(item), item.said.time.decode("utf-8", "replace"))


def _by_person(item: Item) -> bytes | None:
    return _key(item, *_names(item))


def _by_event(item: Item) -> bytes | None:
    token, _, event = _names(item)
    return _key(item, token, event)


def _by_text(item: Item) -> bytes | None:
    named = person(item)
    return _key(item, *named) if named else None


TIERS = (
    Tier(_by_content, 0.0),
    Tier(_by_insert_id, 0.0),
    Tier(_by_time, NEAR),
    Tier(_by_person, NEAR),
    Tier(_by_text, NEAR, by_text=True),
    Tier(_by_event, VERY_NEAR),
)
"""The sharpest first."""
NEAR_TIERS = TIERS[:-1]
"""Those that tell enough to be believed within one partition, before others were looked at."""


def _names(item: Item) -> tuple[str, str, str]:
    """Return the token, person and event that a message names, whatever their types."""
    fields = _fields(term_of(item.event.body))
    properties = fields.get("properties")
    if isinstance(properties, dict | Object):
        place, event = properties, str(fields.get("event"))
        return str(place.get("token")), str(place.get("distinct_id")), event
    operations = sorted(str(name) for name, _ in fields.items() if name in OPERATIONS)
    return str(fields.get("$token")), str(fields.get("$distinct_id")), " ".join(operations)


def _fields(term: Term) -> "dict[str, Term] | Object":
    return term if isinstance(term, dict | Object) else {}


def _key(item: Item, *parts: Term) -> bytes:
    return digest(canonical([item.event.queue, *parts]))
