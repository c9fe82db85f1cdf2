"""From findings to causes: each difference gets a quirk, a signature, and a share in a verdict."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compare.clients.notices import Effect, notices
from compare.differing.canonical import Content, parse
from compare.differing.difference import Difference
from compare.differing.paths import Paths
from compare.differing.pattern import Pattern, pattern
from compare.differing.record import difference_record, told
from compare.differing.responses import is_success, response_differences
from compare.pairing.finding import STRANGERS, Finding
from compare.pairing.item import said_by
from compare.pairing.matching import FINDINGS
from compare.policy.acceptance import waiver
from compare.quirks.catalogue import explain
from compare.quirks.payload import Payload
from compare.quirks.quirk import Evidence
from compare.stages.cases import CaseWriter, case_line
from compare.stages.causes import Book, Group
from compare.stages.requests import Attributes, read, request_record, stratum
from compare.stages.rules import Rules
from compare.stages.samples import curl, shown
from compare.stages.scanning import Units
from compare.stages.shuffle import inbox
from compare.stages.tally import Example
from pyingest.message import Response
from pyingest.wire.term import Object
from shadow.exchange import Answered, Exchange, Failed, NotMirrored, Outcome
from shadow.recording import RunReader

EXCUSE = "legacy never answered; set aside"
"""Stands where the key of an acceptance would: nobody had to accept this."""
CASES = "cases"
"""What the files of findings are called, each of one partition."""


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
    """Distinct requests in which each acceptance applied, by its key."""
    strata: Counter[str] = field(default_factory=Counter)
    """Events with a difference that nobody accepted, by the batch size of their requests."""
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
        self.strata += other.strata
        self.tokens |= other.tokens


class Explaining:
    """Takes the exchanges of one partition with what was found about each.

    :param keep: takes each finding as a line, for questions asked later.
    """

    def __init__(self, rules: Rules, paths: Paths, keep: Callable[[bytes], None]) -> None:
        self.found = Explained()
        self._rules = rules
        self._paths = paths
        self._keep = keep
        self._waiver = waiver(rules.accept)
        self._open: dict[str, dict[int, bool]] = defaultdict(dict)
        """For queue, answers and failures: the distinct requests that differ, and whether any
        difference is not accepted."""
        self._waved: dict[str, set[int]] = defaultdict(set)
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
        case.queued = max(0, case.carries - sum(not one.queued for one in findings))
        is_open = [
            self._note(case, one, "excused" if case.excuses(one) else "queue")
            for one in findings
            if one.differences
        ]
        if answers:
            ours, theirs = _told(exchange.legacy), _told(candidate)
            finding = Finding(exchange.number, tuple(answers), ours, theirs)
            judged = "answers" if case.has_answer else "failures"
            excused = isinstance(exchange.legacy, Failed)
            is_open.append(self._note(case, finding, "excused" if excused else judged))
        if any(is_open):
            self.found.differed += not isinstance(candidate, Failed)
        self._count_claims(case, candidate, findings)

    def stranger(self, finding: Finding) -> None:
        """Take a finding whose request is not known; it counts as a request of its own."""
        said = said_by(finding.legacy or finding.candidate or b"")
        unit = -1 - self._strangers.setdefault(said, len(self._strangers))
        self._note(Case(unit, None), finding, "queue")

    def finish(self) -> Explained:
        """Return what was found in all."""
        found, judged = self.found, self._open
        judged.pop("excused", None)
        found.queue = sum(judged["queue"].values())
        found.responses = sum(judged["answers"].values())
        found.waved = Counter({key: len(units) for key, units in self._waved.items()})
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
        """Sort the differences of one finding into groups; return whether one is not accepted."""
        excuse = EXCUSE if judged == "excused" else None
        sorted_ = [self._sort(case, finding, each, excuse) for each in finding.differences]
        self.found.kinds.update({difference.kind.value for difference in finding.differences})
        noticed = case.noticed() if judged != "queue" else ()
        for group in {id(one): one for one, _ in sorted_}.values():
            case.count(finding, group)
            group.clients.update(noticed)
            if group.accepted is not None and excuse is None:
                self._waved[group.accepted].add(case.unit)
        is_open = any(group.accepted is None for group, _ in sorted_)
        units = self._open[judged]
        units[case.unit] = units.get(case.unit, False) or is_open
        if is_open:
            self._count_open(case, judged)
        titles = {group.signature: group.pattern.title for group, _ in sorted_}
        self._keep(case_line(finding, case.record, [told for _, told in sorted_], titles))
        return is_open

    def _count_open(self, case: "Case", judged: str) -> None:
        if case.token:
            self.found.tokens.add(case.token)
        if judged == "queue" and case.attributes is not None:
            self.found.strata[stratum(case.attributes)] += 1

    def _sort(
        self, case: "Case", finding: Finding, difference: Difference, excuse: str | None
    ) -> tuple[Group, dict[str, Any]]:
        """Return the group of a difference, and the difference as plain values."""
        quirk = explain(
            Evidence(
                difference,
                case.payload,
                case.has_answer,
                finding.has_server_time,
                queued=case.queued,
            )
        )
        path = self._paths.template(difference.path)
        endpoint = case.endpoint or _endpoint(finding)
        which = pattern(difference, path, endpoint, quirk)
        accepted = excuse or self._accepted(case, finding, difference, which)
        group = self.found.book.group(which, accepted)
        plain = told(difference) | {"cause": group.signature}
        return group, plain | ({"quirk": which.quirk} if which.quirk else {})

    def _accepted(
        self, case: "Case", finding: Finding, difference: Difference, which: Pattern
    ) -> str | None:
        if not self._rules.accept:
            return None
        record = difference_record(
            difference,
            finding.legacy,
            finding.candidate,
            lambda: case.record,
            self._waiver.roots,
        )
        return self._waiver.accepts(record, which.signature)


class Case:
    """An exchange under examination, or an event without a known request."""

    def __init__(self, unit: int, whole: Exchange | None) -> None:
        self.unit = unit
        self.whole = whole
        self.payload: Payload | None = None
        self.attributes: Attributes | None = None
        self.endpoint = self.token = ""
        self.record: dict[str, object] = {}
        self.has_answer = True
        self.carries = self.queued = self.size = 0
        if whole is not None:
            request = whole.request
            reading = read(request)
            self.payload = Payload(request)
            self.attributes, self.token = reading.attributes, reading.token
            self.endpoint = reading.endpoint
            self.record = request_record(request, reading)
            self.carries = len(reading.keys)
            self.has_answer = isinstance(whole.candidate, Answered)
            self.size = len(request.target) + len(request.body)

    def excuses(self, finding: Finding) -> bool:
        """Say whether legacy never answered, so that it is no fault to queue what it has not."""
        failed = self.whole is not None and isinstance(self.whole.legacy, Failed)
        return failed and finding.legacy is None

    def noticed(self) -> tuple[tuple[Effect, str], ...]:
        """Return which clients would notice that the candidate answered otherwise, and how."""
        if self.whole is None or isinstance(self.whole.candidate, NotMirrored):
            return ()
        legacy, candidate = self.whole.legacy, self.whole.candidate
        found = notices(self.whole.request, _response(legacy), _response(candidate))
        return tuple((one.effect, one.client) for one in found)

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
    cases = CaseWriter(work / f"{CASES}-{number:04d}")
    task, units = Explaining(rules, paths, cases.add), Units()
    for exchange in RunReader(directory).exchanges(number):
        if exchange.at <= until and not isinstance(exchange.candidate, NotMirrored):
            task.exchange(units.of(exchange), exchange, findings.get(exchange.number, ()))
    cases.close()
    return task.finish()


def explain_strangers(rules: Rules, paths: Paths, work: Path) -> Explained:
    """Return what the findings amount to that belong to no known exchange."""
    cases = CaseWriter(work / f"{CASES}-strangers")
    task = Explaining(rules, paths, cases.add)
    for finding in inbox(work, FINDINGS, STRANGERS, Finding):
        task.stranger(finding)
    cases.close()
    return task.finish()


def merged(parts: Iterable[Explained]) -> Explained:
    """Return what all *parts* amount to together."""
    whole = Explained()
    for part in parts:
        whole.merge(part)
    return whole


def _response(outcome: Outcome) -> Response | None:
    return outcome.response if isinstance(outcome, Answered) else None


def _told(outcome: object) -> bytes | None:
    return outcome.response.body if isinstance(outcome, Answered) else None


def _endpoint(finding: Finding) -> str:
    """Return the endpoint that an event without a known request must have come through."""
    term = parse(finding.legacy or finding.candidate or b"")
    has_properties = isinstance(term, dict | Object) and term.get("properties") is not None
    return "track" if has_properties else "engage"
