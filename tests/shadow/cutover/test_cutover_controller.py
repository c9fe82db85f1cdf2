"""A proxy's part of a cutover: it follows the directory, and rolls back before it writes."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock

from pyingest.message import Request, Response
from shadow.cutover.controller import Controller
from shadow.cutover.guards import Guards, Trip
from shadow.cutover.processes import ArmTold, Told, sight, tidy, told
from shadow.cutover.router import Mirroring, StageRouter
from shadow.cutover.stage import FLIPPED, SHADOW, Phase, Proof, Stage, State, rolled_back
from shadow.cutover.store import Store
from shadow.exchange import Answered, Exchange, Failed, Failure, NotMirrored, Reason, Side

REQUEST = Request(b"GET", b"/track")
REFUSED = Failed(Failure.REFUSED, "", 0.0)
ONE = Answered(Response(200, b"OK", (), b"1"), 0.001)
PROOF = Proof(verdict="PASS", build="1.4", policy="aa", run="first", at=1.0)


def failing() -> Exchange:
    return Exchange(1, 0.0, REQUEST, NotMirrored(Reason.ALONE), REFUSED, Side.CANDIDATE)


class Worker:
    """One proxy process, without the proxy."""

    def __init__(self, store: Store, name: str = "proxy-0", build: str = "1.4") -> None:
        self.clock = Clock()
        self.router = StageRouter(Mirroring(), copied=False)
        self.controller = Controller(
            self.clock,
            store,
            self.router,
            Guards(),
            name,
            build,
            now=lambda: 1_000.0,
            ticks=self.clock.seconds,
        )
        self.controller.start()

    def owner(self) -> Side:
        return self.router.route(REQUEST).owner

    def fail(self, times: int = 8) -> None:
        for _ in range(times):
            self.controller.see(failing())

    def wait(self, seconds: float = 0.1) -> None:
        for _ in range(round(seconds / 0.1)):
            self.clock.advance(0.1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "cutover")
    found.plan(State(who="ann"))
    return found


def to(store: Store, stage: Stage, **more: Any) -> State:
    """Put the cutover at *stage*."""
    state = store.read()
    return store.change(
        state.epoch,
        lambda one: msgspec.structs.replace(
            one, epoch=one.epoch + 1, stage=stage, proof=PROOF, **more
        ),
    )


def test_a_worker_begins_where_the_cutover_stands(store: Store) -> None:
    assert Worker(store).owner() is Side.LEGACY
    to(store, FLIPPED)
    assert Worker(store).owner() is Side.CANDIDATE


def test_a_worker_follows_within_a_tenth_of_a_second(store: Store) -> None:
    worker = Worker(store)
    to(store, FLIPPED)
    worker.wait(0.1)
    assert worker.owner() is Side.CANDIDATE


def test_a_guard_that_fires_makes_legacy_answer_the_next_request(store: Store) -> None:
    to(store, FLIPPED)
    worker = Worker(store)
    worker.fail()
    assert worker.owner() is Side.LEGACY
    state = store.read()
    assert (state.stage, state.what, state.who) == (SHADOW, "rolled back", "proxy-0")
    assert "8 times in a row" in state.why


def test_other_workers_follow_a_roll_back(store: Store) -> None:
    to(store, FLIPPED)
    one, other = Worker(store), Worker(store, "proxy-1")
    one.fail()
    other.wait(0.1)
    assert other.owner() is Side.LEGACY


def test_of_two_workers_that_fire_the_first_is_in_the_history(store: Store) -> None:
    to(store, FLIPPED)
    one, other = Worker(store), Worker(store, "proxy-1")
    one.fail()
    other.fail()
    assert other.owner() is Side.LEGACY
    assert [state.who for state in store.history() if state.what == "rolled back"] == ["proxy-0"]


def test_a_disk_that_refuses_does_not_hinder_the_roll_back(store: Store) -> None:
    to(store, FLIPPED)
    worker = Worker(store)
    store.directory.rename(store.directory.with_name("away"))
    worker.fail()
    worker.wait(1.0)
    assert worker.owner() is Side.LEGACY
    assert "only in this process" in worker.controller.error
    store.directory.with_name("away").rename(store.directory)
    worker.wait(0.1)
    assert store.read().what == "rolled back"
    assert worker.controller.error == ""


def test_a_lock_that_is_held_does_not_hinder_the_roll_back(store: Store) -> None:
    to(store, FLIPPED)
    worker = Worker(store)
    with store._locked():
        worker.fail()
        assert worker.owner() is Side.LEGACY
        assert store.read().stage == FLIPPED
    worker.wait(0.1)
    assert store.read().stage == SHADOW


def test_a_torn_file_shifts_nobody(store: Store) -> None:
    to(store, FLIPPED)
    worker = Worker(store)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:20])
    worker.wait(0.5)
    assert worker.owner() is Side.CANDIDATE
    assert "not a stage" in worker.controller.error
    store.path.write_bytes(whole)
    worker.wait(0.2)
    assert worker.controller.error == ""


def test_a_proxy_before_another_build_rolls_back_at_its_start(store: Store) -> None:
    to(store, Stage(Phase.RAMP, 25.0))
    worker = Worker(store, build="1.5")
    assert worker.owner() is Side.LEGACY
    assert "reached with build '1.4', this proxy was told '1.5'" in store.read().why


def test_a_roll_back_by_hand_meanwhile_is_not_undone(store: Store) -> None:
    state = to(store, FLIPPED)
    worker = Worker(store)
    store.change(state.epoch, lambda one: rolled_back(one, who="ann", why="", at=2.0))
    worker.controller.roll_back(Trip("errors", "too many"))
    assert (store.read().who, worker.owner()) == ("ann", Side.LEGACY)
    assert len(store.history()) == 3


def test_a_process_tells_what_it_saw(store: Store) -> None:
    to(store, FLIPPED)
    worker = Worker(store)
    worker.fail(3)
    worker.wait(0.6)
    (seen,) = told(store.directory)
    assert (seen.name, seen.epoch, seen.stage) == ("proxy-0", 1, "flipped")
    assert (seen.candidate.requests, seen.candidate.errors) == (3, 3)
    assert seen.guards["outage"] == pytest.approx(3 / 8)
    worker.controller.stop()
    assert not worker.clock.getDelayedCalls()


def test_what_is_seen_of_a_stage_is_the_sum_of_its_processes() -> None:
    def one(name: str, at: float, epoch: int, requests: int, tripped: str = "") -> Told:
        return Told(
            name=name,
            pid=1,
            at=at,
            epoch=epoch,
            stage="",
            candidate=ArmTold(requests=requests),
            tripped=tripped,
        )

    processes = [
        one("a", 100.0, 3, 10),
        one("b", 90.0, 3, 20, "errors"),
        one("c", 100.0, 2, 40),
    ]
    seen = sight(processes, 3, now=101.0)
    assert (seen.proxies, seen.requests, seen.tripped) == (1, 30, ("errors",))


def test_what_ended_processes_left_behind_is_removed_when_their_stage_has_passed(
    store: Store,
) -> None:
    worker = Worker(store)
    worker.controller.stop()
    tidy(store.directory, 0, now=9_000.0)
    assert told(store.directory)
    tidy(store.directory, 1, now=1_001.0)
    assert told(store.directory)
    tidy(store.directory, 1, now=9_000.0)
    assert not told(store.directory)
