"""The sum of what came lately, where what is old cannot be subtracted.

Two stacks (Tangwongsan, Hirzel, Schneider, "General incremental sliding-window aggregation", VLDB
2015): what comes is added to one sum; what leaves is taken from a stack that holds the sum of each
value with all younger ones. When that stack is empty, it is made anew of what came since. So a
value costs two additions in the long run, however long the window.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SlidingSum(Generic[Value]):
    """Values with the times they began at, the old ones leaving.

    :param add: the sum of two values, the older one first; associative.
    :param zero: the sum of none.
    """

    def __init__(self, add: Callable[[Value, Value], Value], zero: Value) -> None:
        self._add = add
        self._zero = zero
        self._older: list[tuple[int, Value]] = []
        """The oldest last; each the sum of itself and of those before it in the list."""
        self._newer: list[tuple[int, Value]] = []
        self._newer_sum = zero

    def push(self, began: int, value: Value) -> None:
        """Take the next value, which began later than all before."""
        self._newer.append((began, value))
        self._newer_sum = self._add(self._newer_sum, value)

    def forget(self, before: int) -> None:
        """Let go of the values that began *before* a time."""
        while self._oldest() < before:
            if not self._older:
                self._turn()
            self._older.pop()

    def total(self) -> Value:
        """Return the sum of the values that are left."""
        older = self._older[-1][1] if self._older else self._zero
        return self._add(older, self._newer_sum)

    def _oldest(self) -> float:
        if self._older:
            return self._older[-1][0]
        return self._newer[0][0] if self._newer else float("inf")

    def _turn(self) -> None:
        whole = self._zero
        for began, value in reversed(self._newer):
            whole = self._add(value, whole)
            self._older.append((began, whole))
        self._newer.clear()
        self._newer_sum = self._zero
