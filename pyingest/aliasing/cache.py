"""A bounded memory in front of a store, which knows also what is no alias."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from pyingest.aliasing.store import Alias, AliasStore, Changes, Identity, Learned

SIZE = 200_000
"""Ids; about 50 MB with ids of 36 letters."""
FRESH = 0.01
"""Seconds. To ask SQLite whether anything changed takes as long as ten look-ups."""
_ABSENT = object()


class CachedAliases:
    """A store whose answers are remembered; the id that was asked for longest ago is forgotten.

    Coherent over processes: before a look-up it asks the store what was learned meanwhile, by
    whomever, and mends exactly those ids. What was learned through this cache holds at once.

    :param size: the most ids that are remembered, at least 1.
    :param fresh: seconds for which that question is not asked again; 0: it is before each look-up.
    :param clock: seconds, from anywhere, never going back.
    """

    def __init__(
        self,
        store: AliasStore,
        size: int = SIZE,
        fresh: float = FRESH,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._size = max(size, 1)
        self._fresh = fresh
        self._clock = clock
        self._known: OrderedDict[Identity, str | None] = OrderedDict()
        self._mark = store.changes(0).mark
        self._asked = clock()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        """Return how many ids are remembered."""
        return len(self._known)

    def find(self, identities: Sequence[Identity]) -> list[str | None]:
        """Look ids up; see :class:`pyingest.aliasing.store.AliasStore`."""
        self._catch_up()
        known, move = self._known, self._known.move_to_end
        found: list[str | None] = []
        missing: list[int] = []
        for place, identity in enumerate(identities):
            target = known.get(identity, _ABSENT)
            if target is _ABSENT:
                missing.append(place)
                found.append(None)
            else:
                move(identity)
                found.append(target)  # type: ignore[arg-type]  # no longer the mark of absence
        self.hits += len(identities) - len(missing)
        if missing:
            self.misses += len(missing)
            self._fetch(identities, missing, found)
        return found

    def learn(self, aliases: Sequence[Alias]) -> list[Learned]:
        """Tell the store; see :class:`pyingest.aliasing.store.AliasStore`."""
        learned = self._store.learn(aliases)
        self._mend(self._store.changes(self._mark))
        return learned

    def changes(self, mark: int) -> Changes:
        """Ask the store; see :class:`pyingest.aliasing.store.AliasStore`."""
        return self._store.changes(mark)

    def close(self) -> None:
        """Forget everything, and close the store."""
        self._known.clear()
        self._store.close()

    def _catch_up(self) -> None:
        now = self._clock() if self._fresh else 0.0
        if not self._fresh or now - self._asked >= self._fresh:
            self._asked = now
            self._mend(self._store.changes(self._mark))

    def _mend(self, changes: Changes) -> None:
        self._mark = changes.mark
        if not changes.complete:
            self._known.clear()
        for identity, target in changes.found:
            if identity in self._known:
                self._known[identity] = target

    def _fetch(
        self, identities: Sequence[Identity], missing: list[int], found: list[str | None]
    ) -> None:
        known = self._known
        targets = self._store.find([identities[place] for place in missing])
        for place, target in zip(missing, targets, strict=True):
            found[place] = known[identities[place]] = target
        while len(known) > self._size:
            known.popitem(last=False)
