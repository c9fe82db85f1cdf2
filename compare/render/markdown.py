"""A report as Markdown, short enough for a comment on a pull request or a step's summary."""

import re
from collections.abc import Iterable

from compare.judging.verdict import GateResult, percent, rounded
from compare.render.visible import visible
from compare.report import Report, ledger, provenance
from compare.stages.tally import Cause

LONGEST = 60_000
"""Characters; a comment may hold 65 536."""
CAUSES = 5
LINES = 20
"""Reasons, notes or gates shown of each; the rest is counted."""
CELL = 300
"""Characters of a value before it is escaped."""
_JOINER = "&#8288;"
"""A word joiner: invisible, of no width, and it parts what GitHub links after decoding entities."""
_LINKS = (
    (re.compile(r"://"), "&#58;//"),
    (re.compile(r"www\.", re.IGNORECASE), "www&#46;"),
    (re.compile(r"\bGH-(?=\d)", re.IGNORECASE), f"GH-{_JOINER}"),
)
_LIST = re.compile(r"^(\d*)([-+.)])(?=\s|$)")
"""What would start a list."""
_MARKS = {ord(mark): f"&#{ord(mark)};" for mark in "\\<>|`*_[]~$"}
_MARKS |= {ord("&"): "&amp;", ord("@"): f"&#64;{_JOINER}", ord("#"): f"&#35;{_JOINER}"}


def render_markdown(report: Report) -> str:
    """Return the verdict, the gates, the first causes and the ledger as Markdown."""
    verdict, told = report.verdict, provenance(report)
    lines = [f"## {verdict.outcome.value}", "", safe(verdict.claim), ""]
    lines += _listed("", verdict.reasons, "reasons")
    lines += _listed("Note: ", [*report.manifest.notes, *verdict.notes], "notes")
    lines += _listed("Relaxed: ", report.policy.relaxed, "relaxations")
    lines += ["", *_gates(verdict.gates), "", *_causes(report.summary.causes)]
    counts = ledger(report.manifest.ledger, report.summary)
    lines += ["", "| ledger | requests |", "|---|---:|"]
    lines += [f"| {safe(name.replace('_', ' '))} | {count:,} |" for name, count in counts.items()]
    lines += [
        "",
        f"Run {safe(report.run)}, policy {safe(report.policy.name)} (`{told['policy_hash']}`), "
        f"evidence sha256 `{told['evidence_sha256']}`. "
        "`mixmigrate verify` judges again from the evidence.",
    ]
    return fitted(lines)


def fitted(lines: Iterable[str], longest: int = LONGEST) -> str:
    """Return whole *lines* in at most *longest* characters; the last says when some are left out.

    Nothing is cut within a line, which could open an entity or a code span.
    """
    left_out = "\n*Cut to fit; the whole is in report.html and report.json.*\n"
    text, room = "", longest - len(left_out)
    for line in lines:
        if len(text) + len(line) + 1 > room:
            return text + left_out
        text += line + "\n"
    return text


def _listed(start: str, said: Iterable[str], what: str) -> list[str]:
    all_of = list(said)
    lines = [f"- {start}{safe(one)}" for one in all_of[:LINES]]
    if len(all_of) > LINES:
        lines.append(f"- and {len(all_of) - LINES} more {what}")
    return lines


def _gates(gates: tuple[GateResult, ...]) -> list[str]:
    lines = ["| gate | finding | against it | of | allowed | at most | needs |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|"]
    lines += [_gate(gate) for gate in gates[:LINES]]
    if len(gates) > LINES:
        lines.append(f"| and {len(gates) - LINES} more | | | | | | |")
    return lines


def _gate(gate: GateResult) -> str:
    bound = "" if gate.bound is None else rounded(gate.bound)
    finding = f"{gate.finding.value} (advice)" if gate.advisory else gate.finding.value
    of = f"{gate.n:,.0f} {gate.unit}"
    needs = f"{gate.needs:,}" if gate.needs and gate.finding.value == "UNDECIDED" else ""
    shown = (gate.name, finding, f"{gate.mismatches:,.0f}", of, percent(gate.target), bound, needs)
    return f"| {' | '.join(safe(cell) for cell in shown)} |"


def _causes(causes: list[Cause]) -> list[str]:
    if not causes:
        return ["No difference was found."]
    lines = ["| cause | requests | share | signature |", "|---|---:|---:|---|"]
    lines += [_cause(cause) for cause in causes[:CAUSES]]
    if len(causes) > CAUSES:
        requests = f"{len(causes) - CAUSES} more causes, in report.html"
        lines.append(f"| {requests} | | {1 - causes[CAUSES - 1].cumulative:.1%} | |")
    return lines


def _cause(cause: Cause) -> str:
    title = safe(cause.title) + (" (accepted)" if cause.accepted else "")
    return f"| {title} | {cause.requests:,} | {cause.marginal:.1%} | `{cause.signature}` |"


def safe(text: str) -> str:
    """Return *text* so that it is one line of plain words wherever it stands.

    It cannot break a table, start a list or a heading, become a tag, a link or a formula, call a
    person, or refer to an issue.
    """
    line = " ".join(visible(text).split())
    line = line if len(line) <= CELL else line[: CELL - 1] + "…"
    escaped = line.translate(_MARKS)
    for link, parted in _LINKS:
        escaped = link.sub(parted, escaped)
    return _LIST.sub(lambda found: f"{found[1]}&#{ord(found[2])};", escaped, count=1)
