"""The rules of cleaning for people."""

import re

from pyingest.cleaning.examples import Part
from pyingest.cleaning.rules import RULES, Rule


def table() -> str:
    """Return the rules as a table in Markdown."""
    head = "| rule | name in counts | what | before | after | source |\n|---|---|---|---|---|---|\n"
    return head + "".join(_row(rule) for rule in RULES)


def _row(rule: Rule) -> str:
    example = rule.example
    before, after = (_shortened(text) for text in (example.before, example.after))
    after = f"envelope {after}" if example.part is Part.ENVELOPED else after
    before += " (strict)" if example.strict else ""
    before += f" from {example.address}" if example.address else ""
    cells = (rule.number, rule.name, rule.summary, before, after, rule.source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _shortened(text: str) -> str:
    """Return *text* as code, with a run of one letter told by its length."""
    return "`" + re.sub(r"x{20,}", lambda run: f"x… ({len(run.group())})", text) + "`"
