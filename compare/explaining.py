"""From findings to causes: each difference gets a quirk, a signature, and a share in a verdict."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compare.canonical import Content, parse
from compare.causes import Book, Group
from compare.difference import Difference
from compare.item import said_by
from compare.linking import NOWHERE, Visit
from compare.matching import Finding
from compare.pattern import Templates, pattern
from compare.payload import Payload
from compare.quirk import Evidence
from compare.quirks import explain
from compare.samples import curl, shown
from compare.tally import Example
from pyingest.wire.term import Object
from shadow.exchange import Answered, Exchange


@dataclass(slots=True)
class Explaining:
    """Takes the exchanges in which something differs, with what was found about each."""

    templates: Templates
    accepted: Mapping[str, str]
    book: Book = field(default_factory=Book)
    kinds: dict[str, int] = field(default_factory=dict)
    queue: dict[int, bool] = field(default_factory=dict)
    """Distinct requests that differ in events; whether any difference is not accepted."""
    responses: dict[int, bool] = field(default_factory=dict)
    """The same for answers."""
    failures: dict[int, bool] = field(default_factory=dict)
    """The same for answers that the candidate did not give."""
    differing: set[int] = field(default_factory=set)
    """Places of exchanges with a difference that is not accepted."""
    waved: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often each accepted signature applied."""
    _strangers: dict[Content, int] = field(default_factory=dict)

    def exchange(
        self,
        place: int,
        visit: Visit,
        exchange: Exchange,
        findings: Sequence[Finding],
        answers: tuple[Difference, ...],
    ) -> None:
        """Take an exchange whose events or answers differ."""
        case = _Case(place, visit.unit, visit, exchange)
        for finding in findings:
            self._note(case, finding, self.queue)
        if answers:
            ours, theirs = _told(exchange.legacy), _told(exchange.candidate)
            judged = self.responses if case.has_answer else self.failures
            self._note(case, Finding(place, answers, ours, theirs), judged)

    def stranger(self, finding: Finding) -> None:
        """Take a finding whose request is not known; it counts as a request of its own."""
        said = said_by(finding.legacy or finding.candidate or b"")
        unit = -1 - self._strangers.setdefault(said, len(self._strangers))
        self._note(_Case(NOWHERE, unit, None, None), finding, self.queue)

    def _note(self, case: "_Case", finding: Finding, judged: dict[int, bool]) -> None:
        """Sort the differences of one finding into groups."""
        groups: dict[str, tuple[Group, list[Difference]]] = {}
        for difference in finding.differences:
            group = self._group(case, finding, difference)
            groups.setdefault(group.signature, (group, []))[1].append(difference)
        for kind in {difference.kind for difference in finding.differences}:
            self.kinds[kind.value] = self.kinds.get(kind.value, 0) + 1
        for signature, (group, _) in groups.items():
            self._count(case, finding, group)
            if signature in self.accepted:
                self.waved[signature] += 1
        open_ones = bool(groups.keys() - self.accepted.keys())
        judged[case.unit] = judged.get(case.unit, False) or open_ones
        if open_ones and case.place != NOWHERE:
            self.differing.add(case.place)

    def _group(self, case: "_Case", finding: Finding, difference: Difference) -> Group:
        quirk = explain(
            Evidence(difference, case.payload, case.has_answer, finding.has_server_time)
        )
        endpoint = case.visit.endpoint if case.visit else _endpoint(finding)
        path = self.templates.of(difference.path)
        return self.book.group(pattern(difference, path, endpoint, quirk))

    def _count(self, case: "_Case", finding: Finding, group: Group) -> None:
        group.units.add(case.unit)
        group.events += 1
        if case.visit is not None:
            group.note(case.visit.attributes)
        number = case.visit.number if case.visit else 0
        size = len(finding.legacy or b"") + len(finding.candidate or b"") + case.size
        group.samples.offer(number, size, lambda: case.example(finding))


@dataclass(slots=True)
class _Case:
    """An exchange under examination; all of it absent for an event without a known request."""

    place: int
    unit: int
    visit: Visit | None
    whole: Exchange | None
    payload: Payload | None = None
    has_answer: bool = True
    size: int = 0

    def __post_init__(self) -> None:
        if self.whole is not None:
            request = self.whole.request
            self.payload = Payload(request)
            self.has_answer = isinstance(self.whole.candidate, Answered)
            self.size = len(request.target) + len(request.body)

    def example(self, finding: Finding) -> Example:
        """Return this case for a reviewer to look at."""
        return Example(
            request=curl(self.whole.request) if self.whole else "",
            legacy=shown(finding.legacy),
            candidate=shown(finding.candidate),
            differences=finding.differences,
            number=self.visit.number if self.visit else None,
        )


def _told(outcome: object) -> bytes | None:
    return outcome.response.body if isinstance(outcome, Answered) else None


def _endpoint(finding: Finding) -> str:
    """Return the endpoint that an event without a known request must have come through."""
    term = parse(finding.legacy or finding.candidate or b"")
    has_properties = isinstance(term, dict | Object) and term.get("properties") is not None
    return "track" if has_properties else "engage"
