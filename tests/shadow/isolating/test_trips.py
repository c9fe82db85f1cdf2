"""When mirroring has to stop for a while, though the candidate answers."""

from collections.abc import Iterable

import pytest

from shadow.isolating.settings import TripSettings
from shadow.isolating.trips import Look, Trip, Trips
from shadow.status import QueueStatus

LIMITS = TripSettings(
    stall=0.2,
    stall_looks=3,
    memory=1000,
    lane=5.0,
    queue_lag=100,
    queue_depth=1000,
    queue_age=30.0,
    queue_growing=8.0,
    queue_floor=10,
    calm=4.0,
    release=0.5,
)


def causes(trips: Trips, looks: Iterable[Look]) -> list[str]:
    """Return the first letter of the cause that holds after each look, ``-`` where none does."""
    found = [trips.look(look) for look in looks]
    return [trip.cause[0] if trip else "-" for trip in found]


def stalls(*seconds: float, start: int = 0) -> list[Look]:
    return [Look(float(now), stall=stall) for now, stall in enumerate(seconds, start)]


def queue(now: float, **candidate: float) -> Look:
    status = QueueStatus(**candidate)  # type: ignore[arg-type]  # depth and lag are whole numbers
    return Look(now, queues={"candidate events": status, "legacy events": QueueStatus(depth=5)})


def test_all_is_well_while_nothing_is_known() -> None:
    looks = [Look(float(now), queues={"candidate events": QueueStatus()}) for now in range(50)]
    assert causes(Trips(LIMITS), looks) == ["-"] * 50
    assert causes(Trips(TripSettings()), looks) == ["-"] * 50


def test_one_stall_is_no_reason_but_some_in_a_row_are() -> None:
    assert causes(Trips(LIMITS), stalls(0.5, 0.5, 0.1, 0.5, 0.5, 0.5)) == [*"-----p"]


def test_a_trip_says_what_it_saw() -> None:
    trips = Trips(LIMITS)
    told = [trips.look(look) for look in stalls(0.5, 0.5, 0.25)][-1]
    assert str(told) == "proxy lag: the proxy looked at nothing for 250 ms, 3 seconds in a row"


def test_a_trip_ends_when_all_was_well_for_a_while() -> None:
    trips = Trips(LIMITS)
    causes(trips, stalls(0.5, 0.5, 0.5))
    assert causes(trips, stalls(0.1, 0.1, 0.1, 0.1, 0.1, start=3)) == [*"pppp-"]


def test_what_swings_around_its_bound_opens_the_circuit_once() -> None:
    trips = Trips(LIMITS)
    looks = stalls(*[0.3] * 3, *[0.19, 0.3, 0.15] * 30)
    assert causes(trips, looks) == ["-", "-", *["p"] * 91]


def test_a_trip_that_follows_soon_lasts_longer() -> None:
    trips, now, lengths = Trips(LIMITS), 0, []
    for _ in range(4):
        causes(trips, stalls(0.5, 0.5, 0.5, start=now))
        now += 3
        before = now
        while trips.look(Look(float(now))):
            now += 1
        lengths.append(now - before)
        now += 5
    assert lengths == [4, 8, 16, 32]


def test_after_a_long_time_a_trip_is_short_again() -> None:
    trips = Trips(LIMITS)
    for start in (0, 20, 1_000):
        causes(trips, stalls(0.5, 0.5, 0.5, *[0.0] * 12, start=start))
    assert causes(trips, stalls(0.5, 0.5, 0.5, *[0.0] * 5, start=5_000)) == [*"--ppppp-"]


def test_memory_beyond_its_bound_is_a_reason() -> None:
    looks = [Look(float(now), memory=memory) for now, memory in enumerate([1000, 1001, 501, 500])]
    assert causes(Trips(LIMITS), looks) == [*"-mmm"]


def test_a_lane_that_is_full_for_long_is_a_reason() -> None:
    looks = [Look(float(now), lane_full=now != 3) for now in range(11)]
    assert causes(Trips(LIMITS), looks) == [*"----------f"]


@pytest.mark.parametrize(
    ("field", "within", "beyond", "told"),
    [
        ("lag", 100, 101, "101 messages wait for the tap, allowed are 100"),
        ("depth", 1_000, 1_001, "1,001 messages wait, allowed are 1,000"),
        ("age", 30.0, 31.0, "31 s is the age of the oldest message, allowed are 30"),
    ],
)
def test_a_queue_of_the_candidate_beyond_a_bound_is_a_reason(
    field: str, within: float, beyond: float, told: str
) -> None:
    trips = Trips(LIMITS)
    assert trips.look(queue(0.0, **{field: within})) is None
    trip = trips.look(queue(1.0, **{field: beyond}))
    assert trip == Trip("queue growth", f"candidate events: {told}")


def test_a_queue_of_legacy_beyond_a_bound_is_none() -> None:
    status = {"legacy events": QueueStatus(depth=9_999, lag=9_999, age=9_999.0)}
    assert Trips(LIMITS).look(Look(0.0, queues=status)) is None


def growing(candidate: list[int], legacy: list[int]) -> list[Look]:
    return [
        Look(
            float(now),
            queues={
                "candidate events": QueueStatus(depth=ours),
                "legacy events": QueueStatus(depth=theirs),
            },
        )
        for now, (ours, theirs) in enumerate(zip(candidate, legacy, strict=True))
    ]


READ = [20, 10]
"""Somebody reads the queue: it got shorter."""


def test_a_queue_that_grows_while_legacys_does_not_is_a_reason() -> None:
    looks = growing(READ + [11 * now for now in range(2, 13)], [5, 6] * 6 + [5])
    assert causes(Trips(LIMITS), looks)[7:10] == [*"-qq"]


def test_a_queue_that_grows_as_legacys_does_is_none() -> None:
    depths = READ + [11 * now for now in range(2, 30)]
    assert set(causes(Trips(LIMITS), growing(depths, depths))) == {"-"}


def test_a_queue_that_nobody_reads_is_meant_to_grow() -> None:
    depths = [30 * now for now in range(30)]
    assert set(causes(Trips(LIMITS), growing(depths, [5] * 30))) == {"-"}


def test_a_queue_that_goes_up_and_down_or_is_short_does_not_grow() -> None:
    swinging = READ + [50, 60, 40, 30] * 7
    short = [2, 1, *range(2, 10)]
    assert set(causes(Trips(LIMITS), growing(swinging, [5] * 30))) == {"-"}
    assert set(causes(Trips(LIMITS), growing(short, [5] * 10))) == {"-"}


def test_a_tax_stops_the_mirroring_for_a_pause_that_doubles() -> None:
    trips, now, lengths = Trips(LIMITS, pause=10.0), 0.0, []
    for _ in range(3):
        trip = trips.look(Look(now, tax="p50 9 ms with a copy, 5 ms without"))
        assert trip is not None
        assert str(trip).startswith("shadow tax: p50 9 ms")
        began = now
        while trips.look(Look(now)):
            now += 1.0
        lengths.append(now - began)
        now += 1_000.0
    assert lengths == [10.0, 20.0, 40.0]


def test_every_bound_of_nothing_is_off() -> None:
    names = ("stall", "memory", "lane", "queue_lag", "queue_depth", "queue_age", "queue_growing")
    trips = Trips(TripSettings(**dict.fromkeys(names, 0)))
    bad = QueueStatus(lag=10**9, depth=10**9, age=1e9)
    queues = {"candidate events": bad}
    looks = [
        Look(float(now), stall=9.0, memory=10**12, lane_full=True, queues=queues)
        for now in range(300)
    ]
    assert set(causes(trips, looks)) == {"-"}
