"""The list of servers says which to use, in as many steps for thousands as for two."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyingest.traffic.servers import Servers, UnknownServer
from pyingest.traffic.testing import steps

NAMES = ("a", "b", "c", "d")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "complete", "fail", "mark_dead", "mark_alive"]),
        st.sampled_from(NAMES),
        st.integers(1, 3),
    ),
    max_size=80,
)


@given(STEPS)
def test_the_least_loaded_server_is_alive_and_has_the_least_in_flight(
    todo: list[tuple[str, str, int]],
) -> None:
    servers = Servers(NAMES)
    flight, alive = dict.fromkeys(NAMES, 0), set(NAMES)
    for operation, name, events in todo:
        match operation:
            case "begin":
                servers.begin(name, events)
                flight[name] += events
            case "mark_dead":
                servers.mark_dead(name)
                alive.discard(name)
            case "mark_alive":
                servers.mark_alive(name)
                alive.add(name)
            case _ if flight[name] >= events:
                getattr(servers, operation)(name, events)
                flight[name] -= events
        assert {name: servers.in_flight(name) for name in NAMES} == flight
        assert {name for name in NAMES if servers.is_alive(name)} == alive
        assert len(servers) == len(alive)
        best = servers.least_loaded()
        assert (best in alive) if alive else best is None
        assert best is None or flight[best] == min(flight[name] for name in alive)


def test_equal_servers_take_turns() -> None:
    servers = Servers(NAMES)
    taken = []
    for _ in range(8):
        name = servers.least_loaded()
        assert name is not None
        servers.begin(name)
        servers.complete(name)
        taken.append(name)
    assert taken == list(NAMES) * 2


def test_the_rotation_leaves_the_dead_out_and_takes_the_revived_in() -> None:
    servers = Servers(NAMES)
    assert [servers.next_in_rotation() for _ in range(5)] == ["a", "b", "c", "d", "a"]
    servers.mark_dead("b")
    assert [servers.next_in_rotation() for _ in range(3)] == ["c", "d", "a"]
    servers.mark_alive("b")
    assert [servers.next_in_rotation() for _ in range(4)] == ["c", "d", "a", "b"]


def test_when_all_are_dead_there_is_no_server() -> None:
    servers = Servers(["a"])
    servers.mark_dead("a")
    servers.mark_dead("a")
    assert servers.least_loaded() is None
    assert servers.next_in_rotation() is None


def test_what_was_in_flight_when_a_server_died_is_still_expected_back() -> None:
    servers = Servers(["a", "b"])
    servers.begin("a", 3)
    servers.mark_dead("a")
    servers.fail("a")
    servers.mark_alive("a")
    assert servers.in_flight("a") == 2
    assert servers.least_loaded() == "b"
    servers.complete("a", 2)
    (state, _) = servers.states()
    assert (state.name, state.alive, state.in_flight) == ("a", 1, 0)
    assert (state.completed, state.failed) == (2, 1)


def test_more_than_is_in_flight_cannot_come_back() -> None:
    servers = Servers(["a"])
    servers.begin("a")
    with pytest.raises(ValueError, match="2 of 1"):
        servers.complete("a", 2)


def test_a_server_that_nobody_named_is_unknown() -> None:
    with pytest.raises(UnknownServer):
        Servers(["a"]).begin("z")


def route(servers: Servers, number: int) -> None:
    """Pick, send, lose one server, get it back: one of each operation."""
    name = servers.least_loaded()
    other = servers.next_in_rotation()
    assert name is not None
    assert other is not None
    servers.begin(name)
    servers.begin(other)
    servers.complete(other)
    servers.mark_dead(name)
    servers.fail(name)
    servers.mark_alive(name)


def test_routing_takes_no_more_steps_with_more_servers_or_more_in_flight() -> None:
    taken = []
    for count, flight in ((10, 1), (100, 100), (10_000, 1), (100_000, 1_000_000)):
        servers = Servers(f"s{number}" for number in range(count))
        for number in reversed(range(0, count, 3)):
            servers.begin(f"s{number}", 1 + flight * number // count)
        taken.append(max(steps(partial(route, servers, number)) for number in range(200)))
    assert max(taken[1:]) <= taken[0] + 8
