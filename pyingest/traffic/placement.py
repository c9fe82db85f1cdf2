"""Which of a route's queues an event goes to: by its token's class, and by its person's shard.

``events`` becomes ``events-vip`` for a token of the class ``vip``, ``events-3`` for the fourth of
several shards, and ``events-vip-3`` for both. Every look-up is O(1).

A person is always in the same shard: a CRC-32 (as in gzip, so any language has it) of the event's
key names one of 4096 slots, and each slot has its shard. Slots are shared out by the jump
consistent hash (Lamping and Veach, "A fast, minimal memory, consistent hash algorithm", 2014), so
that a shard more or less moves no more people than it must.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from zlib import crc32

from pyingest.event import Event
from pyingest.ingest import Decision

SLOTS = 4096
MOST_SHARDS = 256


class PlacementError(ValueError):
    """The classes or shards make no sense. The text says which, and what to do."""


class Placement:
    """Classes and shards of every route.

    :param classes: tokens by the name of their class, for example ``{"vip": ["abc", "def"]}``.
    :param shards: queues by which each route and class is served; 1 keeps the names as they are.
    :raises PlacementError: a token is in two classes, a name is empty, or there are no shards.
    """

    def __init__(self, classes: Mapping[str, Iterable[str]] | None = None, shards: int = 1) -> None:
        if not 1 <= shards <= MOST_SHARDS:
            raise PlacementError(f"shards: {shards} is not between 1 and {MOST_SHARDS}")
        self._classes = _by_token(classes or {})
        self._shards = shards
        self._shard_of = [jump(slot, shards) for slot in range(SLOTS)]
        self._names: dict[tuple[str, str], list[str]] = {}

    def queue(self, route: str, token: str, key: bytes) -> str:
        """Return the queue for an event of *token* and *key* that goes to *route*."""
        kind = self._classes.get(token, "")
        names = self._names.get((route, kind)) or self._made(route, kind)
        return names[self._shard_of[crc32(key) % SLOTS]]

    def queues(self, routes: Iterable[str]) -> list[str]:
        """Return every queue that events of *routes* can go to, for who must make or read them."""
        kinds = ["", *sorted(set(self._classes.values()))]
        return [name for route in routes for kind in kinds for name in self._made(route, kind)]

    def placed(self, decision: Decision) -> Decision:
        """Return *decision* with each event in its queue.

        Events without a key are spread by their bytes.
        """
        if self._shards == 1 and not self._classes:
            return decision
        tokens: Sequence[str] = decision.tokens or ("",) * len(decision.events)
        pairs = zip(decision.events, tokens, strict=True)
        return replace(decision, events=tuple(self._placed(event, token) for event, token in pairs))

    def _placed(self, event: Event, token: str) -> Event:
        queue = self.queue(event.queue, token, event.key or event.body)
        return Event(queue, event.body, event.key, event.id)

    def _made(self, route: str, kind: str) -> list[str]:
        stem = f"{route}-{kind}" if kind else route
        one = self._shards == 1
        names = [stem] if one else [f"{stem}-{shard}" for shard in range(self._shards)]
        self._names[route, kind] = names
        return names


def jump(key: int, buckets: int) -> int:
    """Return the bucket of *key*, 0 to *buckets* - 1, by the jump consistent hash."""
    bucket, following = -1, 0
    # The generator would give neighbouring keys neighbouring numbers in their first steps.
    key = crc32(b"%d" % key) << 32 | key
    while following < buckets:
        bucket = following
        key = (key * 2862933555777941757 + 1) & 0xFFFFFFFFFFFFFFFF
        following = int((bucket + 1) * ((1 << 31) / ((key >> 33) + 1)))
    return bucket


def _by_token(classes: Mapping[str, Iterable[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, tokens in classes.items():
        if not kind:
            raise PlacementError("classes: a class has no name")
        for token in tokens:
            if not token or found.get(token, kind) != kind:
                raise PlacementError(
                    f"classes: token {token!r} "
                    + (f"is in {found[token]} and in {kind}; keep one" if token else "is empty")
                )
            found[token] = kind
    return found
