"""Which lines of two logs tell of the same request. No I/O.

By the id that the front gave it, where both logs have one; else by what it says and when: of the
same method, target and body, the earliest that is not yet paired and lies within the window.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from replay.importing.heard import Heard

WINDOW = 5.0
"""Seconds between the times of two lines of one request; logs may tell whole seconds only."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One request; a side that no line tells of is ``None``, but never both."""

    legacy: Heard | None
    candidate: Heard | None


class Pairing:
    """Holds the candidate's lines and gives each of legacy's its own.

    It takes memory for each line of the candidate's log, about half a kilobyte without its body.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self.by_id = 0
        """Pairs that share an id."""
        self.by_content = 0
        self._window = window
        self._ids: dict[bytes, deque[Heard]] = defaultdict(deque)
        self._contents: dict[bytes, deque[Heard]] = defaultdict(deque)

    def hold(self, candidates: Iterable[Heard]) -> None:
        """Take the candidate's lines, in any order. Their requests are not kept: legacy's are."""
        for one in sorted(candidates, key=lambda one: one.at):
            (self._ids[one.id] if one.id else self._contents[one.key]).append(one)

    def of(self, legacy: Heard) -> Pair:
        """Return the pair of a line of legacy's; these come in the order of their times."""
        found = self._by_id(legacy) if legacy.id else None
        if found is not None:
            self.by_id += 1
        elif (found := self._by_content(legacy)) is not None:
            self.by_content += 1
        return Pair(legacy, found)

    def rest(self) -> Iterator[Pair]:
        """Yield what of the candidate's no line of legacy's asked for, by time."""
        held = (*self._ids.values(), *self._contents.values())
        left = [one for lane in held for one in lane]
        for one in sorted(left, key=lambda one: one.at):
            yield Pair(None, one)

    def _by_id(self, legacy: Heard) -> Heard | None:
        held = self._ids.get(legacy.id)
        return held.popleft() if held else None

    def _by_content(self, legacy: Heard) -> Heard | None:
        """Return the earliest of the same content; one that is too early can fit nothing later."""
        held = self._contents.get(legacy.key)
        if not held:
            return None
        skipped: list[Heard] = []
        found = None
        while held and held[0].at <= legacy.at + self._window:
            one = held.popleft()
            if one.at >= legacy.at - self._window:
                found = one
                break
            skipped.append(one)
        held.extendleft(reversed(skipped))
        return found
