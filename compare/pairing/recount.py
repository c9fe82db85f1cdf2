"""What the sieves cannot tell, since they keep nothing of what they take out.

Four questions are rare enough to read a partition's events once more, and to look only at those
of certain contents: did the candidate queue what it denied to have stored? Did it queue what it
never got? Did it answer alone, and queue nothing? And could events that both services stamped be
paired otherwise, closer in time?
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from compare.differing.difference import Difference, Kind
from compare.pairing.finding import Finding
from compare.pairing.item import Item, Pair, bodies_of, said_by
from compare.pairing.linking import Links, Visit
from compare.pairing.pairing import in_order
from compare.stages.tally import EventCounts
from shadow.exchange import Side
from shadow.recording import RunReader

Sides = tuple[list[Item], list[Item]]
"""Events of one content: legacy's and the candidate's."""
Put = Callable[[Visit | None, Finding], None]


@dataclass(slots=True)
class Recount:
    """Asks the four questions of one partition; reads it once more if any must be asked."""

    links: Links
    tolerance: float
    """Seconds that server-set times may lie apart."""
    _held: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    """Events of legacy's that the candidate never got, by link key."""
    _short: set[bytes] = field(default_factory=set)
    _far: list[Pair] = field(default_factory=list)
    _seen: dict[bytes, Sides] = field(default_factory=dict)

    def drop_held_back(self, items: Collection[Item], counts: EventCounts) -> list[Item]:
        """Return *items* without legacy's events of requests that the candidate never got."""
        kept: list[Item] = []
        for item in items:
            ours = item.event.side is Side.LEGACY and item.link is not None
            if ours and not self.links.is_mirrored(item.link or b""):
                self._held[item.link or b""] += 1
                counts.not_mirrored += 1
            else:
                kept.append(item)
        expected = self.links.held_back()
        self._short = {key for key, count in expected.items() if self._held[key] < count}
        return kept

    def drop_far(self, pairs: Collection[Pair]) -> list[Pair]:
        """Return *pairs* without those whose times, set by the services, lie too far apart."""
        self._far = [pair for pair in pairs if self._is_far(pair) and not pair.is_misrouted]
        return [pair for pair in pairs if not self._is_far(pair) or pair.is_misrouted]

    def read(self, run: RunReader | None, number: int) -> None:
        """Read the partition again, if there is a question to ask."""
        wanted = self._short | self.links.doubtful()
        wanted |= {pair.legacy.link for pair in self._far if pair.legacy.link}
        if not wanted or run is None:
            return
        self._seen = defaultdict(lambda: ([], []))
        for event in run.events(number):
            for body in bodies_of(event.body):
                said = said_by(body)
                link = self.links.find(said)
                if link in wanted:
                    side = 0 if event.side is Side.LEGACY else 1
                    whole = event if body is event.body else replace(event, body=body)
                    self._seen[link][side].append(Item(whole, said, link))

    def held_back(self, counts: EventCounts, put: Put) -> None:
        """Tell what is wrong with the events of requests that only one side got."""
        self._intruders(counts, put)
        self._unqueued(put)

    def _intruders(self, counts: EventCounts, put: Put) -> None:
        """Tell events on the candidate's queue whose requests it never got.

        The sieves took them for the equals of legacy's, whose requests were held back.
        """
        for key in sorted(self._short & self._seen.keys()):
            legacy, candidate = self._seen[key]
            taken = min(len(legacy) - self._held[key], len(candidate))
            bodies = (Counter(one.event.body for one in side) for side in (legacy, candidate))
            same = min(taken, (next(bodies) & next(bodies)).total())
            counts.identical -= same
            counts.equal -= taken - same
            counts.not_mirrored += taken
            counts.extra += taken
            for item in candidate[:taken]:
                found = Difference(Kind.EXTRA, "", None, item.event.queue)
                put(self.links.extra(key), Finding(0, (found,), None, item.event.body))

    def _unqueued(self, put: Put) -> None:
        """Tell requests that the candidate alone answered with success, and whose events are not
        on the production queue."""
        expected = self.links.held_back() if self._short else {}
        for key in sorted(self._short):
            seen = len(self._seen[key][0]) if key in self._seen else 0
            others = expected[key] - len(self.links.alone(key))
            for visit in self.links.alone(key)[max(0, seen - others) :]:
                found = Difference(Kind.MISSING, "", "production", None)
                put(visit, Finding(0, (found,), None, None, queued=False))

    def far_pairs(self) -> tuple[list[Pair], int]:
        """Return the pairs whose times lie too far apart however one pairs, and how many do not.

        A candidate that stamps a little later shifts a row of equal events by one: the sieves
        pair those whose times happen to agree, and the two ends of the row seem far apart.
        """
        groups: dict[tuple[bytes, ...], list[Pair]] = defaultdict(list)
        for pair in self._far:
            groups[pair.legacy.identity].append(pair)
        far: list[Pair] = []
        near = 0
        for identity, pairs in groups.items():
            sides = self._seen[pairs[0].legacy.link or b""]
            ours, theirs = ([one for one in side if one.identity == identity] for side in sides)
            again = [
                pair
                for pair in in_order(ours, theirs, self.tolerance, ([], []))
                if self._is_far(pair)
            ]
            far += again[: len(pairs)]
            near += max(0, len(pairs) - len(again))
        return far, near

    def denied(self, put: Put) -> None:
        """Tell which exchanges have an event although an answer denied it, and which have none."""
        for key in sorted(self.links.doubtful()):
            visits = self.links.visits(key)
            count = len(self._seen[key][1]) if key in self._seen else 0
            for place, visit in enumerate(visits):
                if visit.mirrored and visit.doubtful:
                    put(visit, Finding(0, (), None, None, queued=place < count))

    def _is_far(self, pair: Pair) -> bool:
        apart = abs(pair.legacy.seconds - pair.candidate.seconds)
        return pair.legacy.has_server_time and apart > self.tolerance
