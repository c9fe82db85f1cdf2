"""A report as one HTML page: no script, no outside request, light and dark, for print too.

What comes from a request is text to the page, never markup: everything is escaped, and the
page's own policy (CSP) forbids scripts altogether.
"""

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

import jinja2

from compare.render.charts import spectrum, strip
from compare.report import Report, as_data
from compare.tally import Example

EXAMPLES = 5
"""Examples of a cause that the page shows; report.json holds all."""
CAUSES = 200
_TEMPLATE = Path(__file__).with_name("page.html.j2")
_FUNNEL = (
    ("received", "requests came to the proxy"),
    ("not_sampled", "not sampled"),
    ("filtered", "filtered"),
    ("shed", "shed: the lane was full"),
    ("broken_circuit", "kept back: the candidate was down"),
    ("abandoned", "abandoned at the end"),
    ("mirrored", "mirrored to the candidate"),
    ("agreed", "agreed"),
    ("differed", "differed"),
    ("failed", "failed: no answer from the candidate"),
    ("pending", "pending: no outcome recorded"),
    ("remainder", "remainder: in no bucket"),
)
_ALWAYS = ("received", "mirrored", "agreed", "differed", "failed", "remainder")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of two texts side by side."""

    legacy: str
    candidate: str
    differs: bool


def render_page(report: Report) -> str:
    """Return ``report.html``."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["rows"] = side_by_side
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    data = as_data(report)
    pool = report.summary.windows.pooled()
    slo = next(iter(report.policy.gate.slo), None)
    return template.render(
        report=data,
        verdict=report.verdict,
        causes=report.summary.causes[:CAUSES],
        hidden=max(0, len(report.summary.causes) - CAUSES),
        examples=EXAMPLES,
        events=report.summary.events,
        units=report.summary.units,
        funnel=_funnel(data["ledger"]),
        spectrum=spectrum(pool.legacy, pool.candidate),
        strip=strip(report.summary.windows, slo.limit_ms / 1000, slo.share) if slo else "",
        policy=report.policy,
        policy_text=report.policy_text,
    )


def side_by_side(example: Example) -> list[Row]:
    """Return both sides' texts, line by line, with those that differ marked."""
    ours, theirs = _pretty(example.legacy), _pretty(example.candidate)
    rows = []
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for what, left, left_end, right, right_end in matcher.get_opcodes():
        for step in range(max(left_end - left, right_end - right)):
            rows.append(
                Row(
                    ours[left + step] if left + step < left_end else "",
                    theirs[right + step] if right + step < right_end else "",
                    what != "equal",
                )
            )
    return rows


def _funnel(ledger: dict[str, int]) -> list[tuple[str, int, float]]:
    received = ledger.get("received") or 1
    return [
        (words, ledger.get(name, 0), min(1.0, abs(ledger.get(name, 0)) / received))
        for name, words in _FUNNEL
        if ledger.get(name) or name in _ALWAYS
    ]


def _pretty(text: str | None) -> list[str]:
    """Return JSON as indented lines, other text as it is. Repeated keys must stay visible."""
    if text is None:
        return []
    try:
        value = json.loads(text, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return text.splitlines() or [""]
    return _lines(value, "")


class _Members(list[tuple[str, object]]):
    """An object's members, repeated keys included."""


def _lines(value: object, indent: str, name: str = "", end: str = "") -> list[str]:
    label = f"{indent}{json.dumps(name, ensure_ascii=False)}: " if name else indent
    if isinstance(value, _Members) and value:
        inner = [(key, member) for key, member in value]
        return [f"{label}{{", *_inside(inner, indent), f"{indent}}}{end}"]
    if isinstance(value, list) and not isinstance(value, _Members) and value:
        return [f"{label}[", *_inside([("", one) for one in value], indent), f"{indent}]{end}"]
    plain = "{}" if isinstance(value, _Members) else json.dumps(value, ensure_ascii=False)
    return [f"{label}{plain}{end}"]


def _inside(members: list[tuple[str, object]], indent: str) -> list[str]:
    lines = []
    for place, (name, member) in enumerate(members):
        end = "," if place + 1 < len(members) else ""
        lines += _lines(member, indent + "  ", name, end)
    return lines
