"""A report as Markdown, short enough for a comment on a pull request."""

from compare.report import Report, ledger
from compare.tally import Cause
from compare.verdict import GateResult

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
    parts += ["", "| gate | finding | against it | of | bound |", "|---|---|---:|---:|---:|"]
    parts += [_gate(gate) for gate in verdict.gates]
    parts += ["", "| cause | requests | share | signature |", "|---|---:|---:|---|"]
    parts += [_cause(cause) for cause in report.summary.causes[:CAUSES]]
    counts = ledger(report.manifest.ledger, report.summary)
    parts += ["", "| ledger | requests |", "|---|---:|"]
    parts += [f"| {name.replace('_', ' ')} | {count:,} |" for name, count in counts.items()]
    return "\n".join(parts)[:LONGEST] + "\n"


def _gate(gate: GateResult) -> str:
    bound = "" if gate.bound is None else f"{gate.bound:.4%}"
    cells = (gate.name, gate.finding.value, f"{gate.mismatches:,.0f}", f"{gate.n:,}", bound)
    return f"| {' | '.join(cells)} |"


def _cause(cause: Cause) -> str:
    title = _safe(cause.title) + (" (accepted)" if cause.accepted else "")
    return f"| {title} | {cause.requests:,} | {cause.marginal:.1%} | `{cause.signature}` |"


def _safe(text: str) -> str:
    """Return *text* so that it cannot break a table or become a tag."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
