"""Every line and every request in one bucket."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.message import Response
from replay.accounting import EXAMPLES, Accounting, Result
from replay.entry import Entry, Malformed, Parsed, Unreplayable
from replay.testing import entry
from shadow.exchange import Answered, Failed, Failure, Outcome


def result(accounting: Accounting) -> Result:
    return accounting.result("127.0.0.1:80", "timed", False, "", 2.0)


LINES: st.SearchStrategy[Parsed] = st.one_of(
    st.builds(entry, st.integers(1, 99)),
    st.builds(Unreplayable, st.just(1), st.sampled_from(["no body", "refused"])),
    st.builds(Malformed, st.just("log:1"), st.just("torn")),
)
OUTCOMES: st.SearchStrategy[Outcome | None] = st.one_of(
    st.builds(Answered, st.builds(Response, st.sampled_from([200, 404])), st.floats(0, 1)),
    st.builds(Failed, st.sampled_from(Failure), st.just(""), st.floats(0, 1)),
    st.none(),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LINES, OUTCOMES, st.integers(0, 2))))
def test_sums_close_whatever_happens(steps: list[tuple[Parsed, Outcome | None, int]]) -> None:
    accounting = Accounting()
    lines = [line for line, _, _ in steps]
    for item, (_, outcome, times) in zip(lines, steps, strict=True):
        for read in accounting.read([item]):
            for _ in range(times):
                accounting.begin(read, 0.0, True)
                if outcome is not None:
                    accounting.end(outcome, 0.0, 0.1)
    account = result(accounting)
    assert account.remainder() == 0
    assert account.lines == len(lines)
    assert account.replayable == sum(isinstance(line, Entry) for line in lines)
    assert account.left_out == sum(
        isinstance(line, Entry) and not times for line, _, times in steps
    )
    assert account.repeats == account.sent - (account.replayable - account.left_out)


def test_lost_request_leaves_a_remainder() -> None:
    accounting = Accounting()
    (read,) = accounting.read([entry(1)])
    accounting.begin(read, 0.0, False)
    accounting.in_flight -= 1  # as a driver that forgot to report would
    assert result(accounting).remainder() == 1


def test_latency_counts_from_the_due_time_and_service_from_the_sending() -> None:
    accounting = Accounting()
    (read,) = accounting.read([entry(1)])
    accounting.begin(read, 2.0, False)
    accounting.end(Answered(Response(200), 0.4), 2.0, 0.5)
    account = result(accounting)
    assert round(account.response.p50, 2) == 2.5
    assert round(account.service.p50, 2) == 0.5
    assert round(account.lateness.p50, 2) == 2.0
    assert not account.on_time
    progress = accounting.progress(7.0)
    assert (progress.seconds, progress.p50, progress.p99) == (7.0, 2.5, 2.5)


def test_malformed_lines_are_all_counted_and_the_first_are_named() -> None:
    accounting = Accounting()
    lines = [Malformed(f"log:{number}", "torn") for number in range(100)]
    assert list(accounting.read(lines)) == []
    account = result(accounting)
    assert account.malformed == 100
    assert len(account.malformed_examples) == EXAMPLES
    assert account.malformed_examples[0] == "log:0: torn"


def test_throughput_and_mean_in_flight_obey_little_s_law() -> None:
    accounting = Accounting()
    for read in accounting.read([entry(number) for number in range(100)]):
        accounting.begin(read, 0.0, False)
        accounting.end(Answered(Response(200), 0.1), 0.0, 0.1)
    account = result(accounting)
    assert account.throughput == 50
    assert round(account.in_flight, 1) == 5.0
