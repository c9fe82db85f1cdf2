"""From findings to causes: each difference gets a quirk, a signature, and a share in a verdict."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compare.differing.canonical import Content
from compare.differing.difference import Difference
from compare.differing.paths import Paths
from compare.differing.pattern import Pattern, pattern
from compare.differing.record import difference_record, told
from compare.differing.responses import is_success, response_differences
from compare.pairing.finding import STRANGERS, Finding
from compare.pairing.item import said_by, term_of
from compare.pairing.matching import FINDINGS
from compare.policy.acceptance import waiver
from compare.quirks.catalogue import explain
from compare.quirks.quirk import Evidence
from compare.stages.cases import CaseWriter, case_line
from compare.stages.causes import Group
from compare.stages.examining import Case, body_of
from compare.stages.explained import Explained
from compare.stages.requests import stratum
from compare.stages.rules import Rules
from compare.stages.scanning import Units
from compare.stages.shuffle import inbox
from pyingest.wire.term import Object
from shadow.exchange import Exchange, Failed, Outcome
from shadow.recording import RunReader

EXCUSE = "legacy never answered; set aside"
"""Stands where the key of an acceptance would: nobody had to accept this."""
CASES = "cases"
"""What the files of findings are called, each of one partition."""


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
        """Take an exchange, and what was found about its events."""
        if exchange.outcomes is None:
            for one in findings:
                self._note(Case(unit, exchange), one, "queue")
            return
        legacy, candidate = exchange.outcomes
        answers = response_differences(legacy, candidate, self._rules.headers)
        if not findings and not answers:
            return
        case = Case(unit, exchange)
        case.queued = max(0, case.carries - sum(not one.queued for one in findings))
        is_open = [
            self._note(case, one, "excused" if case.excuses(one) else "queue")
            for one in findings
            if one.differences
        ]
        self.found.excused += sum(case.excuses(one) for one in findings if one.differences)
        if answers:
            ours, theirs = body_of(legacy), body_of(candidate)
            finding = Finding(exchange.number, tuple(answers), ours, theirs)
            judged = "answers" if case.has_answer else "failures"
            excused = isinstance(legacy, Failed)
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

    def _count_claims(self, case: Case, candidate: Outcome, findings: Sequence[Finding]) -> None:
        """Count an answer that says otherwise than the queue."""
        claims = is_success(candidate)
        queued = any(finding.queued for finding in findings)
        if claims is False and queued:
            self.found.queued_not_answered += 1
        if claims is True and not queued:
            gone = sum(not finding.queued for finding in findings)
            self.found.answered_not_queued += gone >= max(1, case.carries)

    def _note(self, case: Case, finding: Finding, judged: str) -> bool:
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

    def _count_open(self, case: Case, judged: str) -> None:
        if case.token:
            self.found.tokens.add(case.token)
        if judged == "queue" and case.attributes is not None:
            self.found.strata[stratum(case.attributes)] += 1

    def _sort(
        self, case: Case, finding: Finding, difference: Difference, excuse: str | None
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
        self, case: Case, finding: Finding, difference: Difference, which: Pattern
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
        found = findings.get(exchange.number, ())
        if exchange.at <= until and (exchange.outcomes is not None or found):
            task.exchange(units.of(exchange), exchange, found)
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


def _endpoint(finding: Finding) -> str:
    """Return the endpoint that an event without a known request must have come through."""
    term = term_of(finding.legacy or finding.candidate or b"")
    has_properties = isinstance(term, dict | Object) and term.get("properties") is not None
    return "track" if has_properties else "engage"
