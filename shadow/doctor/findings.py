"""What a check found: fine, worth a look, or in the way; and what to do about it."""

import enum
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


class Level(enum.StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """A dual run works, but may disappoint."""
    PROBLEM = "problem"
    """A dual run does not start, or cannot be believed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    """What was looked at: ``python``, ``legacy``, ``open files`` ..."""
    level: Level
    said: str
    todo: str = ""
    """What to do; empty if there is nothing to do."""


def ok(check: str, said: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Level.OK, said)


def warning(check: str, said: str, todo: str) -> Finding:
    """Return a finding that is worth a look."""
    return Finding(check, Level.WARNING, said, todo)


def problem(check: str, said: str, todo: str) -> Finding:
    """Return a finding that is in the way."""
    return Finding(check, Level.PROBLEM, said, todo)


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return the findings as lines of text, and how many there are of each level at the end."""
    width = max((len(one.check) for one in findings), default=0)
    lines = []
    for one in findings:
        lines.append(f"{one.level.value:<8} {one.check:<{width}}  {one.said}")
        if one.todo:
            lines.append(f"{'':<8} {'':<{width}}  -> {one.todo}")
    counts = ", ".join(f"{count(findings, level)} {level.value}" for level in Level)
    return [*lines, counts]


def count(findings: Sequence[Finding], level: Level) -> int:
    """Return how many findings are of *level*."""
    return sum(one.level is level for one in findings)


def finding_dicts(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings for JSON."""
    return [asdict(one) for one in findings]
