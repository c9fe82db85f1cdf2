"""Keys in the order of their counts; raising, lowering, the least and the most are O(1).

The structure is the Stream-Summary of Metwally, Agrawal and El Abbadi, "Efficient computation of
frequent and top-k elements in data streams" (ICDT 2005): a linked list of levels, one per count
that some key has, in rising order. A raise by one moves a key to the level next door.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class _Level(Generic[Key]):
    """The keys that have one count, the one that came first at the front."""

    __slots__ = ("count", "higher", "keys", "lower")

    def __init__(self, count: int) -> None:
        self.count = count
        # A plain dict finds its first key by walking over all that were deleted before it.
        self.keys: OrderedDict[Key, None] = OrderedDict()
        self.lower = self.higher = self


class Ranking(Generic[Key]):
    """Counts of keys, kept in order."""

    __slots__ = ("_ends", "_levels")

    def __init__(self) -> None:
        self._ends: _Level[Key] = _Level(-1)
        """Stands before the lowest and after the highest level."""
        self._levels: dict[Key, _Level[Key]] = {}

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._levels)

    def __contains__(self, key: Key) -> bool:
        """Say whether *key* was added."""
        return key in self._levels

    def count(self, key: Key) -> int:
        """Return the count of *key*.

        :raises KeyError: it was not added.
        """
        return self._levels[key].count

    def add(self, key: Key) -> None:
        """Add *key* with the count 0; one that is there already keeps its count."""
        if key not in self._levels:
            level = self._beside(self._ends, 0)
            level.keys[key] = None
            self._levels[key] = level

    def remove(self, key: Key) -> None:
        """Forget *key*.

        :raises KeyError: it was not added.
        """
        self._leave(self._levels.pop(key), key)

    def replace(self, old: Key, new: Key) -> None:
        """Forget *old*; *new*, which must not be there, takes its count.

        :raises KeyError: *old* was not added.
        """
        level = self._levels.pop(old)
        del level.keys[old]
        level.keys[new] = None
        self._levels[new] = level

    def raise_by(self, key: Key, steps: int = 1) -> None:
        """Add *steps* (at least 1) to the count of *key*; passes at most *steps* levels.

        :raises KeyError: it was not added.
        """
        level = self._levels[key]
        count = level.count + steps
        below, ends = level, self._ends
        while below.higher is not ends and below.higher.count <= count:
            below = below.higher
        if below is level and len(level.keys) == 1:
            level.count = count
        else:
            self._move(key, level, self._beside(below, count))

    def lower_by(self, key: Key, steps: int = 1) -> None:
        """Take *steps* (at least 1) from the count of *key*; passes at most *steps* levels.

        The count never falls below 0.

        :raises KeyError: it was not added.
        """
        level = self._levels[key]
        count = max(level.count - steps, 0)
        if count == level.count:
            return
        below = level.lower
        while below.count > count:
            below = below.lower
        self._move(key, level, self._beside(below, count))

    def least(self) -> Key:
        """Return the key of the lowest count; of several, the one that has had it longest.

        :raises LookupError: there is no key.
        """
        return self._first(self._ends.higher)

    def most(self) -> Key:
        """Return the key of the highest count; of several, the one that has had it longest.

        :raises LookupError: there is no key.
        """
        return self._first(self._ends.lower)

    def descending(self) -> Iterator[tuple[Key, int]]:
        """Give each key with its count, the highest first. Do not change counts meanwhile."""
        level = self._ends.lower
        while level is not self._ends:
            for key in level.keys:
                yield key, level.count
            level = level.lower

    def _first(self, level: _Level[Key]) -> Key:
        if level is self._ends:
            raise LookupError("the ranking is empty")
        return next(iter(level.keys))

    def _beside(self, below: _Level[Key], count: int) -> _Level[Key]:
        """Return the level of *count*: *below*, the one above it, or a new one between them."""
        if below.count == count:
            return below
        above = below.higher
        if above.count == count:
            return above
        level: _Level[Key] = _Level(count)
        level.lower, level.higher = below, above
        below.higher = above.lower = level
        return level

    def _move(self, key: Key, level: _Level[Key], to: _Level[Key]) -> None:
        self._leave(level, key)
        to.keys[key] = None
        self._levels[key] = to

    def _leave(self, level: _Level[Key], key: Key) -> None:
        del level.keys[key]
        if not level.keys:
            level.lower.higher, level.higher.lower = level.higher, level.lower
