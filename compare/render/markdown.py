"""A report as Markdown, short enough for a comment on a pull request."""

from compare.render.visible import visible
from compare.report import Report, ledger
from compare.tally import Cause
from compare.verdict import GateResult, percent, rounded

LONGEST = 60_000
"""Characters; a comment may hold 65 536."""
CAUSES = 10


def render_markdown(report: Report) -> str:
    """Return the verdict, the gates, the first causes and the ledger as Markdown."""
    verdict = report.verdict
    parts = [f"## {verdict.outcome.value}", "", verdict.claim, ""]
    parts += [f"- {_safe(reason)}" for reason in verdict.reasons]
    parts += [f"- Note: {_safe(note)}" for note in report.manifest.notes]
    parts += [f"- Relaxed: {_safe(one)}" for one in report.policy.relaxed]
    parts += ["", "| gate | finding | against it | of | allowed | at most |"]
    parts += ["|---|---|---:|---:|---:|---:|"]
    parts += [_gate(gate) for gate in verdict.gates]
    parts += ["", "| cause | requests | share | signature |", "|---|---:|---:|---|"]
    parts += [_cause(cause) for cause in report.summary.causes[:CAUSES]]
    counts = ledger(report.manifest.ledger, report.summary)
    parts += ["", "| ledger | requests |", "|---|---:|"]
    parts += [f"| {name.replace('_', ' ')} | {count:,} |" for name, count in counts.items()]
    return "\n".join(parts)[:LONGEST] + "\n"


def _gate(gate: GateResult) -> str:
    bound = "" if gate.bound is None else rounded(gate.bound)
    finding = f"{gate.finding.value} (advice)" if gate.advisory else gate.finding.value
    of = f"{gate.n:,.0f} {gate.unit}"
    cells = (_safe(gate.name), finding, f"{gate.mismatches:,.0f}", of, percent(gate.target), bound)
    return f"| {' | '.join(cells)} |"


def _cause(cause: Cause) -> str:
    title = _safe(cause.title) + (" (accepted)" if cause.accepted else "")
    return f"| {title} | {cause.requests:,} | {cause.marginal:.1%} | `{cause.signature}` |"


def _safe(text: str) -> str:
    """Return *text* so that it cannot break a table, become a tag, or call a person."""
    line = " ".join(visible(text).split()).replace("&", "&amp;")
    for mark in "\\<|`*_[]@":
        line = line.replace(mark, f"&#{ord(mark)};")
    return line[:500]
