"""What the page is sent, as plain data; times in seconds, and ``None`` where nothing is known.

Three kinds of message: ``now`` (small, every tick), ``judged`` (when there was another look) and
``series`` (the last minutes, for a page that has not seen them).
"""

from collections.abc import Mapping
from typing import Any

from compare.live.history import POINTS, SideNow, fill
from compare.live.judged import shown
from compare.live.roster import PRESENT, Life, Member, Totals
from compare.live.safety import answering
from compare.live.tax import arm_sizes
from compare.live.view import View
from shadow.ledger import BUCKETS
from shadow.status import QueueStatus

SCHEMA = "mixmigrate-live/1"
_SKIPPED = (*BUCKETS.values(), "lost")
GONE_SHOWN = 8
"""Processes that are gone which are shown by themselves."""
DIGITS = 7
"""Decimal places of a figure: times to a tenth of a microsecond."""


def now_data(view: View) -> dict[str, Any]:
    """Return the small message: how things stand."""
    safe, totals = view.safety, view.totals
    return {
        "schema": SCHEMA,
        "at": view.at,
        "run": shown(view.run),
        "phase": view.phase,
        "stage": shown(" / ".join(totals.stages)),
        "hears": list(answering(totals)),
        "mirroring": totals.mirroring,
        "switch": _switch(view),
        "clients": {"level": safe.level.value, "why": [shown(text) for text in safe.why]},
        "verdict": _verdict(view),
        "ledger": _ledger(view),
        "rates": _rounded(view.history.recent.rates),
        "window": view.history.recent.seconds,
        "sides": {name: _side(view, name) for name in totals.sides},
        "tax": _tax(view),
        "lane": _lane(totals),
        "breaker": {
            "state": shown(totals.breaker.state),
            "openings": totals.breaker.openings,
            "why": shown(totals.breaker.why),
        },
        "queues": {shown(key): _queue(one, view) for key, one in sorted(totals.queues.items())},
        "processes": [_process(one) for one in _shown_members(view.members)],
        "all_processes": len(view.members),
        "unreadable": [{"name": shown(one.name), "why": shown(one.why)} for one in view.unreadable],
        "point": point_data(view),
    }


def judged_data(view: View) -> dict[str, Any]:
    """Return the message of a look: gates, causes, reasons."""
    judged = view.judged
    return {
        "schema": SCHEMA,
        "state": judged.state,
        "claim": judged.claim,
        "reasons": judged.reasons,
        "notes": judged.notes,
        "gates": judged.gates,
        "causes": judged.causes,
        "all_causes": judged.all_causes,
        "events": judged.events,
        "requests": judged.requests,
        "policy": judged.policy,
        "policy_hash": judged.policy_hash,
        "legacy": judged.legacy,
        "candidate": judged.candidate,
        "created": judged.created,
    }


def series_data(view: View) -> dict[str, Any]:
    """Return the last minutes: times, and for each series its values."""
    points = list(view.history.points)
    names = list(points[-1][1]) if points else []
    return {
        "schema": SCHEMA,
        "most": POINTS,
        "at": [round(at, 1) for at, _ in points],
        "values": {name: [_figure(point[name]) for _, point in points] for name in names},
    }


def point_data(view: View) -> dict[str, float | None]:
    """Return the newest values of all series."""
    if not view.history.points:
        return {}
    return _rounded(view.history.points[-1][1])


def _verdict(view: View) -> dict[str, Any]:
    judged = view.judged
    return {
        "outcome": judged.outcome,
        "needs": judged.needs,
        "progress": _figure(view.progress),
        "remaining_seconds": _figure(view.remaining_seconds),
        "distinct": judged.requests.get("distinct", 0),
        "state": judged.state,
        "why": shown(judged.why),
        "at": judged.at,
        "until": judged.until,
        "age": round(view.age, 1),
        "stale": view.is_stale,
        "trouble": shown(view.trouble),
    }


def _ledger(view: View) -> dict[str, Any]:
    totals = view.totals
    counts = totals.ledger or view.judged.ledger
    unexplained = view.history.unexplained
    remainder = counts.get("remainder", 0)
    if not any(one.life in PRESENT for one in view.members):
        unexplained = remainder  # nothing is under way any more
    return {
        "counts": counts,
        "earlier": totals.earlier,
        "skipped": {name: counts[name] for name in _SKIPPED if counts.get(name)},
        "under_way": min(max(0, remainder), totals.under_way),
        "unexplained": unexplained,
        "closes": unexplained == 0,
        "known": bool(counts),
    }


def _side(view: View, name: str) -> dict[str, Any]:
    side = view.totals.sides[name]
    recent = view.history.recent.sides.get(name, SideNow())
    return {
        "answered": side.answered,
        "failed": side.failed,
        "errors": side.errors,
        "in_flight": side.in_flight,
        "bad": recent.bad,
        "calls": recent.calls,
        "latency": _rounded(recent.quantiles),
    }


def _tax(view: View) -> dict[str, Any]:
    return {
        "sizes": arm_sizes(view.totals.arm),
        "quantiles": [
            {
                "name": one.name,
                **_rounded(
                    {
                        "mirrored": one.mirrored,
                        "control": one.control,
                        "low": one.low,
                        "high": one.high,
                    }
                ),
                "felt": one.is_felt,
            }
            for one in view.history.taxes
        ],
    }


def _lane(totals: Totals) -> dict[str, Any]:
    lane = totals.lane
    return {
        "requests": lane.requests,
        "bytes": lane.bytes,
        "most_requests": lane.most_requests,
        "most_bytes": lane.most_bytes,
        "limit_requests": lane.limit_requests,
        "limit_bytes": lane.limit_bytes,
        "in_flight": lane.in_flight,
        "fill": _figure(fill(totals)),
    }


def _queue(queue: QueueStatus, view: View) -> dict[str, Any]:
    """Return one queue; what is not known of it is ``None``."""
    behind = view.at - queue.watermark if queue.watermark else None
    return {
        "read": queue.read,
        "lag": _known(queue.lag),
        "behind": None if behind is None else round(max(0.0, behind), 1),
        "depth": _known(queue.depth),
        "age": _known(queue.age),
        "discarded": _known(queue.discarded),
        "error": shown(queue.error),
    }


def _switch(view: View) -> list[str]:
    """Return what was said when mirroring was switched."""
    here = (one.status.more.get("switch") for one in view.members if one.life is Life.ALIVE)
    return sorted({shown(str(why)) for why in here if why})


def _shown_members(members: list[Member]) -> list[Member]:
    """Return those that are there by name, then those that are gone, the last one first."""
    here = [one for one in members if one.life in PRESENT]
    gone = [one for one in members if one.life in (Life.DEAD, Life.ENDED)]
    return here + sorted(gone, key=lambda one: one.quiet)[:GONE_SHOWN]


def _process(member: Member) -> dict[str, Any]:
    status = member.status
    return {
        "name": shown(status.name),
        "pid": status.pid,
        "life": member.life.value,
        "quiet": round(member.quiet, 1),
        "began": status.began,
        "restarts": member.restarts,
        "stall": _figure(status.stall),
        "memory": status.memory,
        "stage": shown(status.stage),
        "mirroring": status.mirroring,
        "received": status.ledger.get("received"),
        "error": shown(status.error),
    }


def _known(value: float) -> float | None:
    return None if value < 0 else value


def _figure(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: _figure(value) for name, value in values.items()}
