"""The oldest parts are deleted, and what is left is judged as if they had never been."""

from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pyingest.message import Request
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunReader
from shadow.runs.manifest import COMPLETE, KILLED, RECORDING, PartManifest, RunManifest
from shadow.runs.retention import MARGIN, Keep, prune, unneeded
from shadow.runs.run import Run
from shadow.testing import ONE

HOUR = 3600.0


def proxy(ordinal: int, hour: float, state: str = COMPLETE, size: int = 100) -> PartManifest:
    began = hour * HOUR
    return PartManifest(
        name=f"proxy-0.{ordinal:04d}",
        ordinal=ordinal,
        created=began,
        ended=0.0 if state == RECORDING else began + HOUR,
        first=began - 1,
        size=size,
        state=state,
    )


def tap(ordinal: int, hour: float, state: str = COMPLETE, size: int = 100) -> PartManifest:
    began = hour * HOUR
    return PartManifest(
        name=f"tap.{ordinal:04d}",
        ordinal=ordinal,
        created=began,
        ended=0.0 if state == RECORDING else began + HOUR,
        last=began + HOUR - 1,
        size=size,
        state=state,
    )


def hourly(hours: int) -> list[PartManifest]:
    parts = []
    for hour in range(hours):
        state = RECORDING if hour == hours - 1 else COMPLETE
        parts += [proxy(2 * hour + 1, hour, state), tap(2 * hour + 2, hour, state)]
    return parts


def named(parts: list[PartManifest]) -> list[str]:
    return [part.name for part in parts]


def test_nothing_is_deleted_without_a_limit() -> None:
    assert unneeded(hourly(5), Keep(), 1e9) == []


def test_exchanges_go_before_the_events_that_they_may_need() -> None:
    chosen = named(unneeded(hourly(5), Keep(seconds=2 * HOUR), 5 * HOUR))
    assert chosen == ["proxy-0.0001", "proxy-0.0003", "tap.0002"]


def test_enough_is_deleted_for_a_size_and_no_more() -> None:
    chosen = unneeded(hourly(5), Keep(bytes=650), 5 * HOUR)
    assert named(chosen) == ["proxy-0.0001", "proxy-0.0003", "tap.0002", "proxy-0.0005"]
    assert sum(part.size for part in hourly(5)) - sum(part.size for part in chosen) <= 650


def test_what_is_short_on_the_disk_is_got_back_whatever_is_to_be_kept() -> None:
    assert named(unneeded(hourly(5), Keep(), 5 * HOUR, short=1)) == ["proxy-0.0001"]


def test_a_part_of_a_killed_writer_goes_too_else_nothing_after_it_could() -> None:
    parts = [proxy(1, 0, KILLED), proxy(2, 1), proxy(3, 2, RECORDING)]
    assert named(unneeded(parts, Keep(seconds=1.0), 9 * HOUR)) == ["proxy-0.0001", "proxy-0.0002"]


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.sampled_from([COMPLETE, RECORDING])),
        max_size=14,
    ),
    st.integers(0, 900),
    st.integers(0, 20),
)
def test_no_exchange_is_left_whose_events_are_gone(
    made: list[tuple[bool, int, str]], size: int, hours: int
) -> None:
    parts = [
        (proxy if is_proxy else tap)(ordinal, hour, state)
        for ordinal, (is_proxy, hour, state) in enumerate(made, 1)
    ]
    chosen = unneeded(parts, Keep(size, hours * HOUR), 31 * HOUR)
    left = [part for part in parts if part not in chosen]
    assert not any(part.state == RECORDING for part in chosen)
    needed = min((part.first for part in left if part.first), default=1e18)
    assert all(part.last + MARGIN < needed for part in chosen if part.last)


def recorded(directory: Path, hours: int) -> Run:
    """Return a run of one proxy and one tap that rotate at the hour, two requests in each."""
    run = Run.create(directory, RunManifest(created=0.0, partitions=2))
    number = 0
    for hour in range(hours):
        now = hour * HOUR
        writers = [run.part(name, clock=partial(float, now)) for name in ("proxy-0", "tap")]
        counted = Ledger()
        for minute in (10, 50):
            number, at = number + 1, now + minute * 60
            body = b'{"event":"e","properties":{"distinct_id":"p%d"}}' % number
            request = Request(b"GET", b"/track?data=" + body)
            exchange = Exchange(number, at, request, ONE, ONE)
            writers[0].add_exchange(exchange)
            counted.ended(exchange)
            for side in Side:
                writers[1].add_event(TappedEvent(side, "events", number, at + 1, body))
        writers[0].seal(counted.to_dict(), {}, now + HOUR)
        writers[1].seal({}, {}, now + HOUR)
    return run


def test_what_was_deleted_is_counted_and_the_rest_adds_up(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", 6)
    gone = prune(run, Keep(seconds=2 * HOUR), 6 * HOUR)
    assert (gone.parts, gone.exchanges, gone.events) == (6, 6, 12)
    run.close()
    left = RunReader(tmp_path / "run")
    assert (sum(left.manifest.exchanges), sum(left.manifest.events)) == (6, 12)
    assert (left.manifest.ledger["received"], left.manifest.ledger["remainder"]) == (6, 0)
    assert left.since == 3 * HOUR + 600
    assert (left.damage, left.manifest.state) == ([], "complete")
    assert "6 earlier parts of this run were deleted" in left.manifest.notes[0]
    assert "6 requests and 12 events" in left.manifest.notes[0]
    assert run.manifest.pruned.ledger["received"] == 6


def test_a_deletion_that_was_cut_short_is_carried_on_and_not_counted_twice(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", 3)
    prune(run, Keep(seconds=HOUR), 3 * HOUR)
    name = run.manifest.pruned.names[0]
    left = tmp_path / "run/parts" / name
    left.mkdir()
    (left / "manifest.json").write_text("{")
    assert RunReader(tmp_path / "run").damage[0].where == "manifest.json"
    before = run.manifest.pruned
    assert prune(run, Keep(seconds=HOUR), 3 * HOUR).parts == 0
    assert run.manifest.pruned == before
    assert not left.exists()
