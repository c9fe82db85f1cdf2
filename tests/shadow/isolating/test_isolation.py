"""All that protects the clients, put together."""

import math
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock

from pyingest.message import Request
from pyingest.serving.reading import SettingsError
from shadow.breaker import BreakerLimits, BreakerState
from shadow.exchange import Failure, Reason, Side
from shadow.isolating.isolation import Isolation, Means, breaker_limits, isolation_of
from shadow.isolating.settings import BreakerSettings, Isolating, LaneSettings
from shadow.isolating.switch import Control, control_file, write_control
from shadow.isolating.vitals import EVERY, Stalls, resident_bytes
from shadow.isolating.watch import TAP_STATUS, Watch
from shadow.isolating.watchedfile import replace
from shadow.lane import Lane, LaneLimits
from shadow.routing import MIRRORED, Route
from shadow.status import QueueStatus, Status

GET = Request(b"GET", b"/track?data=1")
CONTROL = Route(skip=Reason.CONTROL)
LANE: Lane[int] = Lane(LaneLimits())


class World:
    """Time and chance, and an isolation in them."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1_000.0
        self.random = Random(1)
        means = Means(self.random.random, lambda: self.now, lambda: self.now)
        self.isolation = isolation_of(msgspec.convert(settings, Isolating), "test.toml", means)

    def second(self, tax: float, requests: int = 400) -> None:
        """Let legacy answer for a second, and look."""
        for _ in range(requests):
            route = self.isolation.router.route(GET)
            seconds = self.random.lognormvariate(math.log(0.02), 0.3)
            if route is MIRRORED:
                seconds *= 1 + tax
            self.isolation.answered(route, seconds, self.now)
            self.now += 1 / requests
        self.isolation.look(self.now, LANE, {}, 0.0, 0)


def told(isolation: Isolation) -> Status:
    status = Status(name="proxy-0", pid=1, began=0.0, at=0.0)
    isolation.tell(status)
    return status


def test_without_settings_everything_is_mirrored() -> None:
    isolation = World().isolation
    assert isolation.router.route(GET) is MIRRORED
    assert isolation.lane_limits == LaneLimits()
    assert isolation.recorded() == {}
    assert isolation.taxes() == []
    assert told(isolation) == Status(name="proxy-0", pid=1, began=0.0, at=0.0)


def test_a_rule_that_means_nothing_names_the_file() -> None:
    with pytest.raises(SettingsError, match=r"^test\.toml: rules\[1\]"):
        World(rules=[{"method": "get"}])


def test_the_defaults_of_the_file_are_those_of_the_breaker_and_the_lane() -> None:
    assert breaker_limits(BreakerSettings()) == BreakerLimits()
    assert LaneLimits(*(getattr(LaneSettings(), one) for one in ("requests", "bytes", "in_flight")))
    assert breaker_limits(BreakerSettings(counted=("reset",))).counted == (Failure.RESET,)


def test_a_tax_opens_the_circuit_and_says_so() -> None:
    world = World(sampling={"control": 0.1})
    for _ in range(200):
        world.second(tax=0.5)
        if world.isolation.trip:
            break
    status = told(world.isolation)
    assert status.breaker.state == "open"
    assert status.breaker.why.startswith("shadow tax: p50 ")
    assert "ms with a copy" in status.breaker.why


def test_after_the_pause_the_candidate_is_tried_again() -> None:
    world = World(
        sampling={"control": 0.1}, isolation={"tax": {"pause": 5.0}, "trips": {"calm": 1.0}}
    )
    while not world.isolation.trip:
        world.second(tax=0.5)
    for _ in range(5):
        assert not world.isolation.breaker.allows(world.now)
        world.second(tax=0.0)
    assert world.isolation.breaker.allows(world.now)
    assert world.isolation.breaker.state is BreakerState.HALF_OPEN


def test_without_a_tax_the_circuit_stays_closed_and_the_estimate_says_so() -> None:
    world = World(sampling={"control": 0.1})
    for _ in range(60):
        world.second(tax=0.0)
    assert world.isolation.trip is None
    tax = world.isolation.taxes()[0]
    assert tax is not None
    assert tax.low <= 0.0 <= tax.high


def test_a_tax_may_be_told_without_opening_the_circuit() -> None:
    world = World(sampling={"control": 0.1}, isolation={"tax": {"trip": False}})
    for _ in range(60):
        world.second(tax=0.5)
    assert not world.isolation.breaker.is_open
    tax = world.isolation.taxes()[0]
    assert tax is not None
    assert tax.low > 0.005


def test_only_what_legacy_owns_and_both_arms_could_get_counts_for_the_tax() -> None:
    isolation = World(sampling={"control": 0.1}).isolation
    for route in (
        CONTROL,
        MIRRORED,
        Route(skip=Reason.FILTERED),
        Route(skip=Reason.NOT_SAMPLED),
        Route(skip=Reason.SWITCHED_OFF),
        Route(Side.CANDIDATE),
    ):
        isolation.answered(route, 0.001, 5.0)
    arm = told(isolation).arm
    assert (sum(arm.control.values()), sum(arm.mirrored.values())) == (1, 1)


def test_nothing_counts_for_the_tax_while_the_circuit_is_open() -> None:
    isolation = World(sampling={"control": 0.1}).isolation
    isolation.breaker.hold("test", 0.0)
    isolation.answered(MIRRORED, 0.001, 5.0)
    assert told(isolation).arm.mirrored == {}


def test_rules_and_the_reason_of_the_switch_are_told() -> None:
    world = World(rules=[{"name": "gets", "method": "GET"}])
    world.isolation.router.route(GET)
    world.isolation.switch.take(write_control(Control(mirroring=False, why="smoke")))
    status = told(world.isolation)
    assert status.more == {"rules": {"gets": 1}, "switch": "smoke"}
    assert not status.mirroring


def test_what_is_recorded_says_how_the_arm_was_drawn() -> None:
    world = World(sampling={"control": 0.25, "control_by": "slice", "slice_seconds": 2.0})
    kept = world.isolation.recorded()
    assert (kept["control"], kept["by"], kept["stretch"]) == (0.25, "slice", 2.0)


def test_the_switch_is_obeyed_before_the_first_request(tmp_path: Path) -> None:
    replace(control_file(tmp_path), write_control(Control(mirroring=False)))
    clock, isolation = Clock(), World().isolation
    watch = Watch(clock, isolation, tmp_path, LANE)
    watch.start()
    assert isolation.router.route(GET).skip is Reason.SWITCHED_OFF
    replace(control_file(tmp_path), write_control(Control(mirroring=True)))
    clock.advance(0.1)
    assert isolation.router.route(GET) is MIRRORED
    watch.stop()
    assert clock.getDelayedCalls() == []


LIMITS = {"trips": {"queue_depth": 10, "stall": 0.0}}


def test_the_queues_are_read_from_the_status_of_the_tap(tmp_path: Path) -> None:
    clock, isolation = Clock(), World(isolation=LIMITS).isolation
    watch = Watch(clock, isolation, tmp_path, LANE)
    watch.start()
    (tmp_path / TAP_STATUS).parent.mkdir()
    queues = {"candidate events": QueueStatus(depth=11)}
    status = Status(name="tap", pid=2, began=0.0, at=0.0, queues=queues)
    replace(tmp_path / TAP_STATUS, msgspec.json.encode(status))
    clock.pump([1.0, 1.0])
    assert isolation.breaker.why.startswith("queue growth: candidate events: 11 messages")
    replace(tmp_path / TAP_STATUS, b"{")
    clock.pump([1.0, 1.0])
    watch.stop()


def test_one_process_gives_the_queues_itself(tmp_path: Path) -> None:
    clock, isolation = Clock(), World(isolation=LIMITS).isolation
    queues = {"candidate events": QueueStatus(depth=11)}
    watch = Watch(clock, isolation, tmp_path, LANE, lambda: queues)
    watch.start()
    clock.advance(1.0)
    assert isolation.breaker.is_open
    watch.stop()


def test_a_stall_is_how_late_the_loop_comes_to_its_beat() -> None:
    clock, now = Clock(), [0.0]
    stalls = Stalls(clock, lambda: now[0])
    stalls.start()
    for late in (0.0, 0.3, 0.1):
        now[0] += EVERY + late
        clock.advance(EVERY)
    assert round(stalls.take(), 6) == 0.3
    assert stalls.take() == 0.0
    now[0] += EVERY + 0.2  # asked in the middle of it
    assert round(stalls.take(), 6) == 0.2
    stalls.stop()
    assert clock.getDelayedCalls() == []


def test_the_memory_of_this_process_is_known() -> None:
    assert resident_bytes() > 2**20
