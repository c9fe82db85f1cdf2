"""An event goes to one queue, always the same, and the queues are evenly filled."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.event import Event
from pyingest.ingest import Decision
from pyingest.message import Response
from pyingest.routing import Endpoint, Routes
from pyingest.traffic.placement import SLOTS, Placement, PlacementError, jump

ANSWER = Response(200)


@pytest.mark.parametrize(
    ("endpoint", "queue"),
    [
        (Endpoint.TRACK, "events"),
        (Endpoint.IMPORT, "events"),
        (Endpoint.ENGAGE, "profiles"),
        (Endpoint.GROUPS, "profiles"),
    ],
)
def test_imports_are_events_and_groups_are_profiles(endpoint: Endpoint, queue: str) -> None:
    assert Routes().queue(endpoint) == queue


def test_imports_and_groups_can_have_queues_of_their_own() -> None:
    routes = Routes(groups="companies", imports="old")
    assert routes.queue(Endpoint.GROUPS) == "companies"
    assert routes.queue(Endpoint.IMPORT) == "old"


def test_with_neither_classes_nor_shards_nothing_moves() -> None:
    decision = Decision((Event("events", b"{}", b"a:1"),), ANSWER, ANSWER, (), ("a",))
    assert Placement().placed(decision) is decision


def test_a_class_and_a_shard_are_said_in_the_name() -> None:
    placement = Placement({"vip": ["a"], "bulk": ["b"]}, shards=4)
    events = (Event("events", b"1", b"a:1", b"id"), Event("events", b"2", b"c:1"))
    first, second = placement.placed(Decision(events, ANSWER, ANSWER, (), ("a", "c"))).events
    assert first.queue.startswith("events-vip-")
    assert (first.body, first.key, first.id) == (b"1", b"a:1", b"id")
    assert second.queue in {f"events-{shard}" for shard in range(4)}
    assert Placement({"vip": ["a"]}).queue("events", "a", b"") == "events-vip"


def test_every_queue_that_is_used_is_named_beforehand() -> None:
    placement = Placement({"vip": ["a"]}, shards=3)
    names = set(placement.queues(["events", "profiles"]))
    assert len(names) == 2 * 2 * 3
    used = {placement.queue("events", token, b"%d" % n) for token in "ab" for n in range(99)}
    assert used == {name for name in names if name.startswith("events")}


@given(st.binary(max_size=40), st.integers(1, 256))
def test_a_person_is_always_in_the_same_shard(key: bytes, shards: int) -> None:
    one, other = Placement(shards=shards), Placement(shards=shards)
    assert one.queue("events", "a", key) == other.queue("events", "b", key)


def test_the_shard_of_a_key_is_the_same_in_every_version() -> None:
    placement = Placement(shards=8)
    found = [placement.queue("events", "", b"token:user-%d" % n) for n in range(8)]
    assert found == [f"events-{shard}" for shard in (2, 7, 3, 2, 5, 3, 1, 3)]


@pytest.mark.parametrize("shards", [2, 3, 8, 16])
def test_shards_are_evenly_filled(shards: int) -> None:
    placement = Placement(shards=shards)
    keys = [b"%08x:user-%d" % (n % 50, n) for n in range(40_000)]
    filled = Counter(placement.queue("events", "", key) for key in keys)
    assert len(filled) == shards
    assert max(filled.values()) < 1.25 * len(keys) / shards


def test_events_without_a_key_are_spread() -> None:
    placement = Placement(shards=4)
    events = tuple(Event("events", b'{"n":%d}' % n) for n in range(100))
    placed = placement.placed(Decision(events, ANSWER, ANSWER)).events
    assert len({event.queue for event in placed}) == 4


@pytest.mark.parametrize("shards", [1, 4, 9, 31])
def test_one_shard_more_moves_only_its_own_share_and_only_to_itself(shards: int) -> None:
    moved = [slot for slot in range(SLOTS) if jump(slot, shards) != jump(slot, shards + 1)]
    assert all(jump(slot, shards + 1) == shards for slot in moved)
    assert 0.6 < len(moved) * (shards + 1) / SLOTS < 1.5


@pytest.mark.parametrize(
    ("classes", "shards", "reason"),
    [
        ({"vip": ["a"], "bulk": ["a"]}, 1, "'a' is in vip and in bulk; keep one"),
        ({"": ["a"]}, 1, "no name"),
        ({"vip": [""]}, 1, "empty"),
        ({}, 0, "between 1 and 256"),
        ({}, 257, "between 1 and 256"),
    ],
)
def test_classes_and_shards_that_make_no_sense_are_refused(
    classes: dict[str, list[str]], shards: int, reason: str
) -> None:
    with pytest.raises(PlacementError, match=reason):
        Placement(classes, shards)
