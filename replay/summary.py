"""A replay's result as text for a person and as JSON for a program."""

from typing import Any

import msgspec

from replay.accounting import LATE, Result
from replay.durations import Quantiles
from replay.plan import Plan

SCHEMA = 1
_COLUMNS = ("mean", "p50", "p90", "p99", "p99.9", "most")


def render_json(result: Result) -> bytes:
    """Return the result as one JSON object; durations are seconds."""
    fields: dict[str, Any] = msgspec.to_builtins(result, str_keys=True)
    fields |= {
        "schema": SCHEMA,
        "throughput": result.throughput,
        "on_time": result.on_time,
        "remainder": result.remainder(),
    }
    return msgspec.json.format(msgspec.json.encode(fields), indent=2)


def render_plan(plan: Plan) -> str:
    """Return what a replay would do, as a few lines of text."""
    result = plan.result
    seconds = "" if result.closed else f" in {result.seconds:,.1f} s"
    parts = [
        f"would send {plan.planned:,} requests{seconds} to {result.target}, {result.mode}",
        *_lines(result),
        *(f"{count:>10,} would go to {endpoint}" for endpoint, count in plan.endpoints),
        "nothing was sent",
    ]
    return "\n".join(parts)


def render_text(result: Result) -> str:
    """Return the result as a few lines of text."""
    head = f"{result.target}, {result.mode}"
    parts = [head, *_lines(result), *_requests(result)]
    if sum(result.answered.values()):
        parts += _latencies(result)
    parts += _remarks(result)
    return "\n".join(parts)


def _lines(result: Result) -> list[str]:
    rows = [f"{result.lines:>10,} lines read"]
    rows += [f"{result.malformed:>10,} malformed"] if result.malformed else []
    rows += [f"{'':>12}{example}" for example in result.malformed_examples[:5]]
    hidden = result.malformed - min(5, len(result.malformed_examples))
    rows += [f"{'':>12}and {hidden:,} more"] if hidden > 0 else []
    rows += [
        f"{count:>10,} unreplayable: {why}"
        for why, count in sorted(result.unreplayable.items(), key=lambda item: -item[1])
    ]
    return [*rows, f"{result.replayable:>10,} replayable"]


def _requests(result: Result) -> list[str]:
    rows = [f"{result.left_out:>10,} left out"] if result.left_out else []
    sent = f"{result.sent:>10,} requests sent in {result.seconds:.1f} s"
    rows.append(sent + (f", {result.repeats:,} of them repeats" if result.repeats else ""))
    rows += [
        f"{count:>10,} answered with {status}" for status, count in sorted(result.answered.items())
    ]
    rows += [f"{count:>10,} failed: {kind}" for kind, count in sorted(result.failed.items())]
    return rows + ([f"{result.unanswered:>10,} unanswered"] if result.unanswered else [])


def _latencies(result: Result) -> list[str]:
    rows = [f"{'milliseconds':>22}" + "".join(f"{name:>9}" for name in _COLUMNS)]
    if result.closed:
        rows.append(_row("service (closed loop)", result.service))
    else:
        rows.append(_row("response", result.response))
        rows.append(_row("service", result.service))
        rows.append(_row("sent late", result.lateness))
    return [*rows, f"{result.throughput:>10,.0f} answers a second"]


def _row(name: str, times: Quantiles) -> str:
    values = (times.mean, times.p50, times.p90, times.p99, times.p999, times.most)
    return f"{name:>22}" + "".join(f"{value * 1000:>9.2f}" for value in values)


def _remarks(result: Result) -> list[str]:
    remarks = [f"stopped early: {result.stopped}"] if result.stopped else []
    if result.closed and result.throughput:
        remarks.append(
            f"closed loop: {result.in_flight:.0f} in flight / {result.throughput:,.0f} a second "
            f"= {result.service.mean * 1000:.1f} ms. By Little's law the mean latency follows "
            "from the number of workers; it says nothing more about the service than the "
            "throughput does. Use --mode open to learn how long clients wait."
        )
    if not result.on_time:
        remarks.append(
            f"the schedule was not held: 1 % left more than {result.lateness.p99 * 1000:.1f} ms "
            f"late (limit {LATE * 1000:.0f} ms); lower the rate, or raise the limit in flight"
        )
    if result.remainder():
        remarks.append(f"the account does not close by {result.remainder():,}: a defect")
    return remarks
