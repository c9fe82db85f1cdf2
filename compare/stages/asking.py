"""A reviewer's question about a run: which of the findings is an expression true of?"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec

from compare.expression.error import EvaluationError
from compare.expression.evaluating import Expression
from compare.stages.cases import NAME, CaseLine, first_line, read_cases, roots_of
from compare.stages.rules import Rules
from shadow.recording import RunReader
from shadow.segments import Segment

FORMAT = 1
SHOWN = 5
"""Examples that an answer gives."""


@dataclass(slots=True)
class Answer:
    """What of a run's findings an expression is true of."""

    expression: str
    findings: int = 0
    """Findings of the run in all: pairs that differ, lone events, answers that differ."""
    matching: int = 0
    requests: set[int] = field(default_factory=set)
    """Numbers of the exchanges with a match."""
    causes: dict[str, int] = field(default_factory=dict)
    """Matching findings by the signature of their causes."""
    titles: dict[str, str] = field(default_factory=dict)
    unclear: int = 0
    """Findings for which the expression has no value: ``and`` of a text, for one."""
    why: str = ""
    """The first such case, in words."""
    examples: list[CaseLine] = field(default_factory=list)


def ask(path: Path, expression: Expression) -> Answer:
    """Return what of the findings in the file *path* the expression is true of.

    :raises Cut: the file is damaged.
    """
    answer = Answer(expression.text)
    for case in read_cases(path):
        answer.findings += 1
        try:
            holds = expression.holds(roots_of(case, expression.roots))
        except EvaluationError as error:
            answer.unclear += 1
            answer.why = answer.why or str(error)
            continue
        if holds:
            _note(answer, case)
    return answer


def _note(answer: Answer, case: CaseLine) -> None:
    answer.matching += 1
    answer.titles.update(case.titles)
    if case.n:
        answer.requests.add(case.n)
    for signature in {one["cause"] for one in case.diff}:
        answer.causes[signature] = answer.causes.get(signature, 0) + 1
    shown = {example.n for example in answer.examples}
    if len(answer.examples) < SHOWN and (not case.n or case.n not in shown):
        answer.examples.append(case)


def keeper(directory: Path, label: bytes) -> Callable[[Iterable[Path]], None]:
    """Return what keeps the files of a comparison's findings, as one, in *directory*."""

    def keep(files: Iterable[Path]) -> None:
        partial = directory / f"{NAME}.partial"
        partial.unlink(missing_ok=True)
        head = Segment(partial)
        head.append(label)
        head.flush()
        with partial.open("ab") as whole:
            for file in files:
                with file.open("rb") as part:
                    shutil.copyfileobj(part, whole)
        partial.replace(directory / NAME)

    return keep


def label_of(run: RunReader, rules: Rules) -> bytes:
    """Return what a file of findings must begin with to belong to this run and these rules."""
    manifest = msgspec.json.encode(run.manifest)
    said = sha256(manifest + repr(rules).encode()).hexdigest()
    return msgspec.json.encode({"format": FORMAT, "of": said})


def is_fresh(directory: Path, label: bytes) -> bool:
    """Say whether the findings kept in *directory* are those that *label* names."""
    return first_line(directory / NAME) == label
