"""One exchange in which something differs, with all that explaining must know of it."""

from compare.clients.notices import Effect, notices
from compare.pairing.finding import Finding
from compare.quirks.payload import Payload
from compare.stages.causes import Group
from compare.stages.requests import Attributes, read, request_record
from compare.stages.samples import curl, shown
from compare.stages.tally import Example
from pyingest.message import Response
from shadow.exchange import Answered, Exchange, Failed, Outcome


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
        if self.whole is None or self.whole.outcomes is None:
            return ()
        legacy, candidate = self.whole.outcomes
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


def _response(outcome: Outcome) -> Response | None:
    return outcome.response if isinstance(outcome, Answered) else None


def body_of(outcome: object) -> bytes | None:
    return outcome.response.body if isinstance(outcome, Answered) else None
