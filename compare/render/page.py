"""A report as one HTML page: no script, no outside request, light and dark, for print too.

What comes from a request is text to the page, never markup: everything is escaped, and the
page's own policy (CSP) forbids scripts altogether.
"""

import difflib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from compare.judging.shadowtax import shadow_tax, shown
from compare.judging.verdict import percent, rounded
from compare.render.charts import pairs, spectrum, strip
from compare.render.visible import visible
from compare.report import Report, as_data
from compare.stages.tally import Cause, Example

EXAMPLES = 5
"""Examples of a cause that the page shows; report.json holds all."""
CAUSES = 200
BUDGET = 3_000_000
"""Characters of examples on the page, as they stand there; the page stays under 5 MB."""
LONGEST = 4_000
"""Characters of one side of an example."""
_TEMPLATE = Path(__file__).with_name("page.html.j2")
_FUNNEL = (
    ("received", "requests came to the proxy"),
    ("not_sampled", "not sampled"),
    ("control", "control arm: not mirrored, to see what mirroring costs"),
    ("switched_off", "switched off: mirroring was off"),
    ("filtered", "filtered by a rule"),
    ("too_large", "too large to be kept"),
    ("alone", "answered by the candidate alone"),
    ("unpaired", "unpaired: the logs do not tell whether the candidate got it"),
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
    environment.filters["visible"] = visible
    environment.filters["percent"] = percent
    environment.filters["rounded"] = rounded
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    data = as_data(report)
    causes = report.summary.causes[:CAUSES]
    pool = report.summary.windows.pooled()
    slo = next(iter(report.policy.gate.slo), None)
    page = template.render(
        report=data,
        verdict=report.verdict,
        tax="; ".join(shown(tax)) if (tax := shadow_tax(report.manifest.tax)) else "",
        causes=[*zip(causes, _within_budget(causes), strict=True)],
        hidden=max(0, len(report.summary.causes) - CAUSES),
        events=report.summary.events,
        units=report.summary.units,
        funnel=_funnel(data["ledger"]),
        spectrum=spectrum(pool.legacy, pool.candidate),
        strip=strip(report.summary.windows, slo.limit_ms / 1000, slo.share) if slo else "",
        pairs=[
            one
            for gate in report.policy.gate.relative
            for one in pairs(report.summary.windows, gate)
        ],
        policy=report.policy,
        policy_text=report.policy_text,
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def side_by_side(example: Example) -> list[Row]:
    """Return both sides' texts, line by line, with those that differ marked."""
    ours, theirs = _pretty(example.legacy), _pretty(example.candidate)
    if example.legacy is None or example.candidate is None:
        # There is nothing to differ from; marking every line would say no more than "nothing".
        return [Row(line, "", False) for line in ours] + [Row("", line, False) for line in theirs]
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


def _within_budget(causes: list[Cause]) -> list[list[Example]]:
    """Return the examples to show of each cause, fewer when the page would grow too long.

    The first example of every cause goes before the second of any.
    """
    shown: list[list[Example]] = [[] for _ in causes]
    left = BUDGET
    for turn in range(EXAMPLES):
        for cause, chosen in zip(causes, shown, strict=True):
            if turn < len(cause.examples):
                example = cause.examples[turn]
                left -= _cost(example)
                if left > 0:
                    chosen.append(example)
    return shown


def _cost(example: Example) -> int:
    """Return about how many bytes an example takes on the page."""
    rows = len(example.legacy or "") + len(example.candidate or "")
    texts = (example.legacy, example.candidate, example.request)
    return sum(len(html.escape(visible(text or "")).encode()) for text in texts) + 20 * rows


def _funnel(ledger: dict[str, int]) -> list[tuple[str, int, float]]:
    received = ledger.get("received") or 1
    return [
        (words, ledger.get(name, 0), min(1.0, abs(ledger.get(name, 0)) / received))
        for name, words in _FUNNEL
        if ledger.get(name) or name in _ALWAYS
    ]


def _pretty(text: str | None) -> list[str]:
    """Return JSON as indented lines, other text as it is.

    Repeated keys stay, and numbers keep their digits: both may be the very difference.
    """
    if text is None:
        return []
    if len(text) > LONGEST:
        shown = visible(text[:LONGEST]).splitlines()
        return [*shown, f"… and {len(text) - LONGEST:,} characters more"]
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Members,
            parse_int=_Digits,
            parse_float=_Digits,
            parse_constant=_Digits,
        )
        return _lines(value, "")
    except (ValueError, RecursionError):  # no JSON, or nested too deeply to be laid out
        return visible(text).splitlines() or [""]


class _Members(list[tuple[str, object]]):
    """An object's members, repeated keys included."""


class _Digits(str):
    """A number as it was written."""

    __slots__ = ()


def _lines(value: object, indent: str, name: str | None = None, end: str = "") -> list[str]:
    label = indent if name is None else f"{indent}{_quoted(name)}: "
    if isinstance(value, _Members) and value:
        return [f"{label}{{", *_inside(list(value), indent), f"{indent}}}{end}"]
    if isinstance(value, list) and not isinstance(value, _Members) and value:
        return [f"{label}[", *_inside([(None, one) for one in value], indent), f"{indent}]{end}"]
    return [f"{label}{_leaf(value)}{end}"]


def _leaf(value: object) -> str:
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, _Members):
        return "{}"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return visible(json.dumps(text, ensure_ascii=False))


def _inside(members: Sequence[tuple[str | None, object]], indent: str) -> list[str]:
    lines = []
    for place, (name, member) in enumerate(members):
        end = "," if place + 1 < len(members) else ""
        lines += _lines(member, indent + "  ", name, end)
    return lines
