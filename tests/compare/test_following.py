"""A run that is compared as it grows ends with what a comparison of the whole gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from compare.policy.policy import load
from compare.render.as_json import render_json
from compare.report import report
from compare.stages.engine import summarise
from compare.stages.following import Following
from compare.stages.rules import Rules
from compare.stages.tally import Summary
from compare.testing import GOOD_TAP
from pyingest.ingest import ingest
from pyingest.message import Request
from pyingest.routing import Routes
from pyingest.wire.profile import MOCHIWEB, STRICT
from shadow.exchange import Answered, Exchange, NotMirrored, Reason, Side, TappedEvent
from shadow.recording import RunReader, RunWriter
from shadow.runs.manifest import Manifest

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
ODD = (b"", b",", b'"', b',"\\ud800":1', b',"n":2')
"""What stands at the end of some events; most of it only one side takes."""


@dataclass
class Recording:
    """A run of random traffic, of which each record has a moment when it is written."""

    random: Random
    count: int = 160

    def records(self) -> Iterator[tuple[float, Exchange | TappedEvent]]:
        """Yield exchanges and events with the time of their writing."""
        for number in range(1, self.count + 1):
            yield from self._request(number, 1_795_000_000.0 + number)

    def _request(self, number: int, at: float) -> Iterator[tuple[float, Exchange | TappedEvent]]:
        request = self._made(number)
        mirrored = self.random.random() < 0.95
        outcomes = []
        for side, profile in ((Side.LEGACY, MOCHIWEB), (Side.CANDIDATE, STRICT)):
            decision = ingest(request, "127.0.0.1", int(at), profile, Routes())
            outcomes.append(Answered(decision.stored, 0.001))
            if side is Side.CANDIDATE and not mirrored:
                continue
            for event in decision.events:
                for _ in range(self._copies(side)):
                    when = at + self._delay()
                    yield when, TappedEvent(side, event.queue, number, when, event.body)
        candidate = outcomes[1] if mirrored else NotMirrored(Reason.SHED)
        yield at + self.random.random() * 5, Exchange(number, at, request, outcomes[0], candidate)

    def _made(self, number: int) -> Request:
        same = self.random.randrange(1, number + 1) if self.random.random() < 0.1 else number
        stamp = b"" if same % 6 == 0 else b',"time":5'
        odd = ODD[same % len(ODD)] if same % 4 == 0 else b""
        body = b'data={"event":"e","properties":{"token":"t","distinct_id":"p%d","n":%d%b%b}}' % (
            same % 30,
            same,
            stamp,
            odd,
        )
        return Request(b"POST", b"/track", FORM, body)

    def _copies(self, side: Side) -> int:
        chance = self.random.random()
        if side is Side.CANDIDATE and chance < 0.04:
            return 2
        return 0 if chance > 0.97 else 1

    def _delay(self) -> float:
        return 45.0 if self.random.random() < 0.05 else self.random.random() * 3


def shown(run: RunReader, summary: Summary) -> bytes:
    policy, text = load("default")
    return render_json(report("run", run.manifest, summary, policy, text))


@pytest.mark.parametrize("seed", range(10))
def test_streaming_and_batch_agree(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    directory, work = tmp_path / "run", tmp_path / "work"
    work.mkdir()
    writer = RunWriter(directory, Manifest(created=0.0, partitions=8))
    following = Following(directory, Rules(), work)
    written = sorted(Recording(random).records(), key=lambda one: one[0])
    distinct: list[int] = []
    for _, record in written:
        if isinstance(record, Exchange):
            writer.add_exchange(record)
        else:
            writer.add_event(record)
        if random.random() < 0.1:
            writer.flush_next()
            following.poll()
        if random.random() < 0.02:
            distinct.append(following.look().units.distinct)
    writer.close({"mirrored": 0}, {side.value: GOOD_TAP for side in Side})
    following.poll()
    streamed, batch = following.look(final=True), summarise(RunReader(directory), Rules())
    run = RunReader(directory)
    assert (streamed.events, streamed.units) == (batch.events, batch.units)
    assert shown(run, streamed).splitlines() == shown(run, batch).splitlines()
    assert distinct == sorted(distinct)
    counts = batch.events
    assert counts.late > 0
    assert counts.missing > 0
    assert counts.duplicate > 0
    assert batch.causes


def test_what_may_still_find_its_partner_is_left_out(tmp_path: Path) -> None:
    directory, work = tmp_path / "run", tmp_path / "work"
    work.mkdir()
    writer = RunWriter(directory, Manifest(created=0.0, partitions=8))
    following = Following(directory, Rules(late_after=30.0), work)
    body = b'{"event":"e","properties":{"distinct_id":"p"}}'
    writer.add_event(TappedEvent(Side.LEGACY, "events", 1, 1_795_000_000.0, body))
    writer.flush()
    following.poll()
    assert following.look().events.missing == 0
    other = body.replace(b'"p"', b'"q"')
    writer.add_event(TappedEvent(Side.LEGACY, "events", 2, 1_795_000_031.0, other))
    writer.flush()
    following.poll()
    assert following.look().events.missing == 1
    writer.add_event(TappedEvent(Side.CANDIDATE, "events", 1, 1_795_000_032.0, body))
    writer.flush()
    following.poll()
    found = following.look().events
    assert (found.missing, found.identical, found.late) == (0, 1, 1)


def test_a_damaged_end_is_told_alike(tmp_path: Path) -> None:
    directory, work = tmp_path / "run", tmp_path / "work"
    work.mkdir()
    writer = RunWriter(directory, Manifest(created=0.0, partitions=1))
    for number in range(20):
        body = b'{"event":"e","properties":{"distinct_id":"p%d"}}' % number
        writer.add_event(TappedEvent(Side.LEGACY, "events", number, 1.0, body))
    writer.close({"mirrored": 0}, {side.value: GOOD_TAP for side in Side})
    segment = next(directory.glob("events-*"))
    segment.write_bytes(segment.read_bytes()[:-9])
    following = Following(directory, Rules(), work)
    following.poll()
    damage = following.look(final=True).damage
    assert damage == summarise(RunReader(directory), Rules()).damage
    assert any("cut short" in line for line in damage)
