"""Which request an event belongs to, found by content, and how each request fared."""

from collections import defaultdict
from dataclasses import dataclass, field

from compare.canonical import Content
from compare.requests import Attributes, Reading

NOWHERE = -1


@dataclass(slots=True)
class Visit:
    """One exchange, as far as the comparison needs it at hand."""

    number: int
    """Of the exchange in the run."""
    unit: int
    """Number of the distinct request."""
    endpoint: str
    attributes: Attributes
    mirrored: bool
    writes: bool
    """Whether the request is of a kind that puts events on a queue."""
    claims: bool | None
    """Whether the candidate claimed to have stored something; ``None``: it said neither."""
    queued: int = 0
    """Events on the candidate's queue."""


@dataclass(slots=True)
class Links:
    """All visits in the order of the recording, and their events by link key."""

    visits: list[Visit] = field(default_factory=list)
    _places: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    _ported: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Visits whose event only a straightforward port queues."""
    _aliases: dict[bytes, bytes] = field(default_factory=dict)
    _used: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, visit: Visit, reading: Reading) -> None:
        """Take up an exchange."""
        place = len(self.visits)
        self.visits.append(visit)
        for key in reading.keys:
            self._places[key].append(place)
        for key in reading.port_keys:
            self._ported[key].append(place)
        self._aliases.update(reading.aliases)

    def settle(self) -> None:
        """Order the visits of each key: those that claim success first, not mirrored ones last."""
        for places in (*self._places.values(), *self._ported.values()):
            if len(places) > 1:
                places.sort(key=self._rank)

    def find(self, said: Content) -> bytes | None:
        """Return the link key of an event that says this, or ``None`` if no request carries it."""
        for key in (said.bare + said.time, said.bare):
            if key in self._places or key in self._ported:
                return key
            if key in self._aliases:
                return self._aliases[key]
        return None

    def is_mirrored(self, key: bytes) -> bool:
        """Say whether the candidate got any request that carries this."""
        return self.visits[self._of(key)[0]].mirrored

    def take(self, key: bytes | None) -> int:
        """Return the place of the next visit that this content is due to, or ``NOWHERE``.

        Repeats of one request cannot be told apart by content; each takes one event, and those
        which claim success come first. Events beyond that all go to the last one.
        """
        if key is None:
            return NOWHERE
        places = self._of(key)
        turn = self._used[key]
        self._used[key] = turn + 1
        return places[min(turn, len(places) - 1)]

    def take_extra(self, key: bytes | None) -> int:
        """Return a visit for an event that only the candidate queued, or ``NOWHERE``."""
        if key is None or key not in self._ported:
            return self.take(key)
        return self._ported[key][0]

    def again(self, key: bytes | None) -> int:
        """Return a visit that has had its event already, for one that is too many."""
        if key is None:
            return NOWHERE
        return self._ported.get(key, self._places.get(key, [NOWHERE]))[0]

    def _of(self, key: bytes) -> list[int]:
        return self._places.get(key) or self._ported[key]

    def _rank(self, place: int) -> tuple[bool, bool, int]:
        visit = self.visits[place]
        return not visit.mirrored, visit.claims is not True, place
