"""What came of an echo test, as values, text and JSON."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from shadow.doctor.differing import Change

SHOWN = 20
LONGEST = 160


@dataclass(frozen=True, slots=True)
class EchoDifference:
    """One thing that is not as it was, and is not documented."""

    kind: str
    """Of the conversation."""
    place: str
    """``legacy``, ``candidate`` (what it got) or ``client`` (what it heard)."""
    what: str
    before: bytes = b""
    after: bytes = b""


@dataclass(slots=True)
class EchoReport:
    """The result."""

    requests: Counter[str] = field(default_factory=Counter)
    """Requests by kind."""
    documented: Counter[str] = field(default_factory=Counter)
    """Changes made on purpose, by place and header."""
    differences: list[EchoDifference] = field(default_factory=list)
    left_out: int = 0
    """Requests of a corpus that no strict client sends."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing differed but what is documented, and something was sent."""
        return not self.differences and self.requests.total() > 0

    def change(self, kind: str, place: str, change: Change) -> None:
        """Note a change that is not documented."""
        self.differences.append(
            EchoDifference(kind, place, change.where, change.before, change.after)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "clean": self.is_clean,
            "requests": dict(self.requests),
            "left_out": self.left_out,
            "documented": dict(self.documented),
            "differences": [
                {
                    "kind": one.kind,
                    "place": one.place,
                    "what": one.what,
                    "before": one.before.decode("latin-1"),
                    "after": one.after.decode("latin-1"),
                }
                for one in self.differences
            ],
        }


def echo_lines(report: EchoReport) -> list[str]:
    """Return the report as lines of text: the result, what was sent, what was changed."""
    total = report.requests.total()
    count = len(report.differences)
    verdict = "nothing differs but what is documented" if report.is_clean else _trouble(count)
    lines = [f"echo: {total:,} requests over the proxy to two servers: {verdict}"]
    lines += [f"  sent        {count:>6,}  {kind}" for kind, count in report.requests.most_common()]
    if report.left_out:
        lines.append(f"  left out    {report.left_out:>6,}  that no strict client sends")
    lines += [f"  documented  {many:>6,}  {name}" for name, many in report.documented.items()]
    for one in report.differences[:SHOWN]:
        lines.append(f"  {one.place}, {one.kind}: {one.what}")
        lines += [f"    before {_short(one.before)}", f"    after  {_short(one.after)}"]
    if count > SHOWN:
        lines.append(f"  and {count - SHOWN:,} more; --json shows all")
    return lines


def _trouble(count: int) -> str:
    return f"{count:,} differences" if count else "nothing was sent"


def _short(data: bytes) -> str:
    return repr(data) if len(data) <= LONGEST else f"{data[:LONGEST]!r}... ({len(data)} bytes)"
