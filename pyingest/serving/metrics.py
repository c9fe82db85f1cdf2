"""Counts as values: samples that add up over workers, whoever is asked."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

Labels = tuple[tuple[str, str], ...]
Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """What a metric means. Units are in its name, as Prometheus asks."""

    name: str
    kind: Kind
    help: str
    largest: bool = False
    """Whether workers' values are compared, not added."""


class Sample(Struct, frozen=True, array_like=True):
    """One number of one family. A histogram's have the names that Prometheus gives them."""

    name: str
    labels: Labels
    value: float


class Counters:
    """Numbers by name and labels. Adding is O(1)."""

    def __init__(self, buckets: Sequence[float]) -> None:
        self._bounds = tuple(buckets)
        self._values: dict[tuple[str, Labels], list[float]] = {}
        self._histograms: dict[tuple[str, Labels], list[float]] = {}

    def cell(self, name: str, labels: Labels = ()) -> list[float]:
        """Return where *name* is counted: a list of one number, for who counts it often."""
        return self._values.setdefault((name, labels), [0.0])

    def add(self, name: str, labels: Labels = (), amount: float = 1) -> None:
        """Count *amount* more of *name*."""
        self.cell(name, labels)[0] += amount

    def buckets(self, name: str, labels: Labels) -> list[float]:
        """Return where the histogram *name* is kept, for :meth:`put`."""
        empty = [0.0] * (len(self._bounds) + 2)
        return self._histograms.setdefault((name, labels), empty)

    def put(self, buckets: list[float], value: float) -> None:
        """Put *value* into a histogram's *buckets*; their last element is the sum."""
        buckets[bisect_left(self._bounds, value)] += 1
        buckets[-1] += value

    def put_all(self, buckets: list[float], values: Iterable[float]) -> None:
        """Put many *values* into a histogram's *buckets*, at less cost than one by one."""
        ordered, before = sorted(values), 0
        for place, bound in enumerate(self._bounds):
            until = bisect_right(ordered, bound)
            buckets[place] += until - before
            before = until
        buckets[-2] += len(ordered) - before
        buckets[-1] += sum(ordered)

    def samples(self) -> list[Sample]:
        """Return everything counted so far."""
        found = [Sample(name, labels, cell[0]) for (name, labels), cell in self._values.items()]
        for (name, labels), cells in self._histograms.items():
            total = 0.0
            for bound, count in zip((*self._bounds, None), cells, strict=False):
                total += count
                limit = "+Inf" if bound is None else repr(float(bound))
                found.append(Sample(f"{name}_bucket", (*labels, ("le", limit)), total))
            found.append(Sample(f"{name}_sum", labels, cells[-1]))
            found.append(Sample(f"{name}_count", labels, total))
        return found


def summed(sets: Iterable[Iterable[Sample]], families: Iterable[Family]) -> list[Sample]:
    """Return the samples of several workers as those of one server, in the order first met."""
    largest = {family.name for family in families if family.largest}
    totals: dict[tuple[str, Labels], float] = {}
    for samples in sets:
        for name, labels, value in ((one.name, one.labels, one.value) for one in samples):
            before = totals.get((name, labels))
            if before is None:
                totals[name, labels] = value
            elif name in largest:
                totals[name, labels] = max(before, value)
            else:
                totals[name, labels] = before + value
    return [Sample(name, labels, value) for (name, labels), value in totals.items()]


def lasting(samples: Iterable[Sample], families: Iterable[Family]) -> list[Sample]:
    """Return what stays true of a worker that is gone: what it counted, not what it held."""
    gauges = {family.name for family in families if family.kind == "gauge"}
    return [one for one in samples if one.name not in gauges]
