"""The cutover's directory: whole files, one winner, a history that misses nothing."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from shadow.cutover.stage import State, rolled_back
from shadow.cutover.store import Busy, Late, Store, StoreError


def back(who: str, at: float = 1.0) -> Callable[[State], State]:
    return lambda state: rolled_back(state, who=who, why="", at=at)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "cutover")
    found.plan(State(who="ann"))
    return found


def test_what_was_planned_is_read(store: Store) -> None:
    assert store.read() == State(who="ann")
    assert store.history() == [State(who="ann")]


def test_a_cutover_is_planned_once(store: Store) -> None:
    with pytest.raises(StoreError, match="already"):
        store.plan(State())


def test_a_directory_without_a_cutover_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="mixmigrate cutover plan"):
        Store(tmp_path).read()


def test_a_change_goes_into_file_and_history(store: Store) -> None:
    changed = store.change(0, back("bob"))
    assert (changed.epoch, changed.who) == (1, "bob")
    assert store.read() == changed
    assert store.history() == [State(who="ann"), changed]


def test_who_expects_another_epoch_is_late_and_learns_who_was_first(store: Store) -> None:
    first = store.change(0, back("bob"))
    with pytest.raises(Late, match="bob was first") as late:
        store.change(0, back("eve"))
    assert late.value.state == first
    assert store.read() == first


def test_of_many_at_once_one_wins(store: Store) -> None:
    won: list[str] = []

    def try_it(name: str) -> None:
        try:
            store.change(0, back(name))
            won.append(name)
        except Late:
            pass

    threads = [threading.Thread(target=try_it, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.read().who] == won
    assert len(store.history()) == 2


def test_who_does_not_wait_is_told_that_another_is_at_it(store: Store) -> None:
    with store._locked(), pytest.raises(Busy):
        store.change(0, back("bob"), wait=False)


def test_a_change_that_a_crash_kept_out_of_the_history_is_put_back(store: Store) -> None:
    lost = store.change(0, back("bob"))
    history = store.directory / "history.jsonl"
    history.write_bytes(history.read_bytes().splitlines(keepends=True)[0] + b'{"epoch":1,"st')
    last = store.change(1, back("eve"))
    assert store.history()[-2:] == [lost, last]


def test_a_file_that_is_no_stage_is_refused(store: Store) -> None:
    store.path.write_bytes(b"{")
    with pytest.raises(StoreError, match=r"stage\.json: not a stage"):
        store.read()


@pytest.mark.parametrize("content", [b"{", b"", None])
def test_the_way_back_needs_no_sound_stage(store: Store, content: bytes | None) -> None:
    store.change(0, back("bob"))
    store.path.write_bytes(content) if content is not None else store.path.unlink()
    after = store.roll_back(back("eve"))
    assert (after.epoch, after.who, after.rules) == (3, "eve", store.history()[0].rules)
    assert store.read() == after == store.history()[-1]


def test_the_way_back_leaves_a_directory_without_a_cutover_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="mixmigrate cutover plan"):
        Store(tmp_path).roll_back(back("eve"))
    assert not list(tmp_path.iterdir())


def test_a_change_that_is_refused_changes_nothing(store: Store) -> None:
    def refuse(state: State) -> State:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change(0, refuse)
    assert store.read() == State(who="ann")
