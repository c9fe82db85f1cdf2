"""From findings to causes: each difference gets a quirk, a signature, and a share in a verdict."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compare.canonical import Content, parse
from compare.causes import Book, Group
from compare.difference import Difference
from compare.finding import STRANGERS, Finding
from compare.item import said_by
from compare.matching import FINDINGS
from compare.paths import Paths
from compare.pattern import pattern
from compare.payload import Payload
from compare.quirk import Evidence
from compare.quirks import explain
from compare.requests import Attributes, endpoint_of, read
from compare.responses import is_success, response_differences
from compare.rules import Rules
from compare.samples import curl, shown
from compare.scanning import Units
from compare.shuffle import inbox
from compare.tally import Example
from pyingest.wire.term import Object
from shadow.exchange import Answered, Exchange, Failed, NotMirrored, Outcome
from shadow.recording import RunReader


@dataclass(slots=True)
class Explained:
    """What the findings of a partition amount to; parts merge in any order."""

    book: Book = field(default_factory=Book)
    kinds: Counter[str] = field(default_factory=Counter)
    """Differences by kind, in events and answers."""
    queue: int = 0
    """Distinct requests that differ in events, in a way that nobody accepted."""
    responses: int = 0
    """The same for answers."""
    accepted: int = 0
    """Distinct requests that differ in accepted ways only."""
    differed: int = 0
    """Exchanges that the candidate answered, with a difference that nobody accepted."""
    answered_not_queued: int = 0
    queued_not_answered: int = 0
    waved: Counter[str] = field(default_factory=Counter)
    """How often each accepted signature applied."""
    tokens: set[str] = field(default_factory=set)
    """Projects with a difference that nobody accepted."""

    def merge(self, other: "Explained") -> None:
        """Add what *other* counted."""
        self.book.merge(other.book)
        self.kinds += other.kinds
        self.queue += other.queue
        self.responses += other.responses
        self.accepted += other.accepted
        self.differed += other.differed
        self.answered_not_queued += other.answered_not_queued
        self.queued_not_answered += other.queued_not_answered
        self.waved += other.waved
        self.tokens |= other.tokens


class Explaining:
    """Takes the exchanges of one partition with what was found about each."""

    def __init__(self, rules: Rules, paths: Paths) -> None:
        self.found = Explained()
        self._rules = rules
        self._paths = paths
        self._open: dict[str, dict[int, bool]] = defaultdict(dict)
        """For queue, answers and failures: the distinct requests that differ, and whether any
        difference is not accepted."""
        self._strangers: dict[Content, int] = {}

    def exchange(self, unit: int, exchange: Exchange, findings: Sequence[Finding]) -> None:
        """Take an exchange that the candidate got, and what was found about its events."""
        candidate = exchange.candidate
        if isinstance(candidate, NotMirrored):
            return
        answers = response_differences(exchange.legacy, candidate, self._rules.headers)
        if not findings and not answers:
            return
        case = Case(unit, exchange)
        accepted = [
            self._note(case, finding, "queue") for finding in findings if finding.differences
        ]
        if answers:
            ours, theirs = _told(exchange.legacy), _told(candidate)
            finding = Finding(exchange.number, tuple(answers), ours, theirs)
            judged = "answers" if case.has_answer else "failures"
            accepted.append(self._note(case, finding, judged))
        if not all(accepted):
            self.found.differed += not isinstance(candidate, Failed)
            if case.token:
                self.found.tokens.add(case.token)
        self._count_claims(case, candidate, findings)

    def stranger(self, finding: Finding) -> None:
        """Take a finding whose request is not known; it counts as a request of its own."""
        said = said_by(finding.legacy or finding.candidate or b"")
        unit = -1 - self._strangers.setdefault(said, len(self._strangers))
        self._note(Case(unit, None), finding, "queue")

    def finish(self) -> Explained:
        """Return what was found in all."""
        found, judged = self.found, self._open
        found.queue = sum(judged["queue"].values())
        found.responses = sum(judged["answers"].values())
        touched = {unit for units in judged.values() for unit in units if unit >= 0}
        found.accepted = sum(
            not any(units.get(unit, False) for units in judged.values()) for unit in touched
        )
        return found

    def _count_claims(self, case: "Case", candidate: Outcome, findings: Sequence[Finding]) -> None:
        """Count an answer that says otherwise than the queue."""
        claims = is_success(candidate)
        queued = any(finding.queued for finding in findings)
        if claims is False and queued:
            self.found.queued_not_answered += 1
        if claims is True and not queued:
            gone = sum(not finding.queued for finding in findings)
            self.found.answered_not_queued += gone >= max(1, case.carries)

    def _note(self, case: "Case", finding: Finding, judged: str) -> bool:
        """Sort the differences of one finding into groups; return whether all are accepted."""
        groups: dict[str, Group] = {}
        for difference in finding.differences:
            group = self._group(case, finding, difference)
            groups[group.signature] = group
        self.found.kinds.update({difference.kind.value for difference in finding.differences})
        for signature, group in groups.items():
            case.count(finding, group)
            if signature in self._rules.accepted:
                self.found.waved[signature] += 1
        is_open = bool(groups.keys() - self._rules.accepted.keys())
        units = self._open[judged]
        units[case.unit] = units.get(case.unit, False) or is_open
        return not is_open

    def _group(self, case: "Case", finding: Finding, difference: Difference) -> Group:
        quirk = explain(
            Evidence(difference, case.payload, case.has_answer, finding.has_server_time)
        )
        path = self._paths.template(difference.path)
        endpoint = case.endpoint or _endpoint(finding)
        return self.found.book.group(pattern(difference, path, endpoint, quirk))


class Case:
    """An exchange under examination, or an event without a known request."""

    def __init__(self, unit: int, whole: Exchange | None) -> None:
        self.unit = unit
        self.whole = whole
        self.payload: Payload | None = None
        self.attributes: Attributes | None = None
        self.endpoint = self.token = ""
        self.has_answer = True
        self.carries = self.size = 0
        if whole is not None:
            request = whole.request
            reading = read(request)
            self.payload = Payload(request)
            self.attributes, self.token = reading.attributes, reading.token
            self.endpoint = endpoint_of(request)
            self.carries = len(reading.keys)
            self.has_answer = isinstance(whole.candidate, Answered)
            self.size = len(request.target) + len(request.body)

    def count(self, finding: Finding, group: Group) -> None:
        """Count a finding of this case in *group*."""
        group.units.add(self.unit)
        group.events += 1
        if self.attributes is not None:
            group.note(self.attributes)
        size = len(finding.legacy or b"") + len(finding.candidate or b"") + self.size
        mark = (finding.legacy or b"") + b"\n" + (finding.candidate or b"")
        number = self.whole.number if self.whole else 0
        group.samples.offer(number, size, mark, lambda: self._example(finding))

    def _example(self, finding: Finding) -> Example:
        return Example(
            request=curl(self.whole.request) if self.whole else "",
            legacy=shown(finding.legacy),
            candidate=shown(finding.candidate),
            differences=finding.differences,
            number=self.whole.number if self.whole else None,
        )


def explain_partition(
    directory: Path, number: int, rules: Rules, paths: Paths, work: Path, until: float = math.inf
) -> Explained:
    """Return what the findings about the exchanges of partition *number* amount to.

    :param until: epoch seconds; later exchanges are left out.
    """
    findings: dict[int, list[Finding]] = defaultdict(list)
    for finding in inbox(work, FINDINGS, number, Finding):
        findings[finding.number].append(finding)
    task, units = Explaining(rules, paths), Units()
    for exchange in RunReader(directory).exchanges(number):
        if exchange.at <= until and not isinstance(exchange.candidate, NotMirrored):
            task.exchange(units.of(exchange), exchange, findings.get(exchange.number, ()))
    return task.finish()


def explain_strangers(rules: Rules, paths: Paths, work: Path) -> Explained:
    """Return what the findings amount to that belong to no known exchange."""
    task = Explaining(rules, paths)
    for finding in inbox(work, FINDINGS, STRANGERS, Finding):
        task.stranger(finding)
    return task.finish()


def merged(parts: Iterable[Explained]) -> Explained:
    """Return what all *parts* amount to together."""
    whole = Explained()
    for part in parts:
        whole.merge(part)
    return whole


def _told(outcome: object) -> bytes | None:
    return outcome.response.body if isinstance(outcome, Answered) else None


def _endpoint(finding: Finding) -> str:
    """Return the endpoint that an event without a known request must have come through."""
    term = parse(finding.legacy or finding.candidate or b"")
    has_properties = isinstance(term, dict | Object) and term.get("properties") is not None
    return "track" if has_properties else "engage"
