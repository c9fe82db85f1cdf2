"""Which request an event belongs to, found by content.

Each exchange tells by *ties* what its request carries: one for each event that legacy queues of
it. Ties lie in the partition of their event, so that a partition's events find their requests
without looking at any other.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from compare.differing.canonical import Content


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """One exchange, as far as pairing needs it at hand."""

    segment: int
    """Partition of the exchange."""
    number: int
    """Of the exchange in the run."""
    mirrored: bool
    claims: bool | None
    """Whether the candidate claimed to have stored something; ``None``: it said neither."""
    doubtful: bool = False
    """Whether a side that was asked denied success: then nobody can say whether it queued."""
    alone: bool = False
    """Whether the candidate answered it without a copy to legacy, and with success: only the
    production queue tells whether it queued anything."""

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Sort first what most likely has an event on the candidate's queue."""
        return not self.mirrored, self.claims is not True, self.number


class Tie(msgspec.Struct, frozen=True, array_like=True):
    """One event that a request carries."""

    key: bytes
    """Its link key (see ``requests``)."""
    visit: Visit
    ported: bool = False
    """Whether only a straightforward port queues it."""
    alias_of: bytes | None = None
    """Legacy's link key of the event that a port queues under this one."""


class Links:
    """The ties of one partition."""

    def __init__(self, ties: Iterable[Tie] = ()) -> None:
        self._visits: dict[bytes, list[Visit]] = defaultdict(list)
        self._ported: dict[bytes, list[Visit]] = defaultdict(list)
        self._aliases: dict[bytes, bytes | None] = {}
        for tie in ties:
            if tie.alias_of is not None:
                # Of two requests that a port makes one of, it cannot be said which it was.
                known = self._aliases.setdefault(tie.key, tie.alias_of)
                self._aliases[tie.key] = known if known == tie.alias_of else None
            else:
                (self._ported if tie.ported else self._visits)[tie.key].append(tie.visit)
        for visits in (*self._visits.values(), *self._ported.values()):
            visits.sort(key=_rank)
        self._had: Counter[bytes] = Counter()
        self._lost: Counter[bytes] = Counter()

    def find(self, said: Content) -> bytes | None:
        """Return the link key of an event that says this, or ``None`` if no request carries it."""
        for key in (said.bare + said.time, said.bare):
            if key in self._visits or key in self._ported:
                return key
            if key in self._aliases:
                return self._aliases[key]
        return None

    def is_mirrored(self, key: bytes) -> bool:
        """Say whether the candidate got any request that carries this."""
        return self.visits(key)[0].mirrored

    def visits(self, key: bytes) -> list[Visit]:
        """Return the exchanges that carry this, in the order of their rank; at least one."""
        return self._visits.get(key) or self._ported[key]

    def had(self, key: bytes | None) -> Visit | None:
        """Return the next exchange with this content for an event that the candidate queued.

        Repeats of one request cannot be told apart by content. The likeliest come first; events
        beyond their number all go to the last.
        """
        return None if key is None else self._next(self.visits(key), self._had, key)

    def lost(self, key: bytes | None) -> Visit | None:
        """Return the next exchange with this content for an event that the candidate lacks."""
        return None if key is None else self._next(self.visits(key)[::-1], self._lost, key)

    def extra(self, key: bytes | None) -> Visit | None:
        """Return an exchange for an event that only the candidate queued."""
        if key is not None and key in self._ported:
            return self._ported[key][0]
        return self.had(key)

    def again(self, key: bytes | None) -> Visit | None:
        """Return an exchange that has had its event already, for one that is too many."""
        if key is None:
            return None
        return (self._ported.get(key) or self._visits[key])[0]

    def doubtful(self) -> set[bytes]:
        """Return the keys of which the answers do not tell whether the candidate queued them."""
        return {
            key
            for key, visits in self._visits.items()
            if any(visit.doubtful and visit.mirrored for visit in visits)
        }

    def held_back(self) -> dict[bytes, int]:
        """Return the keys that the candidate never got, and how many exchanges carry each."""
        return {key: len(visits) for key, visits in self._visits.items() if not visits[0].mirrored}

    def alone(self, key: bytes) -> list[Visit]:
        """Return the exchanges with this content that the candidate alone answered."""
        return [visit for visit in self._visits.get(key, ()) if visit.alone]

    def server_times(self) -> int:
        """Return how many mirrored exchanges leave an event's time to the services."""
        return sum(
            visit.mirrored
            for key, visits in self._visits.items()
            if len(key) == BARE
            for visit in visits
        )

    def _next(self, visits: list[Visit], turns: Counter[bytes], key: bytes) -> Visit:
        turn = turns[key]
        turns[key] += 1
        return visits[min(turn, len(visits) - 1)]


BARE = 16
"""Bytes of a link key without a time: such an event got its time from the server."""


def _rank(visit: Visit) -> tuple[bool, bool, int]:
    return visit.rank
