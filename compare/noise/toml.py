"""Learned noise rules as the piece of a policy file that a person reads, checks and pastes."""

import json
from collections.abc import Iterable

from compare.noise.rules import Calibrated, FieldRule
from compare.render.visible import escaped


def render_rules(rules: Iterable[tuple[FieldRule, str]]) -> str:
    """Return ``[[noise.field]]`` tables; with each rule goes a remark, empty for none."""
    return "\n".join(_table(rule, remark) for rule, remark in rules)


def _table(rule: FieldRule, remark: str) -> str:
    lines = [f"# {remark}"] if remark else []
    lines += [
        "[[noise.field]]",
        f"endpoint = {quoted(rule.endpoint)}",
        f"path = {quoted(rule.path)}",
        f"class = {quoted(rule.class_)}",
    ]
    for key in ("type", "pattern"):
        value: str | None = getattr(rule, key)
        if value is not None:
            lines.append(f"{key} = {quoted(value)}")
    if rule.length is not None:
        lines.append(f"length = [{rule.length[0]}, {rule.length[1]}]")
    if rule.at_most is not None:
        lines.append(f"at_most = {rule.at_most!r}")
    if rule.band is not None:
        lines.append(f"band = [{rule.band[0]!r}, {rule.band[1]!r}]")
    if rule.calibrated is not None:
        lines.append(f"calibrated = {_evidence(rule.calibrated)}")
    return "\n".join(lines) + "\n"


def _evidence(known: Calibrated) -> str:
    return f"{{ events = {known.events}, seen = {known.seen}, differed = {known.differed} }}"


def quoted(text: str) -> str:
    """Return *text* as a TOML string; a literal one where that saves doubled backslashes."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    written = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else escaped(letter) for letter in written)


def can_be_written(rule: FieldRule) -> bool:
    """Say whether a file in UTF-8 can hold *rule*: half a surrogate pair in a key has no form."""
    try:
        rule.path.encode()
    except UnicodeEncodeError:
        return False
    return True
