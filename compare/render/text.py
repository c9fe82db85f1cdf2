"""A report as text for a terminal: the verdict first."""

import textwrap
from collections.abc import Iterator

from compare.judging.shadowtax import shadow_tax, shown
from compare.judging.validity import uncovered
from compare.judging.verdict import GateResult, rounded
from compare.render.visible import visible
from compare.report import Report, ledger
from compare.stages.tally import Cause, Example

WIDTH = 96
REASONS = 12
CAUSES = 12
"""Causes shown; the rest is counted, and stands in the other renderings."""
_COLOURS = {"PASS": "32", "FAIL": "31", "UNDECIDED": "33", "INVALID": "35"}
_LEDGER = (
    ("received", "received"),
    ("not_sampled", "not sampled"),
    ("control", "control arm"),
    ("switched_off", "switched off"),
    ("filtered", "filtered"),
    ("too_large", "too large"),
    ("alone", "alone"),
    ("unpaired", "unpaired"),
    ("shed", "shed"),
    ("broken_circuit", "broken circuit"),
    ("abandoned", "abandoned"),
    ("mirrored", "mirrored"),
    ("agreed", "  agreed"),
    ("differed", "  differed"),
    ("failed", "  failed"),
    ("pending", "  pending"),
    ("lost", "lost"),
    ("remainder", "remainder"),
)
_ALWAYS = ("received", "mirrored", "agreed", "differed", "failed", "remainder")


def render_text(report: Report, colour: bool = False) -> str:
    """Return the report as lines of at most 96 characters; *colour* adds ANSI colours."""
    verdict = report.verdict.outcome.value
    shown = f"\x1b[1;{_COLOURS[verdict]}m{verdict}\x1b[0m" if colour else verdict
    indent = " " * (len(verdict) + 2)
    claim = textwrap.fill(
        report.verdict.claim, WIDTH, initial_indent=indent, subsequent_indent=indent
    )
    parts = [f"{shown}  {claim.lstrip()}"]
    for reason in report.verdict.reasons[:REASONS]:
        said = visible(reason)
        parts += textwrap.wrap(said, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    if len(report.verdict.reasons) > REASONS:
        parts.append(f"  and {len(report.verdict.reasons) - REASONS} more, in report.html")
    parts += _notes(report)
    parts += ["", "Gates", *(line for gate in report.verdict.gates for line in _gate(gate))]
    parts += _relaxed(report)
    parts += ["", *_causes(report.summary.causes)]
    parts += ["", *_events(report), "", *_latency(report), "", *_ledger(report)]
    return "\n".join(parts) + "\n"


def _notes(report: Report) -> list[str]:
    notes = [f"Note: {visible(note)}" for note in report.manifest.notes]
    notes += [f"Note: {visible(note)}" for note in report.verdict.notes]
    notes += [f"Noise: {visible(one)}" for one in report.summary.noise_warnings]
    few = ", ".join(uncovered(report.summary, report.policy))
    if few:
        notes.append(
            f"Not covered, under {report.policy.coverage.per_endpoint} requests: {visible(few)}"
        )
    if not notes:
        return []
    wrapped = [textwrap.fill(note, WIDTH, subsequent_indent="      ") for note in notes]
    return ["", *wrapped]


def _relaxed(report: Report) -> list[str]:
    if not report.policy.relaxed:
        return []
    lines = ["", f"Policy {report.policy.name} asks less than the default"]
    for one in report.policy.relaxed:
        lines += textwrap.wrap(one, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return lines


def _gate(gate: GateResult) -> Iterator[str]:
    kind = " (advice)" if gate.advisory else ""
    against = f"{gate.mismatches:+,.0f} net" if gate.bound is None else f"{gate.mismatches:,.0f}"
    yield f"  {gate.finding.value:<9}  {gate.name}{kind}: {against} of {gate.n:,.0f} {gate.unit}"
    bound = (
        "" if gate.bound is None else f"; at most {rounded(gate.bound)} mismatch, valid at any look"
    )
    needs = (
        f"; needs {gate.needs:,} more if clean"
        if gate.needs and gate.finding.value != "FAIL"
        else ""
    )
    note = f"; {gate.note}" if gate.note else ""
    yield from textwrap.wrap(
        f"{gate.claim}{bound}{needs}{note}",
        WIDTH,
        initial_indent=" " * 13,
        subsequent_indent=" " * 13,
    )


def _causes(causes: list[Cause]) -> Iterator[str]:
    if not causes:
        yield "Causes: none; no difference was found"
        return
    yield f"Causes ({len(causes)}), by how many mismatching requests each explains"
    for number, cause in enumerate(causes[:CAUSES], 1):
        yield from _cause(number, cause)
    if len(causes) > CAUSES:
        yield f"  and {len(causes) - CAUSES} more, in report.html"


def _cause(number: int, cause: Cause) -> Iterator[str]:
    yield ""
    yield f"  {number}. {visible(cause.title)}"
    accepted = f"; ACCEPTED: {cause.accepted}" if cause.accepted else ""
    yield (
        f"     {cause.requests:,} requests, {cause.events:,} differences, "
        f"{cause.marginal:.1%} more, {cause.cumulative:.1%} in all  [{cause.signature}{accepted}]"
    )
    for text in (cause.explanation, cause.advice):
        yield textwrap.fill(text, WIDTH, initial_indent="     ", subsequent_indent="     ")
    for effect, clients in cause.clients.items():
        said = f"{effect}: {', '.join(clients)}"
        yield textwrap.fill(said, WIDTH, initial_indent="     ", subsequent_indent="       ")
    if cause.examples:
        yield from _example(cause.examples[0])


def _example(example: Example) -> Iterator[str]:
    if example.legacy is not None or example.candidate is not None:
        yield f"     legacy     {_short(example.legacy)}"
        yield f"     candidate  {_short(example.candidate)}"
    for difference in example.differences[:3]:
        if difference.path:
            sides = f"{difference.legacy or 'absent'} -> {difference.candidate or 'absent'}"
            yield f"     {_short(f'{difference.path}: {sides}')}"
    if example.request:
        yield f"     {_short(example.request)}"


def _events(report: Report) -> Iterator[str]:
    events, units = report.summary.events, report.summary.units
    yield (
        f"Events    legacy {events.legacy:,}, candidate {events.candidate:,}: "
        f"{events.identical:,} identical, {events.equal:,} equal, {events.tolerated:,} tolerated"
    )
    yield (
        f"          {events.changed:,} changed, {events.missing:,} missing, "
        f"{events.extra:,} extra, {events.misrouted:,} misrouted"
    )
    yield (
        f"          duplicates: {events.duplicate:,} more, {events.duplicate_lost:,} fewer; "
        f"{events.late:,} late, {events.reordered:,} in another order"
    )
    if events.not_mirrored or events.unlinked:
        yield (
            f"          {events.not_mirrored:,} of requests that the candidate never got, "
            f"{events.unlinked:,} without a known request"
        )
    yield (
        f"Requests  {units.distinct:,} distinct of {units.mirrored:,} mirrored; "
        f"{units.answered_not_queued:,} answered but not queued, "
        f"{units.queued_not_answered:,} queued but refused"
    )


def _latency(report: Report) -> Iterator[str]:
    pool = report.summary.windows.pooled()
    yield f"{'Latency, ms':<12}" + "".join(
        f"{name:>10}" for name in ("p50", "p90", "p99", "p99.9", "max")
    )
    for name, side in (("legacy", pool.legacy), ("candidate", pool.candidate)):
        values = [side.quantile(share) * 1000 for share in (0.5, 0.9, 0.99, 0.999)]
        yield f"  {name:<10}" + "".join(f"{value:>10.2f}" for value in (*values, side.most * 1000))
    tax = shadow_tax(report.manifest.tax)
    for number, line in enumerate([] if tax is None else shown(tax)):
        yield f"  {'' if number else 'shadow tax':<12}{line}"


def _ledger(report: Report) -> Iterator[str]:
    counts = ledger(report.manifest.ledger, report.summary)
    yield "Ledger (every request in one bucket)"
    for key, name in _LEDGER:
        if counts.get(key) or key in _ALWAYS:
            yield f"  {name:<18}{counts.get(key, 0):>12,}"


def _short(text: str | None) -> str:
    if text is None:
        return "(nothing)"
    line = visible(text).replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= WIDTH - 16 else line[: WIDTH - 17] + "…"
