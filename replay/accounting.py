"""Where every line of the log and every request went: one bucket each, and the sums close."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from replay.durations import Durations, Quantiles
from replay.entry import Entry, Malformed, Parsed, Unreplayable
from shadow.exchange import Answered, Failed, Outcome

EXAMPLES = 20
LATE = 0.005
"""Seconds. Where more than one request in a hundred left later than this, the load was not the
one that was asked for, and its latencies tell of the sender."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a replay."""

    target: str
    mode: str
    """The pace, in words."""
    closed: bool
    """Whether requests waited for answers: then ``service`` alone means something."""
    stopped: str
    """Why it ended before the log did; empty if it did not."""
    seconds: float
    """From the first due time until the last answer."""
    lines: int
    malformed: int
    malformed_examples: tuple[str, ...]
    """``FILE:LINE: why`` of the first of them."""
    unreplayable: dict[str, int]
    """Lines by why they cannot be sent again."""
    replayable: int
    left_out: int
    """Replayable lines that were not sent: beyond the limit, not drawn, or the replay stopped."""
    repeats: int
    """Requests that were sent before in this replay."""
    sent: int
    answered: dict[int, int]
    """Answers by status."""
    failed: dict[str, int]
    """Requests without an answer, by kind of failure."""
    unanswered: int
    """Requests that were under way when the replay gave up waiting."""
    most_in_flight: int
    response: Quantiles
    """From the moment a request was due until it was answered."""
    service: Quantiles
    """From the moment a request was handed over until it was answered."""
    lateness: Quantiles
    """From the moment a request was due until it was handed over."""

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return sum(self.answered.values()) / self.seconds if self.seconds else 0.0

    @property
    def on_time(self) -> bool:
        """Whether the schedule was held; a closed loop has none to miss."""
        return self.closed or self.lateness.p99 <= LATE

    @property
    def in_flight(self) -> float:
        """How many requests were under way on average, by Little's law."""
        return self.throughput * self.service.mean

    def remainder(self) -> int:
        """Return how many lines and requests are in no bucket; anything but 0 is a defect."""
        lines = self.lines - self.malformed - sum(self.unreplayable.values()) - self.replayable
        entries = self.replayable + self.repeats - self.left_out - self.sent
        ended = sum(self.answered.values()) + sum(self.failed.values()) + self.unanswered
        return abs(lines) + abs(entries) + abs(self.sent - ended)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is."""

    seconds: float
    read: int
    sent: int
    answered: int
    failed: int
    in_flight: int
    p50: float
    """Seconds of response time, of the latest thousand answers."""
    p99: float


class Accounting:
    """Counts as a replay goes on."""

    def __init__(self) -> None:
        self.lines = 0
        self.replayable = 0
        self.sent = 0
        self.in_flight = 0
        self._most_in_flight = 0
        self._malformed = 0
        self._examples: list[str] = []
        self._unreplayable: Counter[str] = Counter()
        self._distinct: set[int] = set()
        self._repeats = 0
        self.answered: Counter[int] = Counter()
        self.failed: Counter[str] = Counter()
        self._recent: deque[float] = deque(maxlen=1000)
        self._response, self._service, self._lateness = Durations(), Durations(), Durations()

    def read(self, parsed: Iterable[Parsed]) -> Iterator[Entry]:
        """Count every line; yield those that can be replayed."""
        for line in parsed:
            self.lines += 1
            match line:
                case Entry():
                    self.replayable += 1
                    yield line
                case Unreplayable(_, why):
                    self._unreplayable[why] += 1
                case Malformed(where, why):
                    self._malformed += 1
                    if len(self._examples) < EXAMPLES:
                        self._examples.append(f"{where}: {why}")

    def begin(self, entry: Entry, late: float, may_repeat: bool) -> None:
        """Count a request that is handed over, *late* seconds after it was due."""
        if may_repeat:
            self._repeats += id(entry) in self._distinct
            self._distinct.add(id(entry))  # the order holds all entries, so an id stays one
        self.sent += 1
        self.in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self.in_flight)
        self._lateness.add(late)

    def end(self, outcome: Outcome, late: float, seconds: float) -> None:
        """Count what became of a request.

        :param late: seconds from its due time until it was handed over.
        :param seconds: from then until this outcome. Longer than what the outcome itself tells,
            which does not count the wait for a connection.
        """
        self.in_flight -= 1
        match outcome:
            case Answered(response, _):
                self.answered[response.status] += 1
                self._service.add(seconds)
                self._response.add(late + seconds)
                self._recent.append(late + seconds)
            case Failed(kind):
                self.failed[kind.value] += 1

    def progress(self, seconds: float) -> Progress:
        """Return how far the replay is, *seconds* after its start.

        The quantiles are those of the latest answers: a histogram's take long to work out, and
        this is asked for while requests are due.
        """
        times = sorted(self._recent) or [0.0]
        return Progress(
            seconds,
            self.lines,
            self.sent,
            sum(self.answered.values()),
            sum(self.failed.values()),
            self.in_flight,
            times[len(times) // 2],
            times[len(times) * 99 // 100],
        )

    def result(self, target: str, mode: str, closed: bool, stopped: str, seconds: float) -> Result:
        """Return the account; what is still under way is booked as unanswered."""
        return Result(
            target=target,
            mode=mode,
            closed=closed,
            stopped=stopped,
            seconds=seconds,
            lines=self.lines,
            malformed=self._malformed,
            malformed_examples=tuple(self._examples),
            unreplayable=dict(self._unreplayable),
            replayable=self.replayable,
            left_out=self.replayable - self.sent + self._repeats,
            repeats=self._repeats,
            sent=self.sent,
            answered=dict(self.answered),
            failed=dict(self.failed),
            unanswered=self.in_flight,
            most_in_flight=self._most_in_flight,
            response=self._response.quantiles(),
            service=self._service.quantiles(),
            lateness=self._lateness.quantiles(),
        )
