"""What was observed is what the stats say: exactly, or between the bounds that they name."""

import random
from collections import Counter
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.event import Event
from pyingest.ingest import Decision, Rejected
from pyingest.message import Response
from pyingest.queues.interface import Outcome
from pyingest.traffic.observer import Traffic
from pyingest.traffic.senders import Senders
from pyingest.traffic.stats import Counts, Span, Stats, decode_stats, encode_stats
from pyingest.traffic.testing import steps

ANSWER = Response(200)
START = 1_800_000_000.0


class Clock:
    """A time that the test sets."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def decided(*tokens: str, refused: tuple[Rejected, ...] = (), body: bytes = b"{}") -> Decision:
    events = tuple(Event("events", body) for _ in tokens)
    return Decision(events, ANSWER, ANSWER, refused, tokens)


def stored(*tokens: str) -> dict[str, Any]:
    return {"decision": decided(*tokens), "outcomes": [Outcome.STORED] * len(tokens)}


def totals(stats: Stats, window: int) -> Counts:
    return stats.windows[window].tally.totals


def test_what_was_stored_refused_and_invalid_is_counted_apart() -> None:
    traffic = Traffic(Clock())
    bad = Rejected("track", "event, missing", b"{}", "b")
    decision = decided("a", "a", "b", refused=(bad,))
    outcomes = [Outcome.STORED, Outcome.FULL, Outcome.STORED]
    traffic.observe(decision, 400, outcomes, endpoint="track")
    tally = traffic.stats().since_start
    expected = Counts(requests=1, bytes=400, stored=2, unstored=1, invalid=1)
    assert tally.totals == tally.endpoints["track"] == expected
    assert tally.totals.records == 4
    assert tally.outcomes == {"stored": 2, "full": 1}
    assert tally.reasons == {"event, missing": 1}
    senders = {sender.token: sender for sender in tally.tokens.senders}
    assert senders["a"].records == Span(at_least=2, at_most=2)
    assert senders["b"].invalid == Span(at_least=1, at_most=1)
    assert senders["b"].reasons == {"event, missing": 1}
    assert senders["a"].bytes == senders["b"].bytes == Span(at_least=200, at_most=200)


def test_a_request_that_failed_to_be_published_counts_as_not_stored() -> None:
    traffic = Traffic(Clock())
    traffic.observe(decided("a", "b"), 100)
    assert traffic.stats().since_start.totals.unstored == 2


def test_records_without_a_token_count_under_the_empty_one() -> None:
    traffic = Traffic(Clock())
    events = (Event("events", b"1"), Event("events", b"2"))
    traffic.observe(Decision(events, ANSWER, ANSWER), 10, [Outcome.STORED] * 2)
    traffic.observe(Decision(events[:1], ANSWER, ANSWER), 10, [Outcome.STORED])
    (sender,) = traffic.stats().since_start.tokens.senders
    assert (sender.token, sender.records.at_least) == ("", 3)


def test_without_an_endpoint_the_queue_or_the_refusal_names_it() -> None:
    traffic = Traffic(Clock())
    traffic.observe(**stored("a"), request_bytes=1)
    traffic.observe(decided(refused=(Rejected("engage", "no"),)), 1)
    traffic.observe(decided(), 1)
    assert set(traffic.stats().since_start.endpoints) == {"events", "engage", ""}


def test_the_library_is_what_the_first_event_names() -> None:
    traffic = Traffic(Clock())
    bodies = [b'{"properties":{"mp_lib":"web"}}', b"{}", b'{"mp_lib":"' + b"x" * 40 + b'"}']
    for body in [*bodies, b'{"mp_lib":"cut']:
        traffic.observe(decided("a", body=body), 1, [Outcome.STORED])
    assert {name: c.requests for name, c in traffic.stats().since_start.libraries.items()} == {
        "web": 1
    }


def test_names_that_are_too_many_are_counted_as_other() -> None:
    traffic = Traffic(Clock())
    for number in range(500):
        traffic.observe(**stored("a"), request_bytes=1, endpoint=f"e{number}")
        refused = (Rejected("track", f"reason {number}", b"", "a"),)
        traffic.observe(decided(refused=refused), 1, endpoint="e0")
    tally = traffic.stats().since_start
    assert sum(counts.requests for counts in tally.endpoints.values()) == 1000
    assert len(tally.endpoints) <= 65
    assert "other" in tally.endpoints
    assert len(tally.reasons) <= 65
    assert sum(tally.reasons.values()) == 500
    assert len(tally.tokens.senders[0].reasons) <= 17


def test_a_window_forgets_what_is_older_than_it() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    traffic.observe(**stored("a"), request_bytes=10)
    for seconds, expected in ((50, [1, 1, 1]), (65, [0, 1, 1]), (400, [0, 0, 1]), (4000, [0] * 3)):
        clock.now = START + seconds
        stats = traffic.stats()
        assert [totals(stats, window).stored for window in range(3)] == expected
        assert stats.since_start.totals.stored == 1


def test_a_window_covers_no_more_than_it_says_nor_than_the_worker_has_lived() -> None:
    clock = Clock(START + 3)
    traffic = Traffic(clock)
    clock.now = START + 13
    assert [window.covered for window in traffic.stats().windows] == [10, 10, 10]
    clock.now = START + 7208
    assert [window.covered for window in traffic.stats().windows] == [58, 248, 3548]


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    traffic.observe(**stored("a"), request_bytes=1)
    clock.now = START - 3600
    traffic.observe(**stored("a"), request_bytes=1)
    assert traffic.stats().since_start.totals.stored == 2


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=40))
def test_a_window_holds_the_requests_of_the_time_it_covers(steps: list[tuple[int, int]]) -> None:
    clock = Clock()
    traffic = Traffic(clock)
    times: list[float] = []
    for wait, requests in steps:
        clock.now += wait
        for _ in range(requests):
            traffic.observe(**stored("a"), request_bytes=1)
        times += [clock.now] * requests
    stats = traffic.stats()
    for window in stats.windows:
        first = clock.now - window.covered
        assert window.tally.totals.requests == sum(when >= first for when in times)
        assert window.covered <= window.seconds


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 25), st.integers(1, 4), st.integers(0, 5000), st.booleans()),
        max_size=120,
    ),
    st.integers(1, 8),
)
def test_true_counts_lie_between_the_bounds(
    sent: list[tuple[int, int, int, bool]], capacity: int
) -> None:
    senders = Senders(capacity)
    records, sizes, invalid = Counter[str](), Counter[str](), Counter[str]()
    for number, count, size, bad in sent:
        token = f"t{number}"
        senders.add(token, count, size)
        records[token] += count
        sizes[token] += size
        if bad:
            senders.add_invalid(token, "no")
            invalid[token] += 1
    listed = senders.listed()
    assert len(listed.senders) <= capacity
    names = {sender.token for sender in listed.senders}
    for sender in listed.senders:
        for span, truth in (
            (sender.records, records),
            (sender.bytes, sizes),
            (sender.invalid, invalid),
        ):
            assert span.at_least <= truth[sender.token] <= span.at_most
    for token in records.keys() - names:
        assert records[token] <= listed.unlisted.records
        assert sizes[token] <= listed.unlisted.bytes
        assert invalid[token] <= listed.unlisted.invalid


def test_every_token_of_more_than_its_share_is_listed() -> None:
    rng = random.Random(5)
    senders = Senders(20)
    weight = Counter[str]()
    for _ in range(20_000):
        heavy = rng.random() < 0.3
        token = f"heavy{rng.randrange(3)}" if heavy else f"light{rng.randrange(5000)}"
        size = 40_000 if token == "heavy2" and rng.random() < 0.05 else 300
        senders.add(token, 1, size)
        weight[token] += 1 + (size >> 10)
    names = {sender.token for sender in senders.listed().senders}
    total = sum(weight.values())
    owed = {token for token, count in weight.items() if count > total / 20}
    assert owed == {"heavy0", "heavy1", "heavy2"}
    assert owed <= names


def test_as_long_as_tokens_are_few_every_count_is_exact() -> None:
    clock = Clock()
    traffic = Traffic(clock, capacity=10)
    truth = Counter[str]()
    rng = random.Random(1)
    for _ in range(3000):
        clock.now += 0.5
        token = f"t{rng.randrange(10)}"
        traffic.observe(**stored(token), request_bytes=100)
        truth[token] += 1
    listed = traffic.stats().since_start.tokens
    assert listed.unlisted.records == 0
    for sender in listed.senders:
        assert sender.records == Span(at_least=truth[sender.token], at_most=truth[sender.token])


def test_over_windows_the_bounds_hold_too() -> None:
    clock = Clock()
    traffic = Traffic(clock, capacity=8)
    truth = Counter[str]()
    rng = random.Random(2)
    for _ in range(4000):
        clock.now += 0.05
        token = f"t{int(rng.paretovariate(0.8))}"
        traffic.observe(**stored(token), request_bytes=100)
        truth[token] += 1
    listed = traffic.stats().since_start.tokens
    assert len(listed.senders) == 8
    names = {sender.token for sender in listed.senders}
    for sender in listed.senders:
        assert sender.records.at_least <= truth[sender.token] <= sender.records.at_most
    assert max(truth[token] for token in truth if token not in names) <= listed.unlisted.records


def test_stats_come_back_from_their_json() -> None:
    traffic = Traffic(Clock())
    traffic.observe(**stored("a"), request_bytes=10)
    stats = traffic.stats()
    assert decode_stats(encode_stats(stats)) == stats


def test_observing_takes_no_more_steps_with_more_tokens() -> None:
    taken = []
    for tokens in (100, 10_000, 100_000):
        traffic = Traffic(Clock())
        for number in range(tokens):
            traffic.observe(**stored(f"t{number}"), request_bytes=300)
        counts = [
            steps(partial(traffic.observe, decided(f"t{number}"), 3000, [Outcome.STORED]))
            for number in range(tokens - 200, tokens + 200)
        ]
        taken.append(max(counts))
    assert max(taken) <= taken[0] + 8
    assert max(taken) <= 80
