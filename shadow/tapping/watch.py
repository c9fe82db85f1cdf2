"""What a tap has seen of its queues: how far it was behind, and what their servers told. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyingest.queues.gauge import Gauge
from shadow.status import QueueStatus

OUTAGES = 100
"""Outages, and losses, that are kept; more are only counted."""


@dataclass(slots=True)
class Grown:
    """A counter of a server's, of which only the growth counts; -1 while nobody told it."""

    total: int = -1
    _last: int = 0

    def saw(self, value: int) -> None:
        """Take what the server tells; a counter that fell began anew at 0."""
        if value < 0:
            return
        self.total = max(0, self.total) + value - (self._last if value >= self._last else 0)
        self._last = value

    def begin(self, value: int) -> None:
        """Take what the server tells first: growth counts from there. Later it does nothing."""
        if value >= 0 and self.total < 0:
            self.total, self._last = 0, value


@dataclass(slots=True)
class QueueRecord:
    """One queue, from the first look at it to the last. What is not known is -1."""

    read: int = 0
    lag: int = -1
    max_lag: int = -1
    depth: int = -1
    max_depth: int = -1
    age: float = -1.0
    max_age: float = -1.0
    lost: Grown = field(default_factory=Grown)
    discarded: Grown = field(default_factory=Grown)

    def saw(self, gauge: Gauge) -> None:
        """Take what a queue's server tells."""
        self.discarded.begin(gauge.discarded)
        self.lag, self.depth, self.age = gauge.waiting, gauge.depth, gauge.age
        self.max_lag = max(self.max_lag, gauge.waiting)
        self.max_depth = max(self.max_depth, gauge.depth)
        self.max_age = max(self.max_age, gauge.age)
        self.lost.saw(gauge.lost)
        self.discarded.saw(gauge.discarded)

    def told(self) -> dict[str, Any]:
        """Return it for the manifest."""
        return {
            "read": self.read,
            "lag": self.lag,
            "max_lag": self.max_lag,
            "lost": self.lost.total,
            "max_depth": self.max_depth,
            "max_age": self.max_age,
            "discarded": self.discarded.total,
        }


class Watch:
    """All queues of one side's tap, under the names that both sides are compared under."""

    def __init__(self, names: Iterable[str]) -> None:
        self.queues = {name: QueueRecord() for name in names}
        self.watermark = 0.0
        """Epoch seconds: everything that was queued before has been read. 0: nothing is known."""
        self.lag = -1
        """Messages of all queues that wait for the tap, at the last look."""
        self.max_lag = -1
        self.samples = 0
        self.error = ""
        """Why the queues cannot be read now."""
        self.outages: list[list[Any]] = []
        """When each began (epoch seconds), how long it was, and why."""
        self.outage_count = 0
        self.missed: list[str] = []
        """What is known of messages that were gone before they could be read."""
        self.missed_count = 0
        self._since = 0.0

    def read(self, queue: str) -> None:
        """Count a message that was read."""
        self.queues.setdefault(queue, QueueRecord()).read += 1

    def succeeded(self, began: float, is_all: bool, now: float) -> None:
        """Note a read that was *began* at that time; *is_all* if it left nothing behind."""
        if self.error:
            self._count_outage([self._since, round(now - self._since, 3), self.error])
            self.error = ""
        if is_all:
            self.watermark = max(self.watermark, began)

    def failed(self, why: str, now: float) -> None:
        """Note a read that failed."""
        if not self.error:
            self._since = now
        self.error = why

    def lost(self, what: str) -> None:
        """Note that messages were gone."""
        self.missed_count += 1
        if len(self.missed) < OUTAGES:
            self.missed.append(what)

    def saw(self, gauges: Mapping[str, Gauge]) -> None:
        """Take what the servers tell of the queues."""
        self.samples += 1
        for name, gauge in gauges.items():
            self.queues.setdefault(name, QueueRecord()).saw(gauge)

    def behind(self, lag: int) -> None:
        """Take how many messages of all queues wait; -1 if that could not be asked."""
        self.lag = lag
        self.max_lag = max(self.max_lag, lag)

    def status(self, side: str) -> dict[str, QueueStatus]:
        """Return where each queue is now, by ``SIDE NAME``."""
        return {f"{side} {name}": self._status(one) for name, one in self.queues.items()}

    def lines(self, side: str, now: float) -> list[dict[str, Any]]:
        """Return a record of each queue for the time series."""
        return [
            {
                "t": round(now, 3),
                "side": side,
                "queue": name,
                "read": one.read,
                "lag": self._lag(one),
                "watermark": round(self.watermark, 3),
                "depth": one.depth,
                "age": round(one.age, 3),
                "lost": one.lost.total,
                "discarded": one.discarded.total,
                **({"error": self.error} if self.error else {}),
            }
            for name, one in self.queues.items()
        ]

    def told(self, now: float) -> dict[str, Any]:
        """Return the whole for the manifest; an outage that lasts is told as one up to *now*."""
        lasting = [[self._since, round(now - self._since, 3), self.error]] if self.error else []
        return {
            "watermark": round(self.watermark, 3),
            "max_lag": self.max_lag,
            "lost": _sum(one.lost.total for one in self.queues.values()),
            "discarded": _sum(one.discarded.total for one in self.queues.values()),
            "max_depth": max((one.max_depth for one in self.queues.values()), default=-1),
            "max_age": max((one.max_age for one in self.queues.values()), default=-1.0),
            "outages": [*self.outages, *lasting],
            "outage_count": self.outage_count + len(lasting),
            "missed": list(self.missed),
            "missed_count": self.missed_count,
            "samples": self.samples,
            "queues": {name: one.told() for name, one in self.queues.items()},
        }

    def _status(self, one: QueueRecord) -> QueueStatus:
        return QueueStatus(
            read=one.read,
            lag=self._lag(one),
            watermark=self.watermark,
            depth=one.depth,
            age=one.age,
            discarded=one.discarded.total,
            error=self.error,
        )

    def _lag(self, one: QueueRecord) -> int:
        """Return one queue's lag; that of all, where the engine does not tell them apart."""
        return one.lag if one.lag >= 0 else self.lag

    def _count_outage(self, outage: list[Any]) -> None:
        self.outage_count += 1
        if len(self.outages) < OUTAGES:
            self.outages.append(outage)


def merged(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the reports of a tap's several lives, oldest first, say together.

    How it stands is what the last one says; what was counted is the sum, and the greatest is the
    greatest of all.
    """
    whole: dict[str, Any] = {}
    for report in reports:
        before, whole = whole, dict(report)
        for name in before.keys() - whole.keys():
            whole[name] = before[name]
        for name in ("read", "errors", "lost", "discarded", "outage_count", "missed_count"):
            if name in before:
                whole[name] = _sum((before[name], report.get(name, -1)))
        for name in ("max_lag", "max_depth", "max_age", "watermark"):
            if name in before:
                whole[name] = max(before[name], report.get(name, -1))
        for name in ("outages", "missed"):
            if name in before:
                whole[name] = [*before[name], *report.get(name, [])][:OUTAGES]
        if "queues" in before:
            whole["queues"] = _queues(before["queues"], report.get("queues", {}))
        whole["left_behind"] = "; ".join(
            one for one in (before.get("left_behind"), report.get("left_behind")) if one
        )
    return whole


def _queues(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    names = dict.fromkeys((*before, *after))
    return {
        name: {key: one for key, one in merged(_both(before, after, name)).items() if key != LEFT}
        for name in names
    }


LEFT = "left_behind"


def _both(
    before: Mapping[str, Any], after: Mapping[str, Any], name: str
) -> Iterable[Mapping[str, Any]]:
    return [report[name] for report in (before, after) if name in report]


def _sum(values: Iterable[int]) -> int:
    """Return the sum of what is known; -1 if nothing is."""
    known = [value for value in values if value >= 0]
    return sum(known) if known else -1
