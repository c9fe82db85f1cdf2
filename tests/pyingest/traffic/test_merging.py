"""Stats of workers add up to the same in whatever order and grouping they come."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.event import Event
from pyingest.ingest import Decision, Rejected
from pyingest.message import Response
from pyingest.queues.interface import Outcome
from pyingest.traffic.merging import merge, merge_all, shortened
from pyingest.traffic.observer import Traffic
from pyingest.traffic.servers import Servers
from pyingest.traffic.stats import Stats, UnknownStats, decode_stats, encode_stats

REQUESTS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 5000), st.booleans(), st.integers(0, 90)),
    max_size=25,
)


def observed(requests: list[tuple[int, int, bool, int]], capacity: int) -> Stats:
    """Return the stats of a worker that had *requests*: token, bytes, validity, seconds since."""
    now = 1_800_000_000.0
    servers = Servers(["q1:22133", f"q{capacity}:22133"])
    traffic = Traffic(lambda: now, capacity, servers)
    for number, size, good, wait in requests:
        now += wait
        token = f"t{number}"
        events = (Event("events", b'{"mp_lib":"web"}'),) if good else ()
        refused = () if good else (Rejected("track", f"reason {number % 3}", b"", token),)
        decision = Decision(events, Response(200), Response(200), refused, (token,) * good)
        outcome = Outcome.STORED if number % 4 else Outcome.FULL
        traffic.observe(decision, size, [outcome] * good, endpoint=f"e{number % 2}")
        servers.begin("q1:22133")
    return traffic.stats()


WORKERS = st.builds(observed, REQUESTS, st.integers(2, 6))


@settings(max_examples=60, deadline=None)
@given(WORKERS, WORKERS, WORKERS)
def test_merging_is_associative_and_commutative(one: Stats, two: Stats, three: Stats) -> None:
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    assert encode_stats(merge_all(one, two, three)) == encode_stats(merge_all(three, one, two))


@settings(max_examples=60, deadline=None)
@given(st.lists(REQUESTS, min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 4))
def test_the_bounds_hold_for_all_workers_together(
    workers: list[list[tuple[int, int, bool, int]]], capacity: int, most: int
) -> None:
    first, *others = [observed(requests, capacity) for requests in workers]
    together = merge_all(first, *others)
    truth = Counter(f"t{number}" for requests in workers for number, *_ in requests)
    assert together.workers == len(workers)
    assert together.since_start.totals.requests == sum(truth.values())
    for listed in (together.since_start.tokens, shortened(together.since_start.tokens, most)):
        names = {sender.token for sender in listed.senders}
        for sender in listed.senders:
            assert sender.records.at_least <= truth[sender.token] <= sender.records.at_most
        assert all(truth[token] <= listed.unlisted.records for token in truth.keys() - names)


def test_a_server_is_counted_by_each_worker_that_has_it() -> None:
    together = merge(observed([(1, 1, True, 0)], 3), observed([], 3))
    server = next(server for server in together.servers if server.name == "q1:22133")
    assert (server.alive, server.dead, server.in_flight) == (2, 0, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>", "no stats"),
        (b"{}", "no stats"),
        (b'{"version":99}', "version 99"),
        (b'{"version":1,"started":"x"}', "no stats"),
    ],
)
def test_what_is_not_stats_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnknownStats, match=reason):
        decode_stats(data)


def test_fields_that_a_later_program_added_are_no_trouble() -> None:
    data = encode_stats(observed([], 2)).replace(b"{", b'{"more":[1],', 1)
    assert decode_stats(data) == observed([], 2)


def test_equal_stats_are_equal_json() -> None:
    rng = random.Random(3)
    requests = [(rng.randrange(9), rng.randrange(99), True, 0) for _ in range(50)]
    shuffled = requests[:]
    rng.shuffle(shuffled)
    assert encode_stats(observed(requests, 20)) == encode_stats(observed(shuffled, 20))
