"""Sums for those who look on while the quick way answers."""

from twisted.internet.task import Clock

from pyingest.event import Event
from pyingest.queues.interface import Outcome
from pyingest.serving.parts import Observed, Totals
from pyingest.serving.watching import AT_LAST, TOGETHER, Watching

GET = b"GET /track?data=x HTTP/1.1\r\n\r\n"
ONE = [Event("events", b'{"event":"e","properties":{"token":"T"}}')]


class Sums:
    """Wants sums only."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Totals]] = []

    def observe(self, seen: Observed) -> None:
        raise AssertionError("it is told of a request in one way")

    def observe_many(self, endpoint: str, totals: Totals) -> None:
        self.told.append((endpoint, totals))


class Details:
    """Wants each request."""

    def __init__(self) -> None:
        self.seen: list[Observed] = []

    def observe(self, seen: Observed) -> None:
        self.seen.append(seen)


def note(watching: Watching, outcome: Outcome = Outcome.STORED, endpoint: str = "track") -> None:
    watching.note(GET, "192.0.2.1", endpoint, 17, ONE, outcome, (), 0.25)


def test_sums_come_at_last_after_a_second() -> None:
    clock, sums = Clock(), Sums()
    watching = Watching(clock, [sums], {}, False)
    note(watching)
    note(watching)
    note(watching, endpoint="engage")
    assert not sums.told
    clock.advance(AT_LAST)
    assert [(name, one.size, one.stored, one.seconds) for name, one in sums.told] == [
        ("track", 34, 2, [0.25, 0.25]),
        ("engage", 17, 1, [0.25]),
    ]
    assert not clock.getDelayedCalls()


def test_sums_of_many_requests_come_at_once() -> None:
    sums = Sums()
    watching = Watching(Clock(), [sums], {}, False)
    for _ in range(TOGETHER):
        note(watching)
    assert [one.stored for _, one in sums.told] == [TOGETHER]


def test_a_bad_outcome_is_told_at_once() -> None:
    sums = Sums()
    watching = Watching(Clock(), [sums], {}, False)
    note(watching, Outcome.REFUSED)
    assert [(one.stored, one.others) for _, one in sums.told] == [(0, [Outcome.REFUSED])]


def test_who_wants_each_request_is_told_of_each() -> None:
    sums, details = Sums(), Details()
    watching = Watching(Clock(), [sums, details], {b"/track": "track"}, True)
    note(watching)
    (seen,) = details.seen
    assert (seen.method, seen.path, seen.payload) == (b"GET", b"/track", b"data=x")
    assert seen.decision.tokens == ("T",)
    assert list(seen.outcomes) == [Outcome.STORED]
    watching.settle()
    assert [one.stored for _, one in sums.told] == [1]
