"""The events of a run: paired, counted, and what differs as findings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from compare.canonical import Content, parse
from compare.difference import Difference, Kind, differences
from compare.item import Item, Pair, said_by
from compare.linking import NOWHERE, Links
from compare.noise import Tolerances, without_noise
from compare.pairing import Pairing
from compare.tally import EventCounts
from shadow.exchange import Side, TappedEvent


@dataclass(frozen=True, slots=True)
class Finding:
    """A pair that differs, or an event without a partner."""

    place: int
    """Of the exchange in the recording, or ``NOWHERE``."""
    differences: tuple[Difference, ...]
    legacy: bytes | None
    candidate: bytes | None
    has_server_time: bool = False


@dataclass(slots=True)
class Matching:
    """Takes events partition by partition, and tells what it found at the end."""

    links: Links
    tolerances: Tolerances
    counts: EventCounts = field(default_factory=EventCounts)
    noise: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _pairing: Pairing = field(init=False)

    def __post_init__(self) -> None:
        self._pairing = Pairing(self.tolerances.server_time_seconds)

    def add(self, events: Iterable[TappedEvent]) -> None:
        """Take the events of one partition, both sides."""
        for pair in self._pairing.add(self._items(events)):
            self._pair(pair)

    def finish(self) -> None:
        """Pair what is left across partitions; find out about the rest."""
        pairs, left = self._pairing.finish()
        for pair in pairs:
            self._pair(pair)
        for item in left.missing:
            self._lost(item, Kind.MISSING)
        for item in left.duplicate_lost:
            self._lost(item, Kind.DUPLICATE_LOST)
        for item in left.extra:
            self.counts.extra += 1
            self._lone(item, self.links.take_extra(item.link), Kind.EXTRA)
        for item in left.duplicate:
            self.counts.duplicate += 1
            self._lone(item, self.links.again(item.link), Kind.DUPLICATE)

    def _items(self, events: Iterable[TappedEvent]) -> Iterator[Item]:
        known: dict[bytes, tuple[Content, bytes | None]] = {}
        for event in events:
            found = known.get(event.body)
            if found is None:
                said = said_by(event.body)
                found = known[event.body] = said, self.links.find(said)
            item = Item(event, *found)
            if event.side is Side.CANDIDATE:
                self.counts.candidate += 1
                yield item
                continue
            self.counts.legacy += 1
            if item.link is not None and not self.links.is_mirrored(item.link):
                self.counts.not_mirrored += 1
            else:
                yield item

    def _pair(self, pair: Pair) -> None:
        legacy, candidate = pair.legacy.event, pair.candidate.event
        place = self.links.take(pair.legacy.link or pair.candidate.link)
        self._count_queued(place)
        if place == NOWHERE:
            self.counts.unlinked += 2
        if pair.is_misrouted:
            self.counts.misrouted += 1
            self._find(place, pair, [Difference(Kind.MISROUTED, "", legacy.queue, candidate.queue)])
        elif legacy.body == candidate.body:
            self.counts.identical += 1
        elif pair.legacy.said == pair.candidate.said:
            self.counts.equal += 1
        else:
            self._compare(place, pair)

    def _compare(self, place: int, pair: Pair) -> None:
        found = differences(parse(pair.legacy.event.body), parse(pair.candidate.event.body))
        rest = without_noise(found, pair, self.tolerances, self.noise)
        if rest:
            self.counts.changed += 1
            self._find(place, pair, rest)
        elif found:
            self.counts.tolerated += 1
        else:
            self.counts.equal += 1

    def _find(self, place: int, pair: Pair, found: list[Difference]) -> None:
        legacy, candidate = pair.legacy, pair.candidate
        self.findings.append(
            Finding(
                place,
                tuple(found),
                legacy.event.body,
                candidate.event.body,
                legacy.has_server_time or candidate.has_server_time,
            )
        )

    def _lost(self, item: Item, kind: Kind) -> None:
        """Count a legacy event without a partner, unless its request was not mirrored."""
        place = self.links.take(item.link)
        if place != NOWHERE and not self.links.visits[place].mirrored:
            self.counts.not_mirrored += 1
            return
        if kind is Kind.MISSING:
            self.counts.missing += 1
        else:
            self.counts.duplicate_lost += 1
        self._lone(item, place, kind)

    def _lone(self, item: Item, place: int, kind: Kind) -> None:
        event = item.event
        if place == NOWHERE:
            self.counts.unlinked += 1
        if event.side is Side.CANDIDATE:
            self._count_queued(place)
            found = Difference(kind, "", None, event.queue)
            self.findings.append(Finding(place, (found,), None, event.body))
        else:
            found = Difference(kind, "", event.queue, None)
            self.findings.append(Finding(place, (found,), event.body, None))

    def _count_queued(self, place: int) -> None:
        if place != NOWHERE:
            self.links.visits[place].queued += 1
