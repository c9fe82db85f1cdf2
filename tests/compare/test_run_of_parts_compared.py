"""A run of parts is judged as the same run in one part, while it grows and when some is deleted."""

from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from compare.stages.engine import summarise
from compare.stages.following import Following
from compare.stages.rules import Rules
from compare.testing import GOOD_TAP, dual_run
from pyingest.message import Request
from pyingest.wire.profile import MOCHIWEB
from shadow.exchange import Exchange, Side, TappedEvent
from shadow.ledger import Ledger
from shadow.recording import RunReader
from shadow.runs.manifest import RunManifest
from shadow.runs.retention import Keep, prune
from shadow.runs.run import Run

TAPS = {side.value: GOOD_TAP for side in Side}
ODD = (b"", b",", b'"', b',"n":1', b',"v":1.0e2')


def requests(count: int) -> list[Request]:
    random = Random(7)
    made = []
    for number in range(count):
        odd = ODD[number % len(ODD)] if number % 3 == 0 else b""
        same = random.randrange(number + 1) if random.random() < 0.1 else number
        body = b'{"event":"e","properties":{"token":"t","distinct_id":"p%d","n":%d%b}}' % (
            same % 17,
            same,
            odd,
        )
        made.append(Request(b"GET", b"/track?data=" + body))
    return made


def records(run: RunReader) -> list[tuple[float, Exchange | TappedEvent]]:
    found: list[tuple[float, Exchange | TappedEvent]] = []
    for number in run.partitions:
        found += [(one.at, one) for one in run.exchanges(number)]
        found += [(one.at, one) for one in run.events(number)]
    return sorted(found, key=lambda one: one[0])


def counted(exchanges: list[Exchange]) -> dict[str, int]:
    ledger = Ledger()
    for exchange in exchanges:
        ledger.ended(exchange)
    return ledger.to_dict()


@pytest.fixture
def whole(tmp_path: Path) -> RunReader:
    return dual_run(tmp_path / "whole", requests(90), lag=0.25)


def test_a_run_of_many_parts_gives_the_same_counts_as_one_part(
    whole: RunReader, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "parts", RunManifest(created=0.0, partitions=8))
    work = tmp_path / "work"
    work.mkdir()
    following = Following(tmp_path / "parts", Rules(), work)
    everything, spread = records(whole), cycle((0, 1, 2))
    for start in range(0, len(everything), 60):
        writers = [run.part(name) for name in ("proxy-0", "proxy-1", "proxy-2", "tap")]
        kept: list[list[Exchange]] = [[], [], []]
        for _, record in everything[start : start + 60]:
            if isinstance(record, Exchange):
                place = next(spread)
                kept[place].append(record)
                writers[place].add_exchange(record)
            else:
                writers[3].add_event(record)
        following.poll()
        for writer, exchanges in zip(writers, kept, strict=False):
            writer.close(counted(exchanges), {})
        writers[3].close({}, TAPS)
        following.poll()
        following.look()
    run.close()
    parts = RunReader(tmp_path / "parts")
    following.poll()
    one, other = summarise(whole, Rules()), summarise(parts, Rules())
    assert (other.events, other.units, other.kinds) == (one.events, one.units, one.kinds)
    assert [(each.signature, each.requests) for each in other.causes] == [
        (each.signature, each.requests) for each in one.causes
    ]
    assert one.causes
    streamed = following.look(final=True)
    assert (streamed.events, streamed.units) == (other.events, other.units)
    assert (other.damage, other.pending) == ([], 0)


def test_what_is_left_after_deleting_has_no_difference_that_was_not_there(tmp_path: Path) -> None:
    # An hour between requests; the candidate's events come twenty minutes after legacy's, so that
    # every cut goes through some pair.
    source = dual_run(tmp_path / "whole", requests(30), MOCHIWEB, lag=0.34)
    run = Run.create(tmp_path / "parts", RunManifest(created=0.0, partitions=8))
    everything = [(at * 3600, replace(record, at=at * 3600)) for at, record in records(source)]
    shift = 900.0
    for number in range(20):
        since = (1000 + number * 2) * 3600.0
        proxy, tap = (run.part(name, clock=partial(float, since)) for name in ("proxy-0", "tap"))
        kept = []
        for at, record in everything:
            if isinstance(record, Exchange) and since <= at < since + 7200:
                kept.append(record)
                proxy.add_exchange(record)
            elif isinstance(record, TappedEvent) and since <= at - shift < since + 7200:
                tap.add_event(record)
        proxy.seal(counted(kept), {}, since + 7200)
        tap.seal({}, TAPS, since + 7200)
    gone = prune(run, Keep(seconds=20 * 3600.0), 1040 * 3600.0)
    run.close()
    assert gone.parts > 4
    left = RunReader(tmp_path / "parts")
    found = summarise(left, Rules(late_after=3600.0))
    assert found.units.distinct > 3
    assert (found.units.queue_mismatches, found.causes, found.damage) == (0, [], [])
    assert found.pending == 0
    assert found.events.missing == found.events.extra == found.events.unlinked == 0
