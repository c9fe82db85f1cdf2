"""An answer to a reviewer's question, as text and as plain data."""

from typing import Any

import msgspec

from compare.render.visible import visible
from compare.stages.asking import Answer
from compare.stages.cases import CaseLine


def answer_text(answer: Answer) -> str:
    """Return the answer for a terminal."""
    lines = [
        answer.expression,
        f"true of {answer.matching:,} of {answer.findings:,} findings, "
        f"in {len(answer.requests):,} requests",
    ]
    if answer.unclear:
        lines += [f"it has no value for {answer.unclear:,} findings; the first one:", answer.why]
    for signature, count in _causes(answer):
        lines.append(f"{count:>9,}  {signature}  {visible(answer.titles[signature])}")
    for case in answer.examples:
        lines += ["", *_example(case)]
    return "\n".join(lines)


def answer_data(answer: Answer) -> dict[str, Any]:
    """Return the answer as plain data."""
    return {
        "where": answer.expression,
        "findings": answer.findings,
        "matching": answer.matching,
        "requests": len(answer.requests),
        "unclear": answer.unclear,
        "causes": [
            {"signature": signature, "title": answer.titles[signature], "findings": count}
            for signature, count in _causes(answer)
        ],
        "examples": [msgspec.to_builtins(case) for case in answer.examples],
    }


def _causes(answer: Answer) -> list[tuple[str, int]]:
    return sorted(answer.causes.items(), key=lambda item: (-item[1], item[0]))


def _example(case: CaseLine) -> list[str]:
    where = f"request {case.n}" if case.n else "no known request"
    lines = [f"{where}: {case.request.get('method', '')} {case.request.get('path', '')}".rstrip()]
    for one in case.diff:
        sides = f"{one.get('legacy', '-')} -> {one.get('candidate', '-')}"
        lines.append(f"  {one['kind']} {one['path']}: {sides}")
    for name, body in (("legacy", case.legacy), ("candidate", case.candidate)):
        if body is not None:
            lines.append(f"  {name:9} {body[:300]}")
    return [visible(line) for line in lines]
