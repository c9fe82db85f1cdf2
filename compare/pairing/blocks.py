"""Pairing within a block: events that share a key, by how many leaves they differ in.

A block of up to 2 500 possible pairs is compared in full, the cheapest pair first. In a larger
one, events are put in order of time and each is compared with its eight nearest predecessors of
the other side, so that the work grows with the block, not with its square. Both ways treat the
two sides alike.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from compare.differing.canonical import Unparsable, canonical
from compare.pairing.item import Item, Pair, term_of
from compare.pairing.salvage import fragments, is_broken
from pyingest.wire.term import Object, Term

FULL = 2_500
NEIGHBOURS = 8

Leaves = frozenset[tuple[str, bytes]]
Offer = tuple[tuple[int, float, bytes, bytes], int, int]
"""Cost (differing leaves, seconds apart, both bodies in order), and the places of both items."""


@dataclass(frozen=True, slots=True)
class Block:
    """Leftovers of both sides that share a key."""

    legacy: Sequence[Item]
    candidate: Sequence[Item]
    similarity: float
    """Share of the leaves that a pair must have in common; 0 takes any pair."""
    by_text: bool = False
    """Whether this is about messages that are no JSON: pieces of their text are their leaves."""

    def pairs(self) -> list[Pair]:
        """Return pairs, cheapest first; each item is in one at most."""
        if len(self.legacy) == len(self.candidate) == 1 and not self.similarity:
            ours, theirs = self.legacy[0], self.candidate[0]
            return [Pair(ours, theirs)] if ours.may_answer_to(theirs) else []
        if self.by_text and not any(map(is_broken, (*self.legacy, *self.candidate))):
            return []
        few = len(self.legacy) * len(self.candidate) <= FULL
        offers = sorted(self._all_offers() if few else self._near_offers())
        taken: tuple[set[int], set[int]] = (set(), set())
        chosen: list[Pair] = []
        for _, one, other in offers:
            if one not in taken[0] and other not in taken[1]:
                taken[0].add(one)
                taken[1].add(other)
                chosen.append(Pair(self.legacy[one], self.candidate[other]))
        return chosen

    def _all_offers(self) -> Iterator[Offer]:
        theirs = [self._leaves(item) for item in self.candidate]
        for one, item in enumerate(self.legacy):
            mine = self._leaves(item)
            for other, partner in enumerate(self.candidate):
                yield from self._offer(one, item, mine, other, partner, theirs[other])

    def _near_offers(self) -> Iterator[Offer]:
        marked = [(item.order, 0, place, item) for place, item in enumerate(self.legacy)]
        marked += [(item.order, 1, place, item) for place, item in enumerate(self.candidate)]
        recent: tuple[deque[tuple[int, Item, Leaves]], ...] = (
            deque(maxlen=NEIGHBOURS),
            deque(maxlen=NEIGHBOURS),
        )
        for _, side, place, item in sorted(marked, key=lambda mark: mark[0]):
            mine = self._leaves(item)
            for other, partner, theirs in recent[1 - side]:
                if side == 0:
                    yield from self._offer(place, item, mine, other, partner, theirs)
                else:
                    yield from self._offer(other, partner, theirs, place, item, mine)
            recent[side].append((place, item, mine))

    def _offer(
        self, one: int, item: Item, mine: Leaves, other: int, partner: Item, theirs: Leaves
    ) -> Iterable[Offer]:
        shared = len(mine & theirs)
        largest = max(len(mine), len(theirs))
        # Two ids that clients made tell two events apart, unless they are all that differs.
        alike = shared >= (largest - 1 if _ids(mine) != _ids(theirs) else self.similarity * largest)
        if not alike or not item.may_answer_to(partner):
            return ()
        if self.by_text and not is_broken(item) and not is_broken(partner):
            return ()
        cost = len(mine) + len(theirs) - 2 * shared
        low, high = sorted((item.event.body, partner.event.body))
        return (((cost, abs(item.seconds - partner.seconds), low, high), one, other),)

    def _leaves(self, item: Item) -> Leaves:
        return fragments(item) if self.by_text else leaves(item)


def leaves(item: Item) -> Leaves:
    """Return the leaves of an event, each with its path."""
    return frozenset(_walk("", term_of(item.event.body)))


def _ids(of: Leaves) -> set[bytes]:
    return {value for path, value in of if path.endswith(".$insert_id")}


def _walk(path: str, term: Term | Unparsable) -> Iterator[tuple[str, bytes]]:
    if isinstance(term, dict | Object):
        for key, value in term.items():
            yield from _walk(f"{path}.{key}", value)
    elif isinstance(term, list) and not _is_plain(term):
        for place, value in enumerate(term):
            yield from _walk(f"{path}[{place}]", value)
    else:
        yield path, canonical(term)


def _is_plain(items: list[Term]) -> bool:
    """Say whether a list holds no lists or objects: it is one value, such as a text in codes."""
    return not any(isinstance(one, list | dict | Object) for one in items)
