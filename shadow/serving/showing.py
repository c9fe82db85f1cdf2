"""Where a run stands, as lines for a person and as data for a machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shadow.isolating.histogram import Histogram
from shadow.ledger import BUCKETS
from shadow.serving.statusfiles import Told
from shadow.serving.summing import Sum, summed
from shadow.status import QueueStatus, SideStatus, Status

SILENT = 3.0
"""Seconds after which a process that tells nothing more has a problem."""
SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one moment."""

    at: float
    """Epoch seconds."""
    told: Told
    present: frozenset[int]
    """Pids of those processes that are there."""

    @property
    def statuses(self) -> Sequence[Status]:
        """What every process told last."""
        return self.told.statuses

    @property
    def sum(self) -> Sum:
        """All processes together."""
        told, earlier = self.told, self.told.earlier
        counted = told.statuses if earlier is None else (earlier, *told.statuses)
        return summed(counted, {one.name for one in told.statuses if self.is_there(one)})

    def is_there(self, status: Status) -> bool:
        """Return whether a process is there."""
        return status.pid in self.present


def lines(run: str, look: Look, before: Look | None = None) -> Iterator[str]:
    """Yield where *run* stands; with an earlier look, rates too."""
    total = look.sum
    there = [one for one in look.statuses if look.is_there(one)]
    state = "nobody is at work" if not there else f"{len(there)} process{'es' * (len(there) > 1)}"
    mirroring = "" if total.mirroring else ", mirroring is off"
    stage = f", stage {total.stage}" if total.stage else ""
    yield f"{run}: {state}{stage}{mirroring}"
    yield from _ledger(total, look, before)
    circuits = "; ".join(total.breakers) or "closed"
    yield _row("lane", f"{total.waiting:,} wait, {total.in_flight:,} in flight; circuit {circuits}")
    yield from (_row(name, _side(side)) for name, side in total.sides.items())
    for name, queue in total.queues.items():
        yield _row("queue", f"{name}: {_queue(queue, look.at)}")
    yield from (_row("live page", f"http://{address}/") for address in _pages(there))
    for one in look.statuses:
        yield from _process(one, look)
    others = [error for error in total.errors if not error.startswith(SUPERVISOR)]
    yield from (f"  ! {error}" for error in others or total.errors)
    yield from (f"  ! {line}" for line in look.told.unreadable)
    yield from _orphans(look, there)


def data(look: Look, before: Look | None = None) -> dict[str, Any]:
    """Return where a run stands, as plain values."""
    total = look.sum
    return {
        "at": look.at,
        "ledger": total.ledger,
        "earlier": look.told.earlier.ledger if look.told.earlier is not None else {},
        "rates": _rates(total, look, before),
        "stage": total.stage,
        "mirroring": total.mirroring,
        "lane": {"requests": total.waiting, "in_flight": total.in_flight},
        "breakers": total.breakers,
        "sides": msgspec.to_builtins(total.sides, str_keys=True),
        "queues": msgspec.to_builtins(total.queues),
        "errors": total.errors,
        "unreadable": [str(one) for one in look.told.unreadable],
        "processes": {
            one.name: {
                "pid": one.pid,
                "there": look.is_there(one),
                "ending": one.ending,
                "told": one.at,
                "stall": one.stall,
                "memory": one.memory,
            }
            for one in look.statuses
        },
    }


def _rates(total: Sum, look: Look, before: Look | None) -> dict[str, float]:
    """Return counts a second of what the ledger counts."""
    if before is None or look.at <= before.at:
        return {}
    then, seconds = before.sum.ledger, look.at - before.at
    return {
        name: max(0.0, (count - then.get(name, 0)) / seconds)
        for name, count in total.ledger.items()
    }


def _ledger(total: Sum, look: Look, before: Look | None) -> Iterator[str]:
    ledger, rates = total.ledger, _rates(total, look, before)
    if not ledger:
        yield "  nothing was received yet"
        return
    names = ["received", "mirrored", *BUCKETS.values(), "lost", "malformed"]
    told = [
        f"{name.replace('_', ' ')} {ledger[name]:,}" + _rate(rates.get(name, 0.0))
        for name in names
        if ledger.get(name)
    ]
    yield _row("ledger", ", ".join(told or ["received 0"]))
    open_, past = ledger.get("remainder", 0), look.told.earlier
    if past is not None:
        yield _row("", f"{past.ledger.get('received', 0):,} of them before the run was resumed")
    if open_:
        yield _row("", f"{open_:,} are under way: in no bucket yet")


def _row(name: str, text: str) -> str:
    return f"  {name:<11} {text}"


def _pages(there: Sequence[Status]) -> Iterator[str]:
    """Yield where the live page is, as the supervisor tells it."""
    for one in there:
        page = one.more.get("live") if one.name == SUPERVISOR else None
        if page and page.get("address"):
            yield page["address"]


def _rate(rate: float) -> str:
    return f" ({rate:,.0f}/s)" if rate else ""


def _side(side: SideStatus) -> str:
    times = Histogram(counts=side.latency)
    quantiles = ", ".join(
        f"p{share * 100:g} {times.quantile(share) * 1000:.1f} ms" for share in (0.5, 0.99)
    )
    failed = f", {side.failed:,} failed" if side.failed else ""
    errors = f", {side.errors:,} of status 500 and above" if side.errors else ""
    return f"{side.answered:,} answered{failed}{errors}; {quantiles}"


def _queue(queue: QueueStatus, at: float) -> str:
    told = [f"{queue.read:,} read"]
    if queue.lag >= 0:
        told.append(f"{queue.lag:,} wait for the tap")
    if queue.watermark:
        told.append(f"all of {max(0.0, at - queue.watermark):.1f} s ago and before")
    if queue.depth >= 0:
        told.append(f"{queue.depth:,} wait for its consumers")
    return ", ".join(told) + (f"; {queue.error}" if queue.error else "")


def _process(one: Status, look: Look) -> Iterator[str]:
    if not look.is_there(one):
        how = "ended" if one.ending else "is gone without an end"
        yield _row(one.name, f"{how} (pid {one.pid})")
        return
    silent = look.at - one.at
    told = f"; has told nothing for {silent:.0f} s" if silent > SILENT else ""
    yield _row(
        one.name,
        f"pid {one.pid}, up {look.at - one.began:,.0f} s, longest stall "
        f"{one.stall * 1000:.0f} ms, {one.memory / 1e6:,.0f} MB{told}",
    )


def _orphans(look: Look, there: Sequence[Status]) -> Iterator[str]:
    """Yield what to do when the supervisor is gone and others are not."""
    supervised = any(one.name == SUPERVISOR for one in look.statuses)
    left = [one for one in there if one.name.startswith("proxy")]
    if supervised and left and all(one.name != SUPERVISOR for one in there):
        pids = " ".join(str(one.pid) for one in left)
        yield f"  ! the supervisor is gone; the proxies serve on. To end the run: kill -TERM {pids}"
